"""Five books of the same calls: /metrics, the wall, the API, the ledger's file, and what the simulator saw happen.

Each is read by itself, as whoever uses it would, and counted per queue and outcome. The wall knows only its day: it is held
against those rows that ended since its midnight.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, time
from pathlib import Path

import aiohttp
import msgspec
from msgspec import Struct, field

from holdsvc.calls.record import WaitRecord
from holdsvc.ports import Totals, WaitQuery
from holdsvc.simulator.clock import RealClock
from holdsvc.simulator.hooks import Target
from holdsvc.simulator.ledger import Books, Row, read_metrics
from holdsvc.simulator.truth import Truth
from holdsvc.simulator.verdict import Exactness
from holdsvc.stores.ledger import SqliteLedger

METRICS, WALL, API, LEDGER = "/metrics", "/wall", "/api/v1/waits", "the ledger"
TODAY, TRUTH, SUMS = "today's rows", "what happened", "the ledger's sums"
WAITING, OFFERED = "waiting", "offered"
GAVE_UP = frozenset({"abandoned", "short_abandoned"})
ON_THE_WALL = frozenset({"answered", *GAVE_UP, WAITING, OFFERED})
ALL = 10**9  # rows
TRIES, PAUSE = 10, 0.3  # seconds, after which the wall's figures are made anew

Cell = tuple[str, str]  # queue, and an outcome, "waiting" or "offered"
Counts = Counter[Cell]


class QueueOnWall(Struct, frozen=True):
    queue: str
    waiting: int
    answered: int
    abandoned: int
    short_abandoned: int
    offered: int
    told: Mapping[str, int] = field(default_factory=dict)


class HourOnWall(Struct, frozen=True):
    begins: datetime


class Board(Struct, frozen=True):
    """What the wall's page is sent."""

    at: datetime
    queues: tuple[QueueOnWall, ...]
    hours: tuple[HourOnWall, ...]

    @property
    def midnight(self) -> datetime:
        return self.hours[0].begins


class Happened(Struct, frozen=True):
    """A wait as the carrier saw it. Near a threshold, and where news came late, several outcomes are right."""

    queue: str
    outcomes: frozenset[str]


async def read(base: str, token: str, file: Path) -> tuple[dict[str, Counts], list[str]]:
    """The service's own four books, and how they differ; three where there is no file."""
    async with aiohttp.ClientSession() as client:
        board = await on_the_wall(client, base)
        async with client.get(f"{base}/metrics") as answer:
            metrics = await answer.text()
        rows: list[Row] | list[WaitRecord] = await Books(Target(base, token), client, RealClock()).rows()
    books, came = {METRICS: by_metrics(metrics), API: by_rows(rows)}, {API: came_by_rows(rows)}
    wrong: list[str] = []
    if file.exists():
        books[LEDGER], rows, totals = by_ledger(file)
        came |= {LEDGER: came_by_rows(rows), SUMS: came_by_sums(totals.came_now)}
        wrong += differences({METRICS: came_by_metrics(metrics), SUMS: came_by_sums(totals.came)})
    wall = by_wall(board)
    wrong += [*differences(books), *differences(came)]
    wrong += [*differences({WALL: wall, TODAY: today(rows, board)}), *wrong_day(board)]
    wrong += differences({WALL: came_by_wall(board), TODAY: came_by_rows(of_today(rows, board))})
    return {**books, WALL: wall}, wrong


async def read_while_calls_go_on(base: str, token: str, file: Path) -> tuple[int, list[str]]:
    """How many waited when all four agreed. Between two looks a call may come or go: then all are read again."""
    wrong: list[str] = []
    for _ in range(TRIES):
        books, wrong = await read(base, token, file)
        waiting = sum(count for (_, word), count in books[API].items() if word == WAITING)
        if waiting and not wrong:
            return waiting, []
        await asyncio.sleep(PAUSE)
    return 0, [f"while calls went on: {sentence}" for sentence in wrong or ["nobody waited"]]


async def on_the_wall(client: aiohttp.ClientSession, base: str) -> Board:
    """The first figures that a wall's page is sent."""
    stream = await client.get(f"{base}/api/v1/events")
    try:
        async for line in stream.content:
            if line.startswith(b"data:"):
                return msgspec.json.decode(line.removeprefix(b"data:"), type=Board)
    finally:
        stream.close()  # it has no end that could be waited for
    raise AssertionError("the stream of the wall's figures ended before the first of them")


