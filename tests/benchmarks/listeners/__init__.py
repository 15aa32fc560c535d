"""What a listener of endless mp3 costs: ours beside icecast2. `python -m tests.benchmarks.listeners`."""
