"""Compare what sounds with what was written: `python media/make/listen.py [slug ...]`.

For each track: how even it is on a telephone (its loudness second by second), how much of it a telephone carries, how well its
harmony agrees with the notes (in how many half-second windows the written notes explain the spectrum better than the same notes
moved by any other interval), and the places in the score where two long notes stand a half step apart.
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np
from pieces import written
from render import MARGIN, RATE, Sound, on_the_phone
from score import Piece, timing

SHELF = Path(__file__).resolve().parent.parent / "music"
WINDOW = 8192
PARTIALS = ((1, 1.0), (2, 0.5), (3, 0.35), (4, 0.2), (5, 0.15))
LONG = 0.75  # beats; shorter notes pass by, and a half step between them is no clash


def main(wanted: list[str]) -> None:
    for path in sorted(SHELF.glob("*.opus")):
        if not wanted or path.stem in wanted:
            sound = decoded(path)
            low, high = evenness(on_the_phone(sound))
            print(f"{path.stem:22} {sound.size / RATE:6.1f} s  seconds between {low:5.1f} and {high:5.1f} dB,", end=" ")
            print(f"{carried(sound):4.0%} carried", end=" ")
            piece = next((piece for piece in written() if piece.slug == path.stem), None)
            print(f" {agreement(sound, piece):4.0%} of windows agree" if piece else "")
            for place in clashes(piece) if piece else ():
                print("   ", place)


def decoded(path: Path) -> Sound:
    with av.open(str(path)) as file:
        mono = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        return np.concatenate(
            [part.to_ndarray().ravel() for frame in file.decode(audio=0) for part in mono.resample(frame)]
        )


def evenness(sound: Sound) -> tuple[float, float]:
    """Tenth and ninetieth of a hundred: decibels of one second against the whole."""
    seconds = sound[: sound.size // RATE * RATE].reshape(-1, RATE)
    levels = 10 * np.log10(np.mean(seconds**2, axis=1) + 1e-9) - 10 * np.log10(np.mean(sound**2))
    return float(np.percentile(levels, 10)), float(np.percentile(levels, 90))


def carried(sound: Sound) -> float:
    return float(np.mean(on_the_phone(sound) ** 2) / np.mean(sound**2))


def agreement(sound: Sound, piece: Piece) -> float:
    """The share of windows in which no other transposition of the notes fits as well."""
    seconds = timing(piece)
    notes = [
        (MARGIN + seconds(n.start), MARGIN + seconds(n.start + n.beats), n.pitch)
        for part in piece.parts
        if not part.drums
        for n in part.notes
    ]
    right = counted = 0
    for begin in range(RATE, sound.size - WINDOW - 3 * RATE, RATE // 2):
        start, end = begin / RATE, (begin + WINDOW) / RATE
        meant = np.zeros(12)
        for on, off, height in notes:
            overlap = min(end, off) - max(start, on)
            if overlap > 0:
                for partial, weight in PARTIALS:
                    meant[(height + round(12 * np.log2(partial))) % 12] += weight * overlap
        heard = chroma(sound[begin : begin + WINDOW])
        fits = [float(np.dot(heard, np.roll(meant, shift))) for shift in range(12)]
        counted += 1
        right += int(np.argmax(fits) == 0)
    return right / counted


def chroma(window: Sound) -> np.ndarray:
    """How much of each of the twelve pitch classes there is between 120 and 2000 Hz."""
    amplitude = np.abs(np.fft.rfft(window * np.hanning(window.size)))
    frequency = np.fft.rfftfreq(window.size, 1 / RATE)
    peak = np.zeros(amplitude.size, bool)
    peak[1:-1] = (amplitude[1:-1] > amplitude[:-2]) & (amplitude[1:-1] >= amplitude[2:])
    inside = peak & (frequency > 120) & (frequency < 2000) & (amplitude > 0.02 * amplitude.max())
    classes = np.round(69 + 12 * np.log2(frequency[inside] / 440)).astype(int) % 12
    found = np.bincount(classes, np.sqrt(amplitude[inside]), 12)
    return found - found.mean()


def clashes(piece: Piece) -> list[str]:
    long = sorted(
        (note for part in piece.parts if not part.drums for note in part.notes if note.beats >= LONG),
        key=lambda note: note.start,
    )
    found = []
    for index, first in enumerate(long):
        for second in long[index + 1 :]:
            if second.start >= first.start + first.beats - LONG:
                break
            distance = abs(first.pitch - second.pitch)
            if distance in (1, 13):
                bar = int(second.start // piece.bar) + 1
                found.append(f"bar {bar}, beat {second.start % piece.bar + 1:g}: {first.pitch} against {second.pitch}")
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
