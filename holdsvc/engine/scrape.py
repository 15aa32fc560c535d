"""What one scrape tells where several processes serve: the sums of all that run on this machine, each figure once.

What a process counted itself adds up. What is derived from the store that all share is told by one process alone, on whatever
machine, so that nobody sums it twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from msgspec import MsgspecError, Struct
from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from holdsvc.engine.metrics import Metrics
from holdsvc.engine.together import Together
from holdsvc.errors import StoreUnavailable
from holdsvc.ports import Store

ANSWER = 1.0  # seconds that another process of this machine has; one that is stuck is left out
HIGHEST = frozenset({"holdsvc_degraded", "holdsvc_build_info"})  # of these the highest is told, of all others the sum
log = logging.getLogger(__name__)

Labels = tuple[tuple[str, str], ...]


class Sample(Struct, frozen=True):
    name: str
    labels: Labels
    value: float


class Family(Struct, frozen=True):
    name: str
    text: str
    kind: str
    samples: tuple[Sample, ...]


pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(tuple[Family, ...]).decode


class Scrape:
    """`doors`: where the others of this machine answer; ours is `door`, None where we are alone."""

    def __init__(
        self,
        metrics: Metrics,
        together: Together,
        store: Store,
        door: Path | None = None,
        doors: Sequence[Path] = (),
    ) -> None:
        self._metrics, self._together, self._store = metrics, together, store
        self._door, self._doors = door, tuple(doors)
        metrics.waits.reports = together.reports

    async def exposition(self) -> bytes:
        await self._take_up()
        if not self._doors:
            return self._metrics.exposition()
        others = await asyncio.gather(*(ask(door) for door in self._doors))
        return generate_latest(_Sum([self._own(), *others]))

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[None]:
        """Others that are asked for a scrape are told what was counted here."""
        if self._door is None:
            yield
            return
        self._door.unlink(missing_ok=True)  # of a process that died
        server = await asyncio.start_unix_server(self._answer, self._door)
        try:
            yield
        finally:
            server.close()
            self._door.unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._take_up()
            writer.write(pack(self._own()))
            await writer.drain()
        except OSError:
            pass  # whoever asked is gone, and asks anew at the next scrape
        finally:
            writer.close()

    async def _take_up(self) -> None:
        """The sums over all calls, as they are kept: what others counted is in them."""
        if self._together.fellows is None or not self._together.reports():
            return
        try:
            self._metrics.waits.begin_anew(await self._store.totals())
        except StoreUnavailable as error:
            log.warning("sums_unread", extra={"reason": str(error)})

    def _own(self) -> tuple[Family, ...]:
        return tuple(
            Family(
                one.name,
                one.documentation,
                one.type,
                tuple(Sample(sample.name, tuple(sample.labels.items()), sample.value) for sample in one.samples),
            )
            for one in self._metrics.registry.collect()
        )


async def ask(door: Path) -> tuple[Family, ...]:
    """What another process of this machine counted; nothing of one that does not answer."""
    try:
        async with asyncio.timeout(ANSWER):
            reader, writer = await asyncio.open_unix_connection(door)
            try:
                return unpack(await reader.read())
            finally:
                writer.close()
    except (OSError, TimeoutError, MsgspecError) as error:
        log.warning("worker_unscraped", extra={"door": door.name, "reason": f"{type(error).__name__}: {error}"})
        return ()


class _Sum(Collector):
    def __init__(self, scrapes: Sequence[tuple[Family, ...]]) -> None:
        self._scrapes = scrapes

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Family] = {}
        values: dict[str, dict[tuple[str, Labels], float]] = {}
        for family in (family for scrape in self._scrapes for family in scrape):
            families.setdefault(family.name, family)
            here = values.setdefault(family.name, {})
            for one in family.samples:
                before = here.get((one.name, one.labels), 0.0)
                highest = family.name in HIGHEST
                here[one.name, one.labels] = max(before, one.value) if highest else before + one.value
        for name, family in families.items():
            metric = Metric(name, family.text, family.kind)
            for (sample, labels), value in values[name].items():
                metric.add_sample(sample, dict(labels), value)
            yield metric
