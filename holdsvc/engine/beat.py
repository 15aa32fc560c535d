"""What nobody waits for goes to the store together: a flush of the disk costs more than all that stands in it."""

from __future__ import annotations

import asyncio


class Beat:
    def __init__(self, seconds: float) -> None:
        """`seconds` from the first who waits for it."""
        self._seconds = seconds
        self._struck: asyncio.Event | None = None  # where some wait for the next one

    async def wait(self) -> None:
        if self._struck is None:
            self._struck = asyncio.Event()
            asyncio.get_running_loop().call_later(self._seconds, self._strike)
        await self._struck.wait()

    def _strike(self) -> None:
        struck, self._struck = self._struck, None
        if struck is not None:
            struck.set()
