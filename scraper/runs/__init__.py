"""The use cases: what the program does with the core's rules and the ports' world."""
