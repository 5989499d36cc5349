"""Drift: fields and types of stored bodies that the vendor file or a SELECT does not describe."""
