"""A file per voice."""
