"""Results for people, as tables and labelled lines, and for programs, as plain objects."""