def by_metrics(text: str) -> Counts:
    """Ends as they were first told, moved by what was told later. Who waits is read off a gauge, which no amendment moves."""
    counts: Counts = Counter()
    for name, labels, value in read_metrics(text):
        if name == "holdsvc_calls_total":
            counts[labels["queue"], labels["outcome"]] += int(value)
        elif name == "holdsvc_calls_waiting":
            counts[labels["queue"], WAITING] += int(value)
        elif name == "holdsvc_waits_amended_total":
            for word, sign in ((labels["from"], -1), (labels["to"], 1)):
                counts[labels["queue"], word] += sign * int(value) * (word != WAITING)
    return with_offered(counts)


def by_rows(rows: Iterable[Row | WaitRecord]) -> Counts:
    return with_offered(Counter((str(row.queue), str(row.outcome or WAITING)) for row in rows))


def by_ledger(file: Path) -> tuple[Counts, list[WaitRecord], Totals]:
    """Its sums, and its rows, of one moment. Who waits stands in the sums for all queues together."""
    with SqliteLedger(file) as ledger:
        totals, rows = ledger.totals(), list(ledger.waits(WaitQuery(most=ALL)))
    counts = Counter({cell: times for cell, times in by_rows(rows).items() if cell[1] == WAITING})
    for (_, queue, outcome), times in totals.outcomes.items():
        counts[queue, outcome] += times
    return with_offered(counts), rows, totals


# When the agent came, against the wait that was told: as first told by /metrics, as amended by rows and wall; the ledger has both.


def came_by_metrics(text: str) -> Counts:
    counts: Counts = Counter()
    for name, labels, value in read_metrics(text):
        if name == "holdsvc_waits_told_total":
            counts[labels["queue"], labels["came"]] += int(value)
    return counts


def came_by_rows(rows: Iterable[Row | WaitRecord]) -> Counts:
    return Counter((str(row.queue), str(row.came)) for row in rows if row.came)


def came_by_sums(sums: Mapping[tuple[str, str], int]) -> Counts:
    return Counter(dict(sums))


def came_by_wall(board: Board) -> Counts:
    return +Counter({(one.queue, came): count for one in board.queues for came, count in one.told.items()})


def by_wall(board: Board) -> Counts:
    return +Counter({(one.queue, word): getattr(one, word) for one in board.queues for word in ON_THE_WALL})


def today(rows: Iterable[Row | WaitRecord], board: Board) -> Counts:
    """What of these rows the wall must show."""
    kept = by_rows(of_today(rows, board))
    return Counter({cell: times for cell, times in kept.items() if cell[1] in ON_THE_WALL})


def of_today(rows: Iterable[Row | WaitRecord], board: Board) -> Iterator[Row | WaitRecord]:
    return (row for row in rows if row.ended is None or row.ended >= board.midnight)


def wrong_day(board: Board) -> Iterator[str]:
    """The wall's day begins at midnight of the day in which it was made, by its own zone."""
    zone = board.midnight.tzinfo
    if board.midnight != datetime.combine(board.at.astimezone(zone).date(), time(), zone):
        yield f"the wall of {board.at} begins its day at {board.midnight}"


def with_offered(counts: Counts) -> Counts:
    for (queue, _), times in list(counts.items()):
        counts[queue, OFFERED] += times
    return +counts


def differences(books: Mapping[str, Counts]) -> Iterator[str]:
    for cell in sorted({cell for counts in books.values() for cell in counts}):
        if len({counts[cell] for counts in books.values()}) > 1:
            yield f"{' '.join(cell)}: {', '.join(f'{counts[cell]} by {name}' for name, counts in books.items())}"


def happened(truth: Truth, exactness: Exactness, delays: Mapping[str, float]) -> list[Happened]:
    """As `compare_waits` judges a row, so is each wait counted here."""
    return [
        Happened(
            wait.queue,
            wait.outcomes(exactness.told + wait.slack + delays.get(call.sid, 0.0), exactness.short)
            or frozenset({WAITING}),
        )
        for call, wait in truth.waits()
    ]


def untrue(happening: Iterable[Happened], book: str, counts: Counts) -> Iterator[str]:
    """Offered must be the very number; of each outcome no fewer than were certainly so, and no more than may have been."""
    waits = list(happening)
    for queue in sorted({one.queue for one in waits} | {queue for queue, _ in counts}):
        here = [one.outcomes for one in waits if one.queue == queue]
        if counts[queue, OFFERED] != len(here):
            yield f"{queue} {OFFERED}: {counts[queue, OFFERED]} by {book}, {len(here)} by {TRUTH}"
        words = {word for outcomes in here for word in outcomes} | {word for name, word in counts if name == queue}
        for family in sorted([frozenset({word}) for word in words - {OFFERED}] + [GAVE_UP], key=sorted):
            told = sum(counts[queue, word] for word in family)
            least, most = sum(one <= family for one in here), sum(bool(one & family) for one in here)
            if not least <= told <= most:
                yield f"{queue} {' or '.join(sorted(family))}: {told} by {book}, {least} to {most} by {TRUTH}"
