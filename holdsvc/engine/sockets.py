"""A websocket whose handshake is over and whose socket is ours: no task, no callback, nothing of it in the event loop.

It is written to when there is something to say and read when the wheel comes by. What the network does not take at once waits here,
and its owner looks at `backlog` before it says more. The end is agreed on with the far end, for as long as that may take.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable

from holdsvc.engine.frames import (
    BINARY,
    CLOSE,
    MOST_MESSAGE,
    NO_TEXT,
    PING,
    PONG,
    TEXT,
    UNKNOWN,
    Reader,
    closing,
    code_of,
    framed,
    head,
)
from holdsvc.engine.wheel import NEVER
from holdsvc.ports import Written

FAREWELL = 2.0  # seconds that the far end has to agree to the end
AGAIN = 0.02  # seconds between two looks at one who takes leave
BEFORE = 512 * 1024  # bytes that may wait here unsent, whatever the owner thinks of it
SEND_BUFFER = 32 * 1024  # bytes that the kernel keeps for a far end that reads slowly; it doubles this
GONE = -1
NOTHING = bytearray()  # what nearly always waits unsent; one for all, so it is never written to
log = logging.getLogger(__name__)

# One for all: what is read is understood before the next socket is read. Room for a message in the making and as much again.
_buffer = bytearray(2 * (MOST_MESSAGE + 16))
_view = memoryview(_buffer)


class OwnedSocket:
    __slots__ = ("_agreed", "_closing", "_leave", "_left", "_reader", "_sock", "_until", "fd", "frame", "slot")

    def __init__(
        self, sock: socket.socket, leave: Callable[[OwnedSocket], None], early: bytes = b"", skip: bytes = b""
    ) -> None:
        """`leave` is told of a farewell that was begun: `serve` it until it is over. `early`: what was read already."""
        self.slot = NEVER
        self.fd = sock.fileno()
        self.frame = UNKNOWN  # bytes of one message of the caller's sound, as the last one was
        self._sock, self._leave = sock, leave
        self._reader = Reader(skip, early)
        self._left = NOTHING  # what the network has not taken
        self._closing = self._agreed = False
        self._until: float | None = None
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            if hasattr(socket, "TCP_CONGESTION"):  # we pace it; a system that paces as well sets a timer for each write
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")

    @property
    def backlog(self) -> int:
        return len(self._left)

    def send(self, message: Written) -> None:
        self.push(b"".join(map(framed, message)) if isinstance(message, tuple) else framed(message))

    def push(self, line: bytes) -> None:
        """Whole frames, as they go over the line. Once it is closing, they go nowhere."""
        if self._closing:
            return
        if self._left:
            if len(self._left) + len(line) <= BEFORE:
                self._left += line
            return
        try:
            sent = self._sock.send(line)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:  # the next sweep sees the same
            return
        if sent < len(line):
            self._left = bytearray(line[sent:])

    def sweep(self, hear: Callable[[str | bytes], None]) -> int:
        """Hear what has come; how many bytes that was, GONE when no more will come."""
        if self._left:
            self._flush()
        rest, held = self._reader.rest, 0
        try:
            if rest:
                held = len(rest)
                _buffer[:held] = rest
                came = self._sock.recv_into(_view[held:])
            else:
                came = self._sock.recv_into(_buffer)
        except (BlockingIOError, InterruptedError):
            if not held:
                return 0
            came = 0  # what had been read before it was ours is still to be heard
        except OSError:
            return self._end()
        else:
            if not came:
                return self._end()
            if not held and self._reader.only_sound(_buffer, came):
                return came
        return self._understand(held + came, came, hear)

    def close(self, code: int) -> None:
        if not self._closing:
            self.push(closing(code))
            self._closing = True
            self._leave(self)

    def serve(self, now: float) -> float | None:
        """The farewell: what the far end still says is read and not heard, so that it reads our last word before the end."""
        if self._until is None:
            self._until = now + FAREWELL
        if self._left:
            self._flush()
        over = (self._agreed and not self._left) or self._drained()
        if over or now >= self._until:
            self._end()
            return None
        return now + AGAIN

    def _drained(self) -> bool:
        """The far end has gone, or agreed."""
        if self._reader.fault:  # what cannot be understood is not looked at any more
            try:
                return not self._sock.recv_into(_buffer)
            except (BlockingIOError, InterruptedError):
                return False
            except OSError:
                return True
        return self.sweep(lambda frame: None) == GONE and not self._reader.fault

    def _understand(self, end: int, came: int, hear: Callable[[str | bytes], None]) -> int:
        for kind, payload in self._reader.feed(_buffer, end):
            if kind == TEXT:
                try:
                    text = payload.decode()
                except UnicodeDecodeError:
                    self._reader.fault = self._reader.fault or NO_TEXT
                    break
                hear(text)
            elif kind == BINARY:
                hear(payload)
            elif kind == PING:
                self.push(head(PONG, len(payload)) + payload)
            elif kind == CLOSE:
                self._answer_close(code_of(payload))
                return GONE
        if self._reader.fault:
            self.close(self._reader.fault)
            return GONE
        self.frame = self._reader.frame
        return came or 1

    def _answer_close(self, code: int) -> None:
        self._agreed = True
        if not self._closing:
            self.push(closing(code))
            self._closing = True
            self._leave(self)

    def _flush(self) -> None:
        try:
            sent = self._sock.send(self._left)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._left = NOTHING
            return
        del self._left[:sent]
        self._left = self._left or NOTHING

    def _end(self) -> int:
        self._closing = True
        self._left = NOTHING
        self._sock.close()
        return GONE
