"""TOML and SQL files at the edge: read, validated whole, and turned into the core's values.

Nothing is imported here: the tables of a query are read without what validates vendors and jobs.
"""
