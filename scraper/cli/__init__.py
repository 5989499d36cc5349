"""What a user types and reads: commands, output, the panel of a run. No arithmetic of credits."""
