"""Core 2: sound as data. Pure: no clock, no socket, no file."""
