"""The edges: one module for each library that touches the world. They do not import each other."""
