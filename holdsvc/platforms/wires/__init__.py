"""Media formats of live streams, without a socket."""
