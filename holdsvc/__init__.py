"""holdsvc: the hold line that callers choose."""

__version__ = "0.1.0"
