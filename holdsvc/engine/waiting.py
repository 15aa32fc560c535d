"""What the network holds of a connection, asked without reading: what waits for us, and what still waits for the far end."""

from __future__ import annotations

import socket
import sys
from array import array
from collections.abc import Sequence
from typing import Protocol, TypeVar


class Glanced(Protocol):
    fd: int
    length: int  # bytes of a frame of the caller's sound
    came: int  # bytes that waited to be read at the last glance


L = TypeVar("L", bound=Glanced)

if sys.platform == "win32":
    GLANCES = False

    def untaken(connection: socket.socket) -> int:
        return 0

    def spoken_to(lines: Sequence[L]) -> list[L]:
        return []
else:
    import fcntl
    import termios

    GLANCES = True
    _answer = array(
        "i", bytes(1028)
    )  # for an answer in so many bytes the interpreter neither copies nor hands its lock over

    def untaken(connection: socket.socket) -> int:
        """Bytes that our side of the network still holds, or that the far end has not acknowledged yet."""
        try:
            fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, _answer, True)
        except (OSError, ValueError):  # not every system tells, and none of a socket that is closed
            return 0
        return _answer[0]

    def spoken_to(lines: Sequence[L]) -> list[L]:
        """Those for whom something waits that is not the caller's sound alone, which comes in frames of one length; or no more."""
        ask, what, answer = fcntl.ioctl, termios.FIONREAD, _answer
        found = []
        for line in lines:
            ask(line.fd, what, answer)
            came = answer[0]
            if not came or came == line.came or came % line.length:
                found.append(line)
            line.came = came
        return found
