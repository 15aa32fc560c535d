"""Words in both directions."""
