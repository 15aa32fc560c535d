"""The end of a process in order: no new streams, then a while for those that there are, then they go on elsewhere.

Everything else is served as ever meanwhile, so that a caller whose stream we end finds us, or another process, behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from holdsvc.engine.plans import PlanBook
from holdsvc.engine.streams import Streams

WINDOW = 600.0  # seconds for streams to end by themselves, where others take the new ones
LINGER = 3.0  # seconds in which a balancer that asks /readyz once a second has found out, where there are others
AT_ONCE = 25  # streams that we part from in one go: each of their calls comes back for a document at that moment
PAUSE = 0.1  # seconds between two such, and between two looks
COME_BACK = 2.0  # seconds that a call has to come back to us, where there is nobody else
log = logging.getLogger(__name__)


async def drain(
    streams: Streams,
    plans: PlanBook,
    window: float | None,
    at_once: asyncio.Event,
    others: Callable[[], bool] = lambda: False,
    hang_up: Callable[[], None] = lambda: None,
) -> None:
    """`others`: whether another process would take a stream; `window` None: as long as that is so, and not for ever.

    `hang_up` closes connections on which nobody asks anything at the moment, so that what is asked next is asked of others.
    Once `at_once` is set, nothing is waited for.
    """
    streams.draining = True
    plans.begins_streams = others()
    loop = asyncio.get_running_loop()
    began = loop.time()
    linger = LINGER if others() else 0.0
    if others():
        hang_up()
    log.info("draining", extra={"streams": len(streams), "seconds": window})
    while not at_once.is_set():
        given = (WINDOW if plans.begins_streams else 0.0) if window is None else window
        if loop.time() >= began + (max(given, linger) if len(streams) else linger):
            break
        await pause(at_once, PAUSE)
        plans.begins_streams = others()
    moved = 0
    if others():
        hang_up()
    while len(streams) and not at_once.is_set():
        moved += await streams.part(AT_ONCE)
        await pause(at_once, PAUSE)
    if moved:
        await pause(at_once, COME_BACK)
    log.info("drained", extra={"moved": moved, "seconds": round(loop.time() - began, 1)})


async def pause(at_once: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(at_once.wait(), seconds)
