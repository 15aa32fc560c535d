"""Where in an item a stretch of sound is from: the bytes that a caller heard, found in what was prepared."""

from __future__ import annotations

from functools import cache

from holdsvc.config import shipped

RATE = 8000  # bytes a second
NEEDLE = 800  # bytes that are looked for: 0.1 s of music, which nowhere else is the same
LONG = 20 * RATE  # what is shorter is a prompt


@cache
def items() -> dict[str, bytes]:
    folder = shipped("media") / "prepared"
    return {file.stem: file.read_bytes() for file in folder.glob("*.ulaw") if file.stat().st_size > LONG}


def place(heard: bytes) -> tuple[str, float] | None:
    """The item, and the second of it at which the last of these bytes stood; None: nothing of it is content as it was prepared."""
    for end in range(len(heard), NEEDLE - 1, -NEEDLE):
        needle = heard[end - NEEDLE : end]
        if len(set(needle)) < 16:  # silence is everywhere
            continue
        for name, sound in items().items():
            at = sound.find(needle)
            if at >= 0:
                return name, (at + NEEDLE + len(heard) - end) / RATE
    return None


def first_place(heard: bytes) -> tuple[str, float] | None:
    """The same of the first of these bytes, also where something is said over the beginning."""
    for begin in range(0, len(heard) - NEEDLE + 1, NEEDLE):
        found = place(heard[begin : begin + NEEDLE])
        if found is not None:
            return found[0], found[1] - (begin + NEEDLE) / RATE
    return None
