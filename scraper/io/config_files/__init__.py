"""Readers of TOML and SQL files: they validate a whole file and return the core's values.

Nothing is imported here, so that a query reads its tables without the imports that validate vendors and jobs.
"""
