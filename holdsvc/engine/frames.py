"""Websocket frames as RFC 6455 has them, without a socket: ours written whole and unmasked, theirs cut out of a stream of bytes.

The same bytes in other pieces give the same messages. Nearly all that a platform sends is the caller's own sound, fifty messages
a second: a message that begins as those do is passed over without being unmasked, as long as nobody listens.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache, lru_cache

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
FIN, MASKED = 0x80, 0x80
SHORT = 126  # a length from here on takes two bytes more
LONG = 1 << 16  # and from here on eight
MOST_MESSAGE = 64 * 1024  # bytes; a genuine one has a few hundred
MOST_AT_ONCE = 64  # pings and the like in one piece of a stream; more are no keeping alive
CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})  # that a close may give

NORMAL, WRONG, NO_TEXT, NOT_ALLOWED, TOO_LONG, UNSAID = 1000, 1002, 1007, 1008, 1009, 1005
BEGINNING = 16  # bytes by which the caller's sound is told
HEAD = struct.Struct("!HHIQQ")  # of a frame with a length of two bytes: and its first sixteen bytes, masked
PLAIN = (FIN | TEXT) << 8 | MASKED | SHORT  # how such a frame begins, if it is a whole text
HEAD_LENGTH = 8  # bytes of it
TELLING = 10  # place of the letters in a beginning that tell it from others: '{"event":"me' is sound, "ma" a mark
TWICE = 0x1_0000_0001  # what makes eight bytes of mask of four
UNKNOWN = 1 << 30  # bytes of a frame: more than can ever wait

number_of = int.from_bytes
Event = tuple[int, bytes]  # what it is, and what is in it
NOTHING: Sequence[Event] = ()
NO_SKIP = (0, 0, b"")  # nothing is passed over


def head(kind: int, length: int) -> bytes:
    """What stands before so many bytes of a whole message of ours."""
    first = FIN | kind
    if length < SHORT:
        return struct.pack("!BB", first, length)
    if length < LONG:
        return struct.pack("!BBH", first, SHORT, length)
    return struct.pack("!BBQ", first, SHORT + 1, length)


def framed(content: str | bytes) -> bytes:
    """A whole message as a server sends it: text for text and binary for bytes."""
    kind, payload = (TEXT, content.encode()) if isinstance(content, str) else (BINARY, content)
    return head(kind, len(payload)) + payload


def closing(code: int) -> bytes:
    return head(CLOSE, 2) + struct.pack("!H", code)


def code_of(payload: bytes) -> int:
    """The code with which to answer a close."""
    code = int.from_bytes(payload[:2]) if len(payload) >= 2 else NORMAL
    return code if code in CODES or 3000 <= code < 5000 else WRONG


def unmasked(payload: bytes, key: bytes) -> bytes:
    length = len(payload)
    mask = (key * (length // 4 + 1))[:length]
    return (int.from_bytes(payload) ^ int.from_bytes(mask)).to_bytes(length)


@cache
def halves(skip: bytes) -> tuple[int, int, bytes]:
    """As it is compared, and the two letters that tell it from what else has its length: the same for all who skip it."""
    first, second = struct.unpack("!QQ", skip)
    return first, second, skip[TELLING : TELLING + 2]


@lru_cache(maxsize=256)
def columns(frame: int, number: int, letters: bytes) -> tuple[bytes, bytes, bytes, bytes, int, int]:
    """What so many messages of this length have in common: the four bytes of their heads, and two letters of their beginnings."""
    head = struct.pack("!HH", PLAIN, frame - HEAD_LENGTH)
    first, second, high, low = (head[place : place + 1] * number for place in range(4))
    return first, second, high, low, number_of(letters[:1] * number), number_of(letters[1:] * number)


class Reader:
    """One client's bytes. `rest` is what was not a whole frame yet: put it before what comes next, and `feed` both.

    `fault` is the code to close with once the stream cannot be understood; nothing is read from then on.
    """

    __slots__ = ("_kind", "_parts", "_skip", "fault", "frame", "rest")

    def __init__(self, skip: bytes = b"", rest: bytes = b"") -> None:
        """`skip`: the sixteen bytes with which every message begins that is passed over; others are not passed over."""
        self.rest = rest
        self.fault = 0
        self.frame = UNKNOWN  # bytes of the one that was passed over last
        self._skip = halves(skip) if len(skip) == BEGINNING else NO_SKIP
        self._parts: list[bytes] | None = None  # of a message in fragments
        self._kind = 0

    def feed(self, buffer: bytes | bytearray, end: int) -> Sequence[Event]:
        """The whole messages in the first `end` bytes. Those that are passed over are not among them."""
        found: Sequence[Event] = NOTHING
        at = self.passed_over(buffer, 0, end)
        while at < end and not self.fault:
            found = found or []
            assert isinstance(found, list)
            after = self._frame(buffer, at, end, found)
            if after == at:
                break
            at = self.passed_over(buffer, after, end)
        self.rest = bytes(buffer[at:end]) if at < end and not self.fault else b""
        if self.rest:
            self.frame = UNKNOWN
        return found

    def only_sound(self, buffer: bytearray, end: int) -> bool:
        """All of it is the caller's sound, as nearly always: whole messages as long as the last one was.

        Told column by column, as that costs half: of messages of one length, two letters tell sound from all else.
        """
        frame = self.frame
        number, more = divmod(end, frame)
        if more:
            return False
        first, second, high, low, one, two = columns(frame, number, self._skip[2])
        return (
            buffer[2:end:frame] == high
            and buffer[3:end:frame] == low
            and number_of(buffer[7:end:frame]) ^ number_of(buffer[19:end:frame]) == two
            and number_of(buffer[6:end:frame]) ^ number_of(buffer[18:end:frame]) == one
            and buffer[0:end:frame] == first
            and buffer[1:end:frame] == second
        )

    def passed_over(self, buffer: bytes | bytearray, at: int, end: int) -> int:
        """Where the first frame begins that has to be looked at: it is none of the caller's sound, or not all there yet."""
        unpack, (first, second, letters) = HEAD.unpack_from, self._skip
        last = end - HEAD.size if letters else -1
        before = at
        while at <= last:
            begins, length, key, one, two = unpack(buffer, at)
            mask = key * TWICE
            if (
                one ^ mask != first
                or two ^ mask != second
                or begins != PLAIN
                or length < SHORT
                or at + 8 + length > end
            ):
                break
            before, at = at, at + 8 + length
        if before != at:
            self.frame = at - before
        return at

    def _frame(self, buffer: bytes | bytearray, at: int, end: int, found: list[Event]) -> int:
        """Where the frame at `at` ends; `at` itself if it is not all there."""
        if end - at < 2:
            return at
        first, second = buffer[at], buffer[at + 1]
        length, size = second & 0x7F, 2
        if length >= SHORT:
            size = 4 if length == SHORT else 10
            if end - at < size:
                return at
            length = int.from_bytes(buffer[at + 2 : at + size])
        if fault := self._fault(first, second, length):
            self.fault = fault
            return end
        begin, after = at + size + 4, at + size + 4 + length
        if after > end:
            return at
        payload = unmasked(bytes(buffer[begin:after]), bytes(buffer[begin - 4 : begin]))
        self._take(first & FIN, first & 0x0F, payload, found)
        return after

    def _fault(self, first: int, second: int, length: int) -> int:
        kind = first & 0x0F
        if first & 0x70 or not second & MASKED or kind not in (0, TEXT, BINARY, CLOSE, PING, PONG):
            return WRONG
        if kind >= CLOSE:
            return WRONG if not first & FIN or length >= SHORT else 0
        if (kind == 0) != (self._parts is not None):
            return WRONG
        known = sum(map(len, self._parts)) if self._parts else 0
        return TOO_LONG if known + length > MOST_MESSAGE else 0

    def _take(self, fin: int, kind: int, payload: bytes, found: list[Event]) -> None:
        if kind >= CLOSE:
            if len(found) >= MOST_AT_ONCE and sum(1 for one, _ in found if one >= PING) >= MOST_AT_ONCE:
                self.fault = NOT_ALLOWED
            found.append((kind, payload))
            return
        if kind:
            self._kind = kind
        if not fin:
            self._parts = [*(self._parts or ()), payload]
            if len(self._parts) > MOST_AT_ONCE:
                self.fault = NOT_ALLOWED
            return
        if self._parts is not None:
            payload, self._parts = b"".join((*self._parts, payload)), None
        found.append((self._kind, payload))
