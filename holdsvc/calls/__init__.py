"""Core 1: what a held call is, and what its caller gets next.

Pure. Nothing here waits, reads a clock, draws a random number, or knows a platform's name.
"""
