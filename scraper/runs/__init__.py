"""The use cases: the core's rules applied through the ports."""
