"""Where hold content comes from and how it is prepared."""
