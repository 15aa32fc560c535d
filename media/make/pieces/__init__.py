"""The shelf's music, a file each; every one gives a `Piece`."""
