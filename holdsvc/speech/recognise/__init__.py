"""A file per recogniser."""
