"""Asterisk's end of AudioSocket, as version 22 was seen to behave: strict, without a buffer, and without a word at the end.

It sends what the caller's line gives fifty times a second, plays each frame as it comes, and ends the call at a frame in two
writes, of an unknown kind or empty. What it would only suffer from (other sizes, bursts, silence) it writes down.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from uuid import UUID

from msgspec import Struct, field

from holdsvc.audio.formats import FRAME, RATE

END, CALL, KEY, SOUND, LAST_SOUND = 0x00, 0x01, 0x03, 0x10, 0x18
HEAD = 3  # bytes: kind, and length in two
TICK = FRAME / RATE
WHOLE = 2 * FRAME  # bytes of 20 ms at 8 kHz
REST_WITHIN = 0.005  # seconds from a frame's head to its payload, then it gives up
BURST = 4  # frames at once that a telephone's buffer still takes
HUSH = 0.1  # seconds without a frame: the caller's telephone hears a hole


class Heard(Struct):
    """What came, and when."""

    sound: bytearray = field(default_factory=bytearray)  # 16 bits, low byte first
    at: list[float] = field(default_factory=list)  # seconds since the connection, a frame each
    findings: list[str] = field(default_factory=list)
    asleep: float = (
        0.0  # seconds by which we ourselves were late at the most: while we slept, nothing can be said of the pace
    )

    @property
    def seconds(self) -> float:
        return len(self.at) * TICK

    def gaps(self) -> list[float]:
        """Seconds between one frame and the next."""
        return [after - before for before, after in zip(self.at, self.at[1:], strict=False)]

    def of_the_pace(self) -> list[str]:
        """What is to be said against the pace, as far as we were awake to see it."""
        bursts = [at for at, before in zip(self.at[BURST:], self.at, strict=False) if at - before < TICK / 2]
        holes = [gap for gap in self.gaps() if gap > HUSH]
        if self.asleep > TICK:
            return []
        return [
            *(f"more than {BURST} frames at once, {at:.3f} s after the start" for at in bursts),
            *(f"no frame for {gap:.3f} s" for gap in holes),
        ]

    def lead(self) -> tuple[float, float]:
        """How far sound was ahead of its time and behind it, in seconds, counted from the first frame."""
        ahead = [index * TICK - (at - self.at[0]) for index, at in enumerate(self.at)]
        return max(ahead), -min(ahead)


class Leg:
    """A call on an open connection. `over` is done when it has ended; its value says how."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, call: UUID) -> None:
        self.heard = Heard()
        self.microphone: deque[bytes] = deque()  # what the caller says, 16 bits, 20 ms a piece
        self._reader, self._writer = reader, writer
        self._began = asyncio.get_running_loop().time()
        self._say(CALL, call.bytes)
        self._speaking = asyncio.create_task(self._speak())
        self.over = asyncio.create_task(self._listen())

    def say(self, sound: bytes) -> None:
        """16 bits, low byte first, behind what is being said."""
        whole = sound + bytes(-len(sound) % WHOLE)
        self.microphone.extend(whole[at : at + WHOLE] for at in range(0, len(whole), WHOLE))

    def press(self, digit: str) -> None:
        self._say(KEY, digit.encode())

    async def hang_up(self) -> None:
        """The end of the connection, and no frame that says so."""
        self._speaking.cancel()
        self._writer.close()
        await asyncio.wait({self.over})

    async def hear(self, seconds: float) -> None:
        """Until so much sound has come, or the call is over."""
        while self.heard.seconds < seconds and not self.over.done():
            await asyncio.wait({self.over}, timeout=TICK / 2)

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time() - self._began

    def _say(self, kind: int, payload: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(struct.pack(">BH", kind, len(payload)) + payload)

    async def _speak(self) -> None:
        loop, frames = asyncio.get_running_loop(), 0
        while True:
            self._say(SOUND, self.microphone.popleft() if self.microphone else bytes(WHOLE))
            frames += 1
            due = self._began + frames * TICK
            await asyncio.sleep(due - loop.time())
            self.heard.asleep = max(self.heard.asleep, loop.time() - due)

    async def _listen(self) -> str:
        try:
            while (how := await self._frame()) == "":
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            how = "closed"
        self._speaking.cancel()
        self._writer.close()
        return how

    async def _frame(self) -> str:
        """One frame; "" if the call goes on after it."""
        kind, length = struct.unpack(">BH", await self._reader.readexactly(HEAD))
        try:
            payload = await asyncio.wait_for(self._reader.readexactly(length), REST_WITHIN) if length else b""
        except TimeoutError:
            return self._fail("a frame came in two writes")
        if kind == END:
            return "ended"
        if not SOUND <= kind <= LAST_SOUND or not length:
            return self._fail(f"a frame of kind {kind:#04x} with {length} bytes")
        self._play(kind, payload)
        return ""

    def _play(self, kind: int, payload: bytes) -> None:
        heard = self.heard
        if (kind, len(payload)) != (SOUND, WHOLE):
            heard.findings.append(f"a frame of kind {kind:#04x} with {len(payload)} bytes leaves as one packet")
        heard.at.append(self.now)
        heard.sound += payload

    def _fail(self, why: str) -> str:
        self.heard.findings.append(f"{why}: the call ends")
        return "failed"


async def dial(host: str, port: int, call: UUID) -> Leg:
    reader, writer = await asyncio.open_connection(host, port)
    return Leg(reader, writer, call)
