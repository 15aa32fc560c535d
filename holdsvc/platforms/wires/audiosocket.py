"""AudioSocket: a call's sound over plain TCP, as Asterisk 22 speaks it. A byte of kind, two of length, then so many bytes.

As seen running (Asterisk's page "AudioSocket", 2026-03, tells less): the far end keeps nothing and paces nothing, so each frame
goes out when it is to be heard; a frame in two writes, of an unknown kind or empty ends the call; a caller who hangs up is the end
of the connection, without a word.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from uuid import UUID

import numpy as np

from holdsvc.audio.formats import FRAME
from holdsvc.audio.g711 import DECODE, Linear, encode
from holdsvc.calls.model import CallId, CallRef
from holdsvc.errors import BadWebhook
from holdsvc.ports import WireAudio, WireDigit, WireEvent, WireStart, WireStop

NAME = "audiosocket"
END, CALL, KEY, SOUND, ERROR = 0x00, 0x01, 0x03, 0x10, 0xFF
OTHER_SOUND = range(0x11, 0x19)  # 12 to 192 kHz: not ours to hear
HEAD = 3  # bytes before the payload
LONGEST = 8192  # bytes of payload; 20 ms at 192 kHz have 7680
DIGITS = frozenset("0123456789*#ABCD")
DECODE_LITTLE = DECODE.astype("<i2")
FRAME_HEAD = struct.pack(">BH", SOUND, 2 * FRAME)


class AudioSocketWire:
    """The call's own id is the UUID that its announcement named, and that is the token as well."""

    name = NAME
    lead = 0.02  # seconds: what is sent is heard, so that a choice waits for no more than a frame
    block = FRAME
    can_clear = False
    high_mark = 8 * (HEAD + 2 * FRAME)  # 160 ms: a frame must fit whole into what the network still takes
    farewell = struct.pack(">BH", END, 0)
    sound_begins = bytes((SOUND,))
    sound_head = FRAME_HEAD
    sound_length = HEAD + 2 * FRAME

    def __init__(self) -> None:
        self.rest = b""
        self._stream = ""
        self._keys = 0

    def cut(self, received: bytes) -> Iterator[bytes]:
        """Whole frames, however the bytes came. Raises `BadWebhook` where nothing can be understood any more."""
        whole, at = (self.rest + received if self.rest else received), 0
        self.rest = b""
        while len(whole) - at >= HEAD:
            until = at + HEAD + int.from_bytes(whole[at + 1 : at + HEAD], "big")
            if until - at - HEAD > LONGEST:
                raise BadWebhook("too_long")
            if until > len(whole):
                break
            yield whole[at:until]
            at = until
        self.rest = whole[at:]

    def read(self, frame: str | bytes) -> WireEvent | None:
        if isinstance(frame, str) or len(frame) < HEAD or len(frame) - HEAD != int.from_bytes(frame[1:HEAD], "big"):
            raise BadWebhook("bad_frame")
        kind, payload = frame[0], frame[HEAD:]
        if kind == SOUND:
            return sound(payload)
        if kind == CALL:
            return self._start(payload)
        if kind == KEY:
            return self._digit(payload)
        if kind == END:
            return WireStop(f"{self._stream}:end")
        if kind == ERROR or kind in OTHER_SOUND:
            return None  # after an error the connection ends by itself
        raise BadWebhook("unknown_kind")

    def write_audio(self, stream: str, payload: bytes) -> bytes:
        return b"".join(self.frames(payload))

    def frames(self, payload: bytes) -> tuple[bytes, ...]:
        """Of exactly 20 ms; what is left over is filled up with silence."""
        whole = DECODE_LITTLE[np.frombuffer(payload, np.uint8)].tobytes()
        size = 2 * FRAME
        whole = whole.ljust(-(-len(whole) // size) * size, b"\0")
        return tuple(FRAME_HEAD + whole[at : at + size] for at in range(0, len(whole), size))

    def write_mark(self, stream: str, name: str) -> bytes:
        return b""  # there is none, and nothing to mark

    def write_clear(self, stream: str) -> bytes:
        return b""  # there is nothing to take back

    def _start(self, payload: bytes) -> WireStart:
        if len(payload) != 16:
            raise BadWebhook("bad_start")
        self._stream = str(UUID(bytes=payload))
        return WireStart(CallRef(NAME, CallId(self._stream)), self._stream, self._stream, f"{self._stream}:start")

    def _digit(self, payload: bytes) -> WireDigit:
        """Nothing numbers the keys: TCP repeats nothing, so that each is a new one."""
        pressed = payload.decode("latin-1")
        if pressed not in DIGITS:
            raise BadWebhook("bad_digit")
        self._keys += 1
        return WireDigit(pressed, f"{self._stream}:key{self._keys}")


def sound(payload: bytes) -> WireAudio:
    if not payload or len(payload) % 2:
        raise BadWebhook("bad_sound")
    heard: Linear = np.frombuffer(payload, "<i2").astype(np.int16)
    return WireAudio(encode(heard))
