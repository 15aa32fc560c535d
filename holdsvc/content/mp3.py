"""Samples to mp3 frames that stand for themselves: each can be the first that somebody hears."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np

from holdsvc.content.radio import FRAME, RATE, WORD

EFFORT = "5"  # of LAME, 0 the most; more effort costs three times the CPU and is not heard on a telephone


class Mp3:
    def __init__(self, bitrate: int) -> None:
        """`bitrate` in kbit/s, one of BITRATES."""
        codec = av.CodecContext.create("libmp3lame", "w")
        assert isinstance(codec, av.AudioCodecContext)
        codec.sample_rate, codec.layout, codec.format = RATE, "mono", "s16p"
        codec.bit_rate, codec.time_base = bitrate * 1000, Fraction(1, RATE)
        codec.options = {"compression_level": EFFORT, "reservoir": "0"}
        self._codec, self._at = codec, 0

    def frames(self, samples: memoryview) -> Iterator[bytes]:
        """`samples`: 16 bits each, any whole number of FRAME. What comes out lags by a frame or two."""
        for begin in range(0, len(samples), FRAME * WORD):
            piece = np.frombuffer(samples[begin : begin + FRAME * WORD], "<i2").reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(piece, format="s16p", layout="mono")
            frame.sample_rate, frame.pts = RATE, self._at
            self._at += FRAME
            for packet in self._codec.encode(frame):
                yield bytes(packet)
