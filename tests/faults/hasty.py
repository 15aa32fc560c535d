"""`python -m tests.faults.hasty python -m holdsvc serve ...`: the service, which gives those who say nothing and take nothing less
time before it sends them away, so that less has to be waited for."""

from __future__ import annotations

import sys

from holdsvc.cli import run
from holdsvc.engine import limits

SHARE = 0.25  # of the time that they have

if __name__ == "__main__":
    limits.IDLE *= SHARE
    limits.STUCK_FOR *= SHARE
    sys.exit(run(sys.argv[4:]))
