"""How a task ends that was told to: news of a line that breaks at this very moment can make it forget that."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

AGAIN = 0.2  # seconds until it is told again


async def ended(tasks: Collection[asyncio.Task[Any]]) -> None:  # Any: what they give is nobody's concern any more
    """Cancel until all have ended, those included that come meanwhile."""
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=AGAIN)
