"""A platform's end of a live stream, on a clock that is advanced: it plays what it was sent, and keeps what was heard."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime, timedelta

from holdsvc.audio.formats import RATE
from holdsvc.calls.model import CallId, CallRef
from holdsvc.errors import BadWebhook
from holdsvc.ports import Sharing, WireAudio, WireDigit, WireEvent, WireMark, WireStart, WireStop

STEP = 0.02


class Time:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


class PlainWire:
    """Words with blanks between them; sound in hexadecimal."""

    name = "plain"
    high_mark = 64 * 1024

    def __init__(self, platform: str = "acme", lead: float = 0.4, block: int = 1600, can_clear: bool = True) -> None:
        self.platform, self.lead, self.block, self.can_clear = platform, lead, block, can_clear

    def read(self, frame: str | bytes) -> WireEvent | None:
        match str(frame).split(" "):
            case ["start", stream, call, *token]:
                ref = CallRef(self.platform, CallId(call))
                return WireStart(ref, stream, token[0] if token else "", f"{stream}:start")
            case ["digit", digit, number]:
                return WireDigit(digit, f"digit{number}")
            case ["mark", name]:
                return WireMark(name)
            case ["audio"]:
                return WireAudio(b"\xff" * 160)
            case ["stop"]:
                return WireStop("stop")
            case ["connected"]:
                return None
        raise BadWebhook("bad_frame")

    def write_audio(self, stream: str, payload: bytes) -> str:
        return f"audio {stream} {payload.hex()}"

    def write_mark(self, stream: str, name: str) -> str:
        return f"mark {stream} {name}"

    def write_clear(self, stream: str) -> str:
        return f"clear {stream}"


class SharingWire(PlainWire):
    """The same words, of which all but the beginning is the same for all who hear the block."""

    sound_begins = b"audio from caller"[:16]

    def sharing(self, stream: str) -> Sharing:
        return Sharing("hexadecimal", f"audio {stream} ", lambda payload: payload.hex().encode())


class FarEnd:
    """The socket as the stream sees it, and the ear behind it."""

    def __init__(self, time: Time) -> None:
        self.time = time
        self.backlog = 0
        self.closed: int | None = None
        self.frames: list[str] = []
        self.buffer: deque[bytes | str] = deque()  # sound, and names of marks between it
        self.heard = bytearray()
        self.dry = 0.0  # seconds without sound since the first
        self.most = 0  # bytes that lay here at once
        self.marks: list[str] = []  # to be given back
        self._until = time.monotonic()

    def send(self, frame: str | bytes) -> None:
        assert self.closed is None, "nothing is sent after the end"
        assert isinstance(frame, str)
        self.frames.append(frame)
        self.play()
        match frame.split(" "):
            case ["audio", _, sound]:
                self.buffer.append(bytes.fromhex(sound))
            case ["mark", _, name]:
                self.buffer.append(name)
            case ["clear", _]:
                self.marks += [one for one in self.buffer if isinstance(one, str)]
                self.buffer.clear()
        self.most = max(self.most, sum(len(one) for one in self.buffer if isinstance(one, bytes)))

    def push(self, line: bytes) -> None:
        """What is framed already: whole frames of text, as a server sends them."""
        while line:
            assert line[0] == 0x81
            size = {126: 4, 127: 10}.get(line[1], 2)
            length = line[1] if size == 2 else int.from_bytes(line[2:size])
            message, line = line[size : size + length], line[size + length :]
            assert len(message) == length, "a message was cut"
            self.send(message.decode())

    def close(self, code: int) -> None:
        self.play()
        self.closed = self.closed or code

    def play(self) -> None:
        """Up to now."""
        now = self.time.monotonic()
        due, self._until = round((now - self._until) * RATE), now
        while self.buffer:
            first = self.buffer.popleft()
            if isinstance(first, str):
                self.marks.append(first)
            elif due <= 0:
                self.buffer.appendleft(first)
                break
            else:
                self.heard += first[:due]
                if len(first) > due:
                    self.buffer.appendleft(first[due:])
                due -= min(due, len(first))
        if self.heard:
            self.dry += due / RATE

    def said(self, word: str) -> list[str]:
        return [frame for frame in self.frames if frame.startswith(word)]

    def sound(self) -> bytes:
        return b"".join(bytes.fromhex(frame.split(" ")[2]) for frame in self.said("audio"))


async def settle() -> None:
    """Let everything run that can run at this moment."""
    for _ in range(10):
        await asyncio.sleep(0)
