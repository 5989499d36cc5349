"""One module for each command: options in, a use case called, its result shown."""
