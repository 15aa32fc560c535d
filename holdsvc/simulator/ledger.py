"""What the service says of itself, asked over HTTP: its wait log and its metrics."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from urllib.parse import urlencode, urljoin

import aiohttp
import msgspec
from msgspec import Struct

from holdsvc.simulator.clock import SimClock
from holdsvc.simulator.hooks import Target

PAGE = 500  # rows asked for at once
SAMPLE = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Unreadable(Exception):
    """The service does not tell what it should; the message is a plain sentence."""


class Listened(Struct, frozen=True):
    """A stretch of content that the service thinks the caller heard."""

    seconds: float


class ChoiceMade(Struct, frozen=True):
    what: str
    via: str


class Row(Struct, frozen=True):
    """One wait as the service tells it. Fields that it has beside these are not looked at."""

    call: str
    queue: str
    began: datetime
    seconds: float | None = None
    ended: datetime | None = None
    outcome: str | None = None
    amended: bool = False
    listened: tuple[Listened, ...] = ()
    choices: tuple[ChoiceMade, ...] = ()
    came: str | None = None  # when the agent came, against the wait that was told


class Page(Struct, frozen=True):
    waits: list[Row]
    next: str | int | None = None


class Samples(Struct, frozen=True):
    """One reading of /metrics."""

    outcomes: Counter[str]  # holdsvc_calls_total, over platforms and queues
    amended: Counter[tuple[str, str]]  # (from, to)
    waiting: float
    rejected: Counter[str]  # webhooks refused or not understood, by reason

    def logged(self) -> Counter[str]:
        """What the log should hold by outcome: the totals as counted then, moved by the amendments made since."""
        counted = Counter(self.outcomes)
        for (was, became), times in self.amended.items():
            counted[was] -= times
            counted[became] += times
        return counted


class Books:
    def __init__(self, target: Target, client: aiohttp.ClientSession, clock: SimClock) -> None:
        self._target = target
        self._client = client
        self._clock = clock

    async def rows(self) -> list[Row]:
        """The whole wait log, page by page."""
        start = f"{self._target.base.rstrip('/')}/api/v1/waits?{urlencode({'most': PAGE})}"
        rows: list[Row] = []
        url, seen = start, set[str]()
        while url not in seen:
            seen.add(url)
            try:
                page = msgspec.json.decode(await self._get(url), type=Page)
            except msgspec.DecodeError as error:
                raise Unreadable(f"the wait log could not be read: {error}") from error
            rows += page.waits
            if not page.next:
                break
            url = _following(start, page.next)
        return rows

    async def samples(self) -> Samples:
        outcomes: Counter[str] = Counter()
        amended: Counter[tuple[str, str]] = Counter()
        rejected: Counter[str] = Counter()
        waiting = 0.0
        for name, labels, value in read_metrics((await self._get(f"{self._target.base.rstrip('/')}/metrics")).decode()):
            if name == "holdsvc_calls_total":
                outcomes[labels.get("outcome", "")] += int(value)
            elif name == "holdsvc_waits_amended_total":
                amended[labels.get("from", ""), labels.get("to", "")] += int(value)
            elif name == "holdsvc_calls_waiting":
                waiting += value
            elif name == "holdsvc_webhooks_rejected_total":
                rejected[labels.get("reason", "")] += int(value)
        return Samples(outcomes, amended, waiting, rejected)

    async def _get(self, url: str) -> bytes:
        headers = {"Authorization": f"Bearer {self._target.api_token}"} if self._target.api_token else {}
        try:
            with self._clock.busy():
                async with self._client.get(url, headers=headers) as answer:
                    if answer.status != 200:
                        raise Unreadable(f"{url.partition('?')[0]} answered with status {answer.status}")
                    return await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreadable(f"{url.partition('?')[0]} gave no answer ({type(error).__name__})") from error


def _following(start: str, cursor: str | int) -> str:
    """`next` is the address of the next page, or the cursor that leads to it."""
    if isinstance(cursor, str) and cursor.startswith(("/", "http", "?")):
        return urljoin(start, cursor)
    return f"{start}&{urlencode({'after': cursor})}"


def read_metrics(text: str) -> list[tuple[str, dict[str, str], float]]:
    """The samples of a Prometheus text page."""
    found = []
    for line in text.splitlines():
        match = SAMPLE.match(line)
        if match is not None:
            labels = dict(LABEL.findall(match["labels"] or ""))
            found.append((match["name"], labels, float(match["value"])))
    return found
