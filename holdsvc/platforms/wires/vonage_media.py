"""Live sound as Vonage's websocket speaks it: linear PCM in binary messages of exactly 20 ms, words in JSON text.

Pages: "WebSockets" and "Play audio into a websocket", read 2026-03. Nothing in it names call or stream: the `headers` of our own
<connect> come back with the first message, flattened. We put there `call`, `stream` (never the same twice) and, if wanted, `token`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeVar

import msgspec
import numpy as np
from msgspec import Struct, field

from holdsvc.audio.formats import FRAME
from holdsvc.audio.g711 import DECODE, Linear, Samples, encode, linear, samples
from holdsvc.calls.model import CallId, CallRef
from holdsvc.errors import BadWebhook
from holdsvc.ports import WireAudio, WireDigit, WireEvent, WireMark, WireStart

DIGITS = frozenset("0123456789*#ABCD")
LONGEST_TEXT = 4096  # characters; our headers are at most 512 bytes
LONGEST_SOUND = 10  # frames in one message from the platform; a genuine one has one
SOUND = re.compile(r"audio/l16; ?rate=(8000|16000)", re.ASCII)
ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)
TAPS = 16  # of the filter that finds the samples between the samples
NARROW = 8000
KEPT_BLOCKS = 256  # upsampled blocks that are kept, 6.4 kB each: callers who hear the same share them

T = TypeVar("T")


class Word(Struct):
    """Any text message. What its `event` does not need is not looked at."""

    event: str = ""
    kind: msgspec.Raw = field(default=msgspec.Raw(), name="content-type")
    call: msgspec.Raw = msgspec.Raw()
    stream: msgspec.Raw = msgspec.Raw()
    token: msgspec.Raw = msgspec.Raw()
    digit: msgspec.Raw = msgspec.Raw()
    dtmf: msgspec.Raw = msgspec.Raw()
    payload: msgspec.Raw = msgspec.Raw()


class Key(Struct):
    digit: str


class Note(Struct):
    mark: str = ""


WORD = msgspec.json.Decoder(Word)


class VonageMedia:
    """At 16 kHz the sound is upsampled from what the telephone hears: wide in form, narrow in band."""

    name = "vonage"
    lead = 0.4  # seconds: their buffer is taken back with `clear`
    block = 1600  # bytes of mu-law: ten frames a write, the size of the frames is fixed but that of the write is not
    can_clear = True
    high_mark = 256 * 1024  # eight seconds at 16 kHz

    def __init__(self) -> None:
        self._rate = NARROW
        self._stream = ""
        self._keys = 0
        self._before = bytes(TAPS * (0xFF,))  # the last mu-law that was written

    def read(self, frame: str | bytes) -> WireEvent | None:
        if not isinstance(frame, str):
            return self._sound(frame)
        if len(frame) > LONGEST_TEXT:
            raise BadWebhook("too_long")
        word = decode(frame)
        match word.event:
            case "websocket:connected":
                return self._start(word)
            case "websocket:dtmf":
                return self._digit(word)
            case "websocket:notify":
                name = part(word.payload, Note).mark
                return WireMark(name) if name else None
            case _:  # "websocket:cleared", and what may be added without notice
                return None

    def write_audio(self, stream: str, payload: bytes) -> tuple[bytes, ...]:
        """A message for each 20 ms."""
        if self._rate == NARROW:
            return frames(DECODE_LITTLE[np.frombuffer(payload, np.uint8)].tobytes(), 2 * FRAME)
        before, self._before = self._before, (self._before + payload)[-TAPS:]
        return widened(before, payload)

    def write_mark(self, stream: str, name: str) -> str:
        return msgspec.json.encode({"action": "notify", "payload": {"mark": name}}).decode()

    def write_clear(self, stream: str) -> str:
        return '{"action":"clear"}'

    def _start(self, word: Word) -> WireStart:
        sound = SOUND.fullmatch(part(word.kind, str).lower())
        if sound is None:
            raise BadWebhook("unknown_sound")
        call, stream = part(word.call, str), part(word.stream, str)
        if not ID.fullmatch(call) or not ID.fullmatch(stream):
            raise BadWebhook("bad_start")
        self._rate, self._stream = int(sound[1]), stream
        token = part(word.token, str) if word.token else ""
        return WireStart(CallRef(self.name, CallId(call)), stream, token, f"{stream}:start")

    def _digit(self, word: Word) -> WireDigit:
        """Nothing numbers the keys: a websocket repeats nothing, so that each is a new one."""
        pressed = part(word.digit, str) if word.digit else part(word.dtmf, Key).digit
        if pressed not in DIGITS:
            raise BadWebhook("bad_digit")
        self._keys += 1
        return WireDigit(pressed, f"{self._stream}:key{self._keys}")

    def _sound(self, frame: bytes) -> WireAudio:
        """The mix of the conversation, ours in it. Half of 16 kHz is left out by the mean of two."""
        wide = self._rate // NARROW
        size = 2 * FRAME * wide
        if not frame or len(frame) % size or len(frame) > LONGEST_SOUND * size:
            raise BadWebhook("bad_sound")
        heard: Linear = np.frombuffer(frame, "<i2").astype(np.int16)
        if wide > 1:
            heard = heard.reshape(-1, wide).mean(axis=1).astype(np.int16)
        return WireAudio(encode(heard))


def between() -> Samples:
    """Half-way values from eight samples on each side: a windowed sinc, flat to 3.4 kHz within a quarter of a decibel."""
    place = np.arange(TAPS) - (TAPS - 1) / 2
    taps: Samples = (np.sinc(place) * np.kaiser(TAPS, 3.0)).astype(np.float32)
    even: Samples = taps / taps.sum(dtype=np.float32)
    return even


DECODE_LITTLE = DECODE.astype("<i2")
BETWEEN = between()


@lru_cache(maxsize=KEPT_BLOCKS)
def widened(before: bytes, payload: bytes) -> tuple[bytes, ...]:
    """Mu-law as 16 kHz linear frames, a millisecond late: `before` is the end of what was written before it."""
    known = samples(before + payload)
    half = TAPS // 2
    wide = np.empty(2 * len(payload), np.float32)
    wide[0::2] = known[half : half + len(payload)]
    wide[1::2] = np.convolve(known, BETWEEN, "valid")[1 : len(payload) + 1]
    return frames(linear(wide).astype("<i2").tobytes(), 4 * FRAME)


def frames(sound: bytes, size: int) -> tuple[bytes, ...]:
    """Exactly so many bytes each; what is left over is filled up with silence."""
    whole = sound.ljust(-(-len(sound) // size) * size, b"\0")
    return tuple(whole[at : at + size] for at in range(0, len(whole), size))


def decode(frame: str) -> Word:
    try:
        return WORD.decode(frame)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BadWebhook("bad_frame") from error


def part(raw: msgspec.Raw, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BadWebhook("bad_frame") from error
