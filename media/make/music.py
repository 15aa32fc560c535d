"""Make every track of the music shelf again: `python media/make/music.py [slug ...]`."""

from __future__ import annotations

import sys
from pathlib import Path

import ambient
import render
from pieces import written

SHELF = Path(__file__).resolve().parent.parent / "music"
BITS = 20_000  # a second: as much as a telephone needs
MORE = 24_000  # the first nine were made so and stay as they are, byte for byte, for what was prepared of them
FIRST = (
    *("bach-prelude-in-c", "pachelbel-canon", "greensleeves", "scarborough-fair", "corner-table"),
    *("late-ferry", "the-entertainer", "slow-light", "harbour-before-dawn"),
)


def main(wanted: list[str]) -> None:
    for piece in written():
        if not wanted or piece.slug in wanted:
            _told(piece.slug, render.shaped(render.played(piece)))
    for quiet in (ambient.SLOW_LIGHT, ambient.HARBOUR, ambient.TIDE_TABLES, ambient.UPSTAIRS_LAMP):
        if not wanted or quiet.slug in wanted:
            _told(quiet.slug, render.shaped(ambient.played(quiet), fade_in=1.5, fade_out=5.0))


def _told(slug: str, sound: render.Sound) -> None:
    path = SHELF / f"{slug}.opus"
    first = slug in FIRST
    seconds = render.save(sound, path, bits=MORE if first else BITS, exact=not first)
    print(f"{slug:28} {seconds:6.1f} s {path.stat().st_size / 1000:7.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
