"""Where sessions and facts are kept: a file per store."""
