"""What is freed is overwritten, so that no caller's voice is left in memory that nobody uses any more.

The C library does it, where it can (glibc); elsewhere what is freed stays until something else needs the place.
"""

from __future__ import annotations

import contextlib
import ctypes

PERTURB = -6  # glibc's M_PERTURB (mallopt(3)): freed memory is filled with this byte
FILL = 0xA5
# The same for a process that is being started, with the small pieces that would be kept aside unwiped for the next who asks.
ENVIRONMENT = {
    "PYTHONMALLOC": "malloc",
    "GLIBC_TUNABLES": f"glibc.malloc.perturb={FILL}:glibc.malloc.tcache_count=0",
}


def freed_is_wiped() -> bool:
    """From now on, in this process. False where the C library cannot."""
    with contextlib.suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None).mallopt(PERTURB, FILL))
    return False
