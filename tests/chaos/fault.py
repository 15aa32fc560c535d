"""What goes wrong, how often, and how the same run is made to lose something."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from msgspec import Struct

from tests.chaos.cluster import Cluster, raised

Inflict = Callable[[Cluster, float], Awaitable[None]]
Raised = Callable[[str], AbstractAsyncContextManager[Cluster]]


class Fault(Struct, frozen=True):
    name: str
    inflict: Inflict
    long: float  # how often, or for how many seconds
    short: float  # the same where there is little time
    unit: str  # of these: "times" or "s"
    flaw: str  # of `flawed.FLAWS`, which the control run has; "": there is none
    raised: Raised = raised  # takes a flaw, "" for none
