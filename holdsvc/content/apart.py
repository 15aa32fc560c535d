"""Modules of ours, run in a process of their own: what they break, or need, is theirs alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

REFUSED = 65  # exit code of a process that found the file bad (sysexits: EX_DATAERR)
UNABLE = 70  # of one that could not begin, whatever the file (EX_SOFTWARE)


def command(module: str, *words: str) -> list[str]:
    """Our interpreter, without the current folder or the user's own packages on its path."""
    return [sys.executable, "-P", "-s", "-m", module, *words]


def environment() -> dict[str, str]:
    """Nothing is handed on, no secret above all; one thread, one heap."""
    return {
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PATH": os.defpath,
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",
    }
