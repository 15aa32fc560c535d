"""What the wait log says."""
