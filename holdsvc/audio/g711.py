"""Mu-law (ITU-T G.711) as two tables: 65536 codes one way, 256 values the other.

Bit for bit what the recommendation's 14-bit coder gives; 16-bit samples lose their two lowest bits first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Linear = NDArray[np.int16]
Samples = NDArray[np.float32]  # full scale is 1.0
Coded = bytes | bytearray | memoryview

FULL_SCALE = 32768

_BIAS = 33  # added to a magnitude of 13 bits, so that every segment begins at a power of two
_LARGEST = 8191  # what is above is coded as the largest value


def _encoding() -> NDArray[np.uint8]:
    """One code for each 16-bit sample, indexed by the sample's bits read as unsigned."""
    linear = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32) >> 2
    magnitude = np.minimum(np.abs(linear) + _BIAS, _LARGEST)
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 5
    step = (magnitude >> (segment + 1)) & 0x0F
    flip = np.where(linear < 0, 0x7F, 0xFF)
    codes: NDArray[np.uint8] = ((segment << 4 | step) ^ flip).astype(np.uint8)
    return codes


def _decoding() -> Linear:
    code = ~np.arange(256, dtype=np.uint8)
    segment = (code >> 4 & 0x07).astype(np.int32)
    step = (code & 0x0F).astype(np.int32)
    magnitude = ((2 * step + _BIAS) << segment) - _BIAS << 2
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


ENCODE = _encoding()
DECODE = _decoding()
_DECODE_FLOAT = DECODE.astype(np.float32) / np.float32(FULL_SCALE)


def encode(linear: Linear) -> bytes:
    return ENCODE[linear.view(np.uint16)].tobytes()


def decode(ulaw: Coded) -> Linear:
    return DECODE[np.frombuffer(ulaw, np.uint8)]


def linear(samples: Samples) -> Linear:
    """Rounded to 16 bits; what is beyond full scale is clipped."""
    scaled = np.multiply(samples, FULL_SCALE, dtype=np.float32)
    np.rint(scaled, out=scaled)
    np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1, out=scaled)
    return scaled.astype(np.int16)


def samples(ulaw: Coded) -> Samples:
    return _DECODE_FLOAT[np.frombuffer(ulaw, np.uint8)]


def floats(linear: Linear) -> Samples:
    return linear.astype(np.float32) / np.float32(FULL_SCALE)
