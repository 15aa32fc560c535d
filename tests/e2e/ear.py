"""What a page gave to the loudspeaker, and where in a prepared sound that is. Judged by waveform, not by what anybody says."""

from __future__ import annotations

import base64
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from playwright.async_api import Browser, Page

from holdsvc.audio.g711 import decode

HERE = Path(__file__).parent
RATE = 8000
LOOK = 2.0  # seconds in which a place is looked for: a prelude's figures repeat, two bars of it do not
STEP = 0.01  # seconds: how finely beginnings and ends are told
QUIET, LOUD = 0.005, 0.01  # RMS: -46 and -40 dB of full scale
LIKE = 0.1  # of the energy of a step may differ and it is still the same sound


class Place(NamedTuple):
    second: float  # of the prepared sound, at the window's beginning
    likeness: float  # 1 is the same sound


class Run(NamedTuple):
    """An unbroken stretch of a prepared sound: when it was heard, and which second of it began there."""

    began: float
    ended: float
    from_second: float

    @property
    def until_second(self) -> float:
        return self.from_second + self.ended - self.began


async def page_with_ear(browser: Browser) -> Page:
    """The ear is a script of ours, which the page's policy would keep out; that the page obeys it is for other tests to see."""
    context = await browser.new_context(bypass_csp=True)
    await context.add_init_script(path=HERE / "ear.js")
    return await context.new_page()


class Recording:
    """Seconds are those of the sound card's clock."""

    def __init__(self, raw: np.ndarray, rate: float, arrivals: list[dict]) -> None:
        self._raw, self._rate, self._arrivals = raw, rate, arrivals
        self.sound = self._at(0.0, len(raw) / rate)  # the line's band ends below 4 kHz

    @classmethod
    async def of(cls, page: Page) -> Recording:
        told = await page.evaluate("ear.whole()")
        return cls(np.frombuffer(base64.b64decode(told["sound"]), np.int16) / 32767, told["rate"], told["arrivals"])

    def between(self, start: float, stop: float) -> np.ndarray:
        return self.sound[round(start * RATE) : round(stop * RATE)]

    def levels(self, start: float, stop: float) -> np.ndarray:
        """RMS of each step."""
        stretch = self.between(start, stop)
        steps = stretch[: len(stretch) // 80 * 80].reshape(-1, 80)
        return np.sqrt((steps**2).mean(axis=1))

    def place(self, at: float, track: np.ndarray) -> Place:
        return found(self.between(at, at + LOOK), track)

    def run(self, around: float, track: np.ndarray) -> Run:
        """How far the track goes on unbroken before and after this second."""
        around = round(around * RATE) / RATE
        sound, late = self._in_step(around, track)
        first = last = round((around + LOOK / 2) * RATE)
        shift = round((self.place(around, track).second - around) * RATE)
        size = round(STEP * RATE)
        while alike(sound, track, first - size, size, shift):
            first -= size
        while alike(sound, track, last, size, shift):
            last += size
        return Run(first / RATE + late, last / RATE + late, (first + shift) / RATE)

    def _in_step(self, around: float, track: np.ndarray) -> tuple[np.ndarray, float]:
        """The recording, its samples taken where the track has its own: half a sample beside is another sound at 3 kHz."""
        second = self.place(around, track).second
        meant = track[round(second * RATE) :][: round(LOOK * RATE)]
        shifts = np.linspace(-1, 1, 33) / RATE
        errors = [float(((self._at(around + shift, LOOK)[: len(meant)] - meant) ** 2).sum()) for shift in shifts]
        best = float(shifts[int(np.argmin(errors))])
        return self._at(best, len(self.sound) / RATE), best

    def _at(self, start: float, seconds: float) -> np.ndarray:
        times = start + np.arange(round(seconds * RATE)) / RATE
        return np.interp(times, np.arange(len(self._raw)) / self._rate, self._raw)

    def delay(self, first: float) -> float:
        """Seconds from the arrival of the call's first sound in the page to its being heard, which was at `first`."""
        return first - next(one["at"] for one in self._arrivals if one["event"] == "media")

    def onset(self, after: float) -> float:
        """When a new sound begins: the first loud step behind a quiet one."""
        levels = self.levels(after, len(self.sound) / RATE)
        quiet = int(np.argmax(levels < QUIET))
        return after + STEP * (quiet + int(np.argmax(levels[quiet:] > LOUD)))


def bands(sound: np.ndarray) -> np.ndarray:
    """The shape of the spectrum: shares of the energy in 16 bands of equal ratio, 100 Hz to 3.4 kHz."""
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
    edges = [round(edge) for edge in np.geomspace(100, 3400, 17) * len(sound) / RATE]
    shares = np.array([power[low:high].sum() for low, high in pairwise(edges)])
    return shares / shares.sum()


def differ(one: np.ndarray, other: np.ndarray) -> float:
    """How different two sounds of the same length are in their spectra: 0 is alike, 2 has nothing in common."""
    return float(np.abs(bands(one) - bands(other)).sum())


def track(file: Path) -> np.ndarray:
    return decode(file.read_bytes()).astype(float) / 32768


def found(window: np.ndarray, track: np.ndarray) -> Place:
    """Where the window lies in the track, by normalised cross-correlation."""
    length = 1 << (len(track) + len(window)).bit_length()
    product = np.fft.irfft(np.fft.rfft(track, length) * np.conj(np.fft.rfft(window, length)), length)
    sums = np.concatenate([[0.0], np.cumsum(track**2)])
    energy = sums[len(window) :] - sums[: -len(window)]
    likeness = product[: len(energy)] / np.sqrt(np.maximum(energy, 1e-9) * max(float((window**2).sum()), 1e-9))
    best = int(np.argmax(likeness))
    return Place(best / RATE, float(likeness[best]))


def alike(sound: np.ndarray, track: np.ndarray, at: int, size: int, shift: int) -> bool:
    if at < 0 or at + shift < 0:
        return False
    heard, meant = sound[at : at + size], track[at + shift : at + shift + size]
    if len(heard) < size or len(meant) < size:
        return False
    energy = float((meant**2).sum())
    return energy > 0 and float(((heard - meant) ** 2).sum()) < LIKE * energy
