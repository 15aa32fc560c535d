"""What a telephone line makes of speech: band, level, noise, our own music coming back, and 8 kHz mu-law."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdsvc.audio import g711
from holdsvc.audio.utterance import Ended, Utterances
from tests.audio.talk import coded, echo, sent_of

Sound = NDArray[np.float32]
RATE = 8000
SUPPRESSED = "echo -12 dB, suppressed"
CONDITIONS = ("clean", "20 dB", "10 dB", "echo -12 dB", SUPPRESSED)
BEFORE, BEHIND = 4.0, 1.0  # seconds of our music before somebody speaks, and behind
SILENCE = 0.3  # seconds before and behind
ACTIVE = 10 ** (-26 / 20)  # speech level, as usual on a line


def carried(speech: Sound, condition: str, rng: np.random.Generator, music: Sound | None = None) -> bytes:
    """As it would reach us: 16-bit PCM, having been mu-law on the way."""
    if condition == SUPPRESSED and music is not None:
        return cut_out(speech, rng, music)
    edge = np.zeros(round(SILENCE * RATE), np.float32)
    sound = band(np.concatenate([edge, levelled(speech), edge]))
    if condition == "20 dB":
        sound = sound + noise(len(sound), rng) * ACTIVE * 0.1
    elif condition == "10 dB":
        sound = sound + noise(len(sound), rng) * ACTIVE * 10**-0.5
    elif condition == "echo -12 dB" and music is not None:
        begin = int(rng.integers(0, len(music) - len(sound)))
        sound = sound + levelled(music[begin : begin + len(sound)]) * 10 ** (-12 / 20)
    return g711.decode(g711.encode(g711.linear(sound.astype(np.float32)))).tobytes()


def cut_out(speech: Sound, rng: np.random.Generator, music: Sound) -> bytes:
    """What the service's own ear makes of it: our music comes back after a room, is suppressed, and the utterance is cut out.

    Nothing, where it does not notice that somebody speaks.
    """
    said = np.concatenate([np.zeros(round(BEFORE * RATE)), band(levelled(speech)), np.zeros(round(BEHIND * RATE))])
    begin = int(rng.integers(0, len(music) - len(said)))
    sent = coded(levelled(music[begin : begin + len(said)]))
    back = echo(sent, -12, float(rng.uniform(0.04, 0.25)), seed=int(rng.integers(1000)))
    heard = Utterances().hear(coded(said + back), sent_of(sent))
    return max((one.pcm for one in heard if isinstance(one, Ended)), key=len, default=b"")


def levelled(sound: Sound) -> Sound:
    """To the usual level, counted where something is to be heard."""
    pieces = sound[: len(sound) // 160 * 160].reshape(-1, 160)
    energy = np.mean(pieces**2, axis=1) if len(pieces) else np.mean(sound**2, keepdims=True)
    active = energy[energy > 0.01 * energy.max()] if energy.max() > 0 else np.ones(1)
    return (sound * ACTIVE / np.sqrt(np.mean(active))).astype(np.float32)


def band(sound: Sound) -> Sound:
    """300 to 3400 Hz."""
    spectrum = np.fft.rfft(sound)
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
    gain = np.clip((hertz - 200) / 100, 0, 1) * np.clip((3600 - hertz) / 200, 0, 1)
    return np.fft.irfft(spectrum * gain, len(sound)).astype(np.float32)


def noise(length: int, rng: np.random.Generator) -> Sound:
    """Pink, within the band, of level 1."""
    hertz = np.fft.rfftfreq(length, 1 / RATE)
    spectrum = rng.normal(size=len(hertz)) + 1j * rng.normal(size=len(hertz))
    pink = band(np.fft.irfft(spectrum / np.sqrt(np.maximum(hertz, 20)), length).astype(np.float32))
    return (pink / np.sqrt(np.mean(pink**2))).astype(np.float32)


def coughs(count: int, rng: np.random.Generator) -> list[Sound]:
    """Bursts of noise with the shape of coughs, knocks, breath and hiss."""
    made = []
    for place in range(count):
        length = round(float(rng.uniform(0.25, 1.5)) * RATE)
        time = np.arange(length) / RATE
        shape = np.ones(length)
        if place % 3 == 0:
            shape = np.exp(-time / rng.uniform(0.03, 0.15)) + 0.5 * np.exp(-np.abs(time - 0.3) / 0.05)
        elif place % 3 == 1:
            shape = np.sin(np.pi * time / time[-1]) ** 2
        made.append((noise(length, rng) * shape).astype(np.float32))
    return made
