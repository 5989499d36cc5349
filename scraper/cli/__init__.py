"""The command line: commands, output formats, the log and the progress panel of a run. No arithmetic of credits."""
