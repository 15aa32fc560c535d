"""How a simulation stands, as lines for a terminal: bars, answers, and how soon callers hang up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from msgspec import Struct

from holdsvc.simulator.truth import End, Truth

BAR = 40  # characters
EDGES = (5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)  # seconds of the curve
STEPS = " ▁▂▃▄▅▆▇█"
PLAIN = " .:-=+*#@"  # where the terminal has no such signs
FEW = 20  # waits, below which a curve says nothing


class Progress(Struct, frozen=True):
    placed: int
    over: int
    calls: int
    seconds: float  # since the run began, on the simulation's clock
    waiting: Mapping[str, int] = {}  # by queue
    ended: Mapping[str, int] = {}  # in the words of the truth
    answer_p99: float = 0.0  # milliseconds of the machine that the service took, of the last hooks
    curve: tuple[float, ...] = ()  # share of all ended waits that had been given up by each of EDGES; () = too few


def waiting(truth: Truth, queues: tuple[str, ...]) -> Mapping[str, int]:
    now = Counter(wait.queue for _, wait in truth.waits() if wait.ended is None)
    return {queue: now[queue] for queue in queues}


def curve(truth: Truth) -> tuple[float, ...]:
    ended = [wait for _, wait in truth.waits() if wait.ended is not None]
    if len(ended) < FEW:
        return ()
    given_up = [wait.seconds for wait in ended if wait.end is End.HUNG_UP]
    return tuple(sum(seconds <= edge for seconds in given_up) / len(ended) for edge in EDGES)


def line(progress: Progress) -> str:
    """All in one, where nothing can be drawn over."""
    in_queues = ", ".join(f"{name} {count}" for name, count in progress.waiting.items())
    ends = ", ".join(f"{word} {count}" for word, count in sorted(progress.ended.items()))
    return (
        f"{progress.over}/{progress.calls} calls over, {progress.seconds:.0f} s; waiting: {in_queues or 'nobody'}; "
        f"{ends or 'none ended'}; answers p99 {progress.answer_p99:.0f} ms"
    )


def picture(progress: Progress, *, signs: bool = True) -> list[str]:
    """`signs`: the terminal shows block elements."""
    return list(drawn(progress, signs))


def drawn(progress: Progress, signs: bool) -> Iterator[str]:
    yield f"{bar(progress.over, progress.calls)} {progress.over}/{progress.calls} calls over, {progress.seconds:.0f} s"
    width = max(map(len, progress.waiting), default=0)
    most = max(10, *progress.waiting.values(), 0)
    for name, count in progress.waiting.items():
        yield f"  {name:<{width}} {bar(count, most)} {count} waiting"
    ends = " · ".join(f"{word} {count}" for word, count in sorted(progress.ended.items()))
    yield f"  {ends or 'nobody has been answered yet'} · answers p99 {progress.answer_p99:.0f} ms"
    yield f"  given up {spark(progress, signs)}"


def bar(part: int, whole: int) -> str:
    done = round(BAR * min(part, whole) / whole) if whole else 0
    return "#" * done + "." * (BAR - done)


def spark(progress: Progress, signs: bool) -> str:
    """The curve, each step with its moment; heights are of the last step's."""
    if not progress.curve:
        return "(too few calls)"
    levels, top = STEPS if signs else PLAIN, max(progress.curve) or 1.0
    steps = (
        f"{edge:.0f}s {levels[round((len(levels) - 1) * share / top)]} {share:.0%}"
        for edge, share in zip(EDGES, progress.curve, strict=True)
    )
    return "  ".join(steps)
