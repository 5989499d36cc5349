"""Results as people and programs read them: tables and labelled lines, and plain objects for JSON."""
