"""The grid that all telephone sound lies on: 8 kHz mu-law, one byte a sample, in frames of 20 ms."""

from __future__ import annotations

import struct

RATE = 8000  # samples, and bytes, a second
FRAME = 160  # bytes: 20 ms, what telephony sends at a time
SILENCE = 0xFF  # the code of +0
BLOCK = 1600  # bytes: 200 ms, what is encoded once and sent to all who hear it
SEGMENT_GRID = 10.0  # seconds: where finite segments may begin, so that all callers share the same bytes
MAX_SEGMENT = 60.0  # seconds

WAV_HEADER = 58  # bytes before the sound in what wav_mulaw gives
_MULAW_TAG = 7  # WAVE_FORMAT_MULAW


def length_of(seconds: float) -> int:
    """Bytes of so many seconds, to the nearest sample."""
    return round(seconds * RATE)


def seconds_of(length: int) -> float:
    return length / RATE


def whole_frames(length: int) -> int:
    """The nearest whole number of frames that is no shorter, in bytes."""
    return -(-length // FRAME) * FRAME


def padded(ulaw: bytes) -> bytes:
    return ulaw.ljust(whole_frames(len(ulaw)), bytes((SILENCE,)))


def on_grid(seconds: float) -> float:
    """The last place at or before this one where a segment may begin."""
    return max(0.0, seconds // SEGMENT_GRID * SEGMENT_GRID)


def wav_header(length: int) -> bytes:
    """What stands before `length` bytes of mu-law in a WAV file; an odd length needs a pad byte behind it."""
    form = struct.pack("<HHIIHHH", _MULAW_TAG, 1, RATE, RATE, 1, 8, 0)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"fact" + struct.pack("<II", 4, length)  # required of every format but PCM
    chunks += b"data" + struct.pack("<I", length)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks) + length + length % 2) + b"WAVE" + chunks


def wav_mulaw(ulaw: bytes | memoryview) -> bytes:
    return wav_header(len(ulaw)) + bytes(ulaw) + b"\x00" * (len(ulaw) % 2)
