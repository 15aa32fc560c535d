"""The rules of `holdsvc check`, a room for each thing that can be wrong. `codes` has what all of them find."""
