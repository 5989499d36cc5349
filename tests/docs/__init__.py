"""The documents, held against the program: generated blocks, recipes that run, commands that parse."""
