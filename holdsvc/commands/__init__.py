"""What the commands do. Each is imported only when it is asked for."""
