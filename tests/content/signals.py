"""Sounds made from numbers, as files of many formats."""

from __future__ import annotations

import io
from collections.abc import Mapping

import av
import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float32]

ENCODERS: Mapping[str, tuple[str, str, int]] = {  # suffix -> container, codec, rate
    ".mp3": ("mp3", "libmp3lame", 48000),
    ".m4a": ("ipod", "aac", 44100),
    ".aac": ("adts", "aac", 22050),
    ".opus": ("ogg", "libopus", 48000),
    ".ogg": ("ogg", "vorbis", 44100),
    ".flac": ("flac", "flac", 44100),
    ".wav": ("wav", "pcm_s16le", 22050),
    ".aiff": ("aiff", "pcm_s16be", 44100),
    ".au": ("au", "pcm_mulaw", 8000),
    ".ulaw": ("mulaw", "pcm_mulaw", 8000),
}


def tone(seconds: float, hertz: float = 500.0, rate: int = 48000, loud: float = 0.3) -> Sound:
    return (loud * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def silence(seconds: float, rate: int = 48000) -> Sound:
    return np.zeros(round(seconds * rate), np.float32)


def speech(seconds: float, seed: int = 1, rate: int = 48000) -> Sound:
    """A buzzing voice with syllables and pauses over a little noise; not words, but the statistics of talk."""
    chance = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    pitch = chance.uniform(100, 200) * (1 + 0.15 * np.sin(2 * np.pi * 0.7 * t))
    turn = 2 * np.pi * np.cumsum(pitch) / rate
    voice = sum(np.sin(k * turn) / k**1.1 for k in range(1, 22))
    syllables = np.clip(np.sin(2 * np.pi * 3.3 * t + chance.uniform(0, 6)), 0, 1) ** 0.7
    talking = np.sin(2 * np.pi * 0.35 * t + 1) > -0.6
    return (0.1 * voice * syllables * talking + 0.0005 * chance.standard_normal(len(t))).astype(np.float32)


def pink(seconds: float, seed: int = 2, rate: int = 48000) -> Sound:
    count = round(seconds * rate)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    noise = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 1), count)
    return (0.5 * noise / np.abs(noise).max()).astype(np.float32)


def file(sound: Sound, suffix: str, rate: int = 48000, written_at: int | None = None) -> bytes:
    """One row a channel, or a flat array for one channel; `rate` is the sound's, `written_at` the file's."""
    container, codec, usual = ENCODERS[suffix]
    if codec == "vorbis" and sound.ndim == 1:
        sound = np.stack([sound, sound])  # all that this encoder can
    layout = "mono" if sound.ndim == 1 else "stereo"
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(np.atleast_2d(sound)), "fltp", layout)
    frame.sample_rate = rate
    out = io.BytesIO()
    with av.open(out, "w", format=container) as target:
        stream = target.add_stream(codec, rate=written_at or usual, options={"strict": "experimental"})
        stream.layout = layout
        for piece in (frame, None):
            for packet in stream.encode(piece):
                target.mux(packet)
    return out.getvalue()
