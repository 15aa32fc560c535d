"""What the browser phone hears: samples handed on in blocks, a little ahead of real time, so that a stop is heard at once."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable

RATE = 8000  # bytes of mu-law a second
BLOCK = 1600  # bytes in a message: 200 ms
LEAD = 0.4  # seconds ahead of real time at most
MOST = 60 * 60 * RATE  # bytes waiting; what comes on top is dropped

Send = Callable[[str, dict[str, str]], None]


class Speaker:
    def __init__(self, send: Send, now: Callable[[], float]) -> None:
        self._send = send
        self._now = now
        self._waiting = bytearray()
        self._until = 0.0  # when the page will have played what was sent
        self._more = asyncio.Event()

    def add(self, samples: bytes) -> None:
        if len(self._waiting) < MOST:
            self._waiting += samples
        self._more.set()

    def clear(self) -> None:
        """Forget what waits, and tell the page to forget what it has."""
        heard = self._until <= self._now() and not self._waiting
        self._waiting.clear()
        self._until = 0.0
        if not heard:
            self._send("clear", {})

    async def run(self) -> None:
        """Hand on what is due. Cancel it at the end."""
        while True:
            if not self._waiting:
                self._more.clear()
                await self._more.wait()
            wait = self.turn()
            if wait > 0:
                await asyncio.sleep(wait)

    def turn(self) -> float:
        """Send one block if it is due; the seconds until the next look otherwise."""
        ahead = self._until - self._now()
        early = ahead - (LEAD - BLOCK / RATE)
        if early > 0:
            return early
        block = bytes(self._waiting[:BLOCK])
        del self._waiting[:BLOCK]
        if block:
            self._until = max(self._until, self._now()) + len(block) / RATE
            self._send("media", {"payload": base64.b64encode(block).decode()})
        return 0.0
