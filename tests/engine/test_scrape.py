"""Several processes of one machine, scraped through any of them: what each counted adds up, what all share is told once."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from holdsvc.engine.metrics import Metrics
from holdsvc.engine.scrape import Scrape
from holdsvc.errors import StoreUnavailable
from holdsvc.ports import Totals
from tests.engine.test_intake import HandClock

ENDED = {("twilio", "default", "answered"): 7}


class Store:
    def __init__(self) -> None:
        self.away = False

    async def totals(self):
        if self.away:
            raise StoreUnavailable("away")
        return Totals(ended=ENDED)


class Together:
    fellows = True

    def __init__(self, tells: bool) -> None:
        self.tells = tells

    def reports(self) -> bool:
        return self.tells


class Process:
    def __init__(self, folder: Path, number: int, *, tells: bool) -> None:
        self.metrics, self.together, self.store = Metrics("1", HandClock()), Together(tells), Store()
        self.metrics.start_from(Totals(), tuple, ["default"])
        doors = [folder / str(one) for one in range(3)]
        others = [one for one in doors if one.name != str(number)]
        self.scrape = Scrape(self.metrics, self.together, self.store, doors[number], others)

    async def read(self) -> dict[tuple[str, str], float]:
        text = (await self.scrape.exposition()).decode()
        return {
            (one.name, ",".join(one.labels.values())): one.value
            for family in text_string_to_metric_families(text)
            for one in family.samples
        }


@pytest.fixture
async def two(tmp_path):
    """Of three, one does not answer."""
    both = Process(tmp_path, 0, tells=True), Process(tmp_path, 1, tells=False)
    async with both[0].scrape.answering(), both[1].scrape.answering():
        yield both


async def test_what_each_process_counted_adds_up_whichever_is_asked(two):
    for process, streams in zip(two, (2, 3), strict=True):
        for _ in range(streams):
            process.metrics.stream_opened("twilio")
            process.metrics.webhook_answered("twilio", "wait", 0.02)
        process.metrics.stream_late("twilio", 0.03)

    for process in two:
        read = await process.read()
        assert read["holdsvc_streams", "twilio"] == 5
        assert read["holdsvc_webhook_duration_seconds_count", "twilio,wait"] == 5
        assert read["holdsvc_webhook_duration_seconds_bucket", "0.05,twilio,wait"] == 5
        assert read["holdsvc_stream_lateness_seconds_bucket", "0.04,twilio"] == 2
        assert read["holdsvc_build_info", "1"] == 1


async def test_what_all_share_is_told_once_as_the_store_has_it(two):
    for process in two:
        read = await process.read()
        assert read["holdsvc_calls_total", "answered,twilio,default"] == 7
        assert read["holdsvc_calls_waiting", "default"] == 0

    assert b"holdsvc_calls_total{" in two[0].metrics.exposition()
    assert b"holdsvc_calls_total{" not in two[1].metrics.exposition()


async def test_a_part_that_one_process_misses_is_away_and_not_twice(two):
    for process in two:
        process.metrics.degraded("store", away=True)

    assert (await two[0].read())["holdsvc_degraded", "store"] == 1


async def test_while_the_store_is_away_the_sums_stay_as_they_were_read_last(two):
    await two[0].read()
    two[0].store.away = True

    assert (await two[1].read())["holdsvc_calls_total", "answered,twilio,default"] == 7
