"""Joints: how one sound gives way to another, how content goes on under a prompt, and which bytes are made anew for it.

What is cut dies away over the beginning of what follows it. Music gives way slowly, in equal power; what is spoken ends at once, so
that nobody talks over anybody. Content that ducks goes on under the prompts before it, turned down, and its place goes on with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from msgspec.structs import replace

from holdsvc.audio.formats import BLOCK
from holdsvc.audio.g711 import Samples
from holdsvc.audio.mix import Mix, Over, Part, factor, layers, level_at

FADE = 80  # samples: 10 ms, long enough not to click and too short to be noticed
CROSS = 1600  # samples: 200 ms, in which music gives way to other content or comes in
DUCK = 10 ** (-15 / 20)  # the level of content under a prompt: with it the prompt is 0.14 dB louder than alone
DOWN, UP = 1200, 2400  # samples: 150 ms until content is ducked, 300 ms until it is back

Heard = tuple[Part, int]  # what is heard until a joint, and the sample of it that would come next
Levels = tuple[tuple[int, float], ...]
NOTHING: Samples = np.zeros(0, np.float32)
_EQUAL_POWER = tuple((step / 16, float(np.sin(np.pi / 2 * step / 16))) for step in range(17))
_STRAIGHT = ((0.0, 0.0), (1.0, 1.0))


def chained(before: Heard | None, parts: Iterable[Part]) -> Iterator[Part]:
    """The parts with smooth joints between them, prompts laid over content that ducks."""
    rows = list(overlaid(parts))
    room = sum(max(length(part), sum(map(length, said))) for said, part in rows)
    dying = NOTHING  # what did not find room over the part before
    for said, part in rows:
        pieces, dying = joined(before, said, part, dying, room)
        yield from pieces
        room -= sum(map(length, pieces))
        before = (pieces[-1], pieces[-1].stop)


def overlaid(parts: Iterable[Part]) -> Iterator[tuple[tuple[Part, ...], Part]]:
    """Each part with the prompts that are heard over its beginning."""
    said: list[Part] = []
    for part in parts:
        if not part.content:
            said.append(part)
            continue
        if not part.ducks:
            yield from (((), one) for one in said)
        yield (tuple(said) if part.ducks else (), part)
        said = []
    yield from (((), one) for one in said)


def joined(
    before: Heard | None, said: Sequence[Part], part: Part, dying: Samples, room: int
) -> tuple[list[Part], Samples]:
    """The part with the prompts over it, and behind it what is still to be said. Also what dies away only beyond that."""
    same = before is not None and goes_on(*before, part)
    slowly = before is not None and gives_way(before[0], part, said)
    tail = added(dying, cut_off(*before, slowly, same, room)) if before else dying
    over = placed(said, part.start)
    held = level_at(*before) / factor(part.gain) if before and same else None
    pieces = mixture(part, levels_of(part, held, over, len(tail) > 0, slowly), over, tail)
    tail = tail[length(part) :]
    rest = unsaid(over, part.stop)
    if rest:
        tail = added(tail, cut_off(pieces[-1], part.stop, False, False, room - length(part)))
    for one in rest:
        pieces += mixture(one, (), (), tail)
        tail = tail[length(one) :]
    return pieces, tail


def goes_on(before: Part, at: int, part: Part) -> bool:
    """The same content at the very next sample, at whatever level."""
    return bool(part.content) and before.content == part.content and before.base + at == part.base + part.start


def gives_way(before: Part, part: Part, said: Sequence[Part]) -> bool:
    """Slowly, in equal power: music to anything, and anything but a prompt to music."""
    return before.ducks or (part.ducks and bool(before.content) and not said)


def cut_off(part: Part, at: int, slowly: bool, same: bool, room: int) -> Samples:
    """How what is cut at this sample dies away; `same`: its own sound is not cut, only what was over it."""
    reach = min(CROSS, room)
    own, over = layers(part, at, at + reach)
    own = own[: 0 if same else reach if slowly else FADE]
    own *= np.cos(np.linspace(0, np.pi / 2, len(own), dtype=np.float32)) if slowly else falling(len(own))
    over = over[: FADE if at < part.stop and part.mix else 0]
    return added(own, over * falling(len(over)))


def falling(count: int) -> Samples:
    return np.linspace(1, 0, count, dtype=np.float32)


def added(one: Samples, other: Samples) -> Samples:
    """Both from their first sample on."""
    longer, shorter = (one, other) if len(one) >= len(other) else (other, one)
    whole = longer.copy()
    whole[: len(shorter)] += shorter
    return np.trim_zeros(whole, "b")


def placed(said: Sequence[Part], start: int) -> tuple[Over, ...]:
    """Prompts one after the other, from this sample on."""
    over: list[Over] = []
    for one in said:
        over.append(Over(one, start))
        start = over[-1].until
    return tuple(over)


def unsaid(over: Sequence[Over], stop: int) -> list[Part]:
    """What is to be heard of prompts from this sample on, alone."""
    return [replace(one.part, start=one.part.start + max(0, stop - one.at)) for one in over if one.until > stop]


def levels_of(part: Part, held: float | None, over: Sequence[Over], joins: bool, slowly: bool) -> Levels:
    """`held`: the level at which it was heard until now, None where it was not. `joins`: another sound dies away under it."""
    low = DUCK / max(1.0, factor(part.gain)) if over else 1.0
    if held is not None:
        rise, shape = (DOWN if over else UP), [(0.0, held), (1.0, low)]
    elif part.start or (joins and slowly and part.content):
        rise = CROSS if slowly or over else FADE
        shape = [(place, low * level) for place, level in (_EQUAL_POWER if rise == CROSS else _STRAIGHT)]
    else:
        rise, shape = 0, [(0.0, low)]
    levels = tuple((part.start + round(place * rise), level) for place, level in shape)
    if over:
        until = max(over[-1].until, part.start + rise)
        levels += ((until, low), (until + UP, 1.0))
    return () if all(abs(level - 1) < 1e-6 for _, level in levels) else levels


def mixture(part: Part, levels: Levels, over: tuple[Over, ...], tail: Samples) -> list[Part]:
    """The part: as far as it is mixed, and the rest as it is. Where others hear the same mixture it has a name, too."""
    if not levels and not over and not len(tail):
        return [part]
    until = max(part.start + len(tail), *(at for at, _ in levels), *(one.until for one in over), 0)
    until = min(until, part.stop)
    name = name_of(part, levels, over) if over and not len(tail) else ""
    made = replace(part, stop=until, name=name, mix=Mix(levels, over, tail.astype(np.float16) if len(tail) else None))
    return [made, replace(part, start=until)] if until < part.stop else [made]


def name_of(part: Part, levels: Levels, over: Sequence[Over]) -> str:
    """For what may be heard by many: it begins where blocks do, and all that is in it has a name."""
    if part.start % BLOCK or not part.name or not all(one.part.name for one in over):
        return ""
    prompts = ",".join(f"{one.part.name}*{one.part.gain}" for one in over)
    return f"{part.name}@{part.start}:{levels}:{prompts}"


def length(part: Part) -> int:
    return part.stop - part.start
