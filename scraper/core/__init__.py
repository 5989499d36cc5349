"""The rules: pure functions and values, with no clock, randomness, files, network or await."""
