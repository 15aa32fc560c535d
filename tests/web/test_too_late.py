"""What a platform tells of a wait that left the log by its age: the whole service, from the webhook to the audit."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from holdsvc.clock import SystemClock
from holdsvc.ports import WaitQuery
from holdsvc.reports.audit import Verdict, audit
from holdsvc.settings import LedgerSettings
from holdsvc.stores.ledger import SqliteLedger
from tests.service import a_call, running, until

OLD, LATER = "CA" + "1" * 32, "CA" + "2" * 32
KEPT = LedgerSettings(keep_days=7.0)


class Ahead(SystemClock):
    def __init__(self, days: float) -> None:
        self.ahead = timedelta(days=days)

    def now(self) -> datetime:
        return super().now() + self.ahead


def books(folder: Path) -> tuple[Verdict, int]:
    with SqliteLedger(folder / "holdsvc.sqlite3") as ledger:
        return audit(ledger), len(list(ledger.waits(WaitQuery())))


def left(sid: str, **more: str) -> dict[str, str]:
    return a_call(sid, QueueResult="hangup", QueueTime="41", **more)


@pytest.mark.parametrize("days", [8, 30])
async def test_news_of_a_wait_that_left_the_log_are_refused_and_counted_and_make_no_second_wait(
    tmp_path: Path, unused_tcp_port: int, days: int
) -> None:
    async with running(tmp_path, unused_tcp_port, clock=Ahead(0), ledger=KEPT) as service:
        sent = f"queue=support&wait=1&sent={int(service.house.clock.now().timestamp() * 1000)}"
        for sid in (OLD, LATER):
            await service.hook("wait", a_call(sid, QueueTime="0"))
            await service.hook("left", left(sid), sent)

    async with running(tmp_path, unused_tcp_port, clock=Ahead(days), ledger=KEPT) as service:
        await until(lambda: books(tmp_path)[1] == 1)
        before, rows = books(tmp_path)
        told = await service.hook("left", left(OLD, CallStatus="completed"), f"{sent}&turn=2")

        metrics = await (await service.get("/metrics")).text()
        assert told.status == 200
        assert 'holdsvc_webhooks_rejected_total{platform="twilio",reason="wait_gone"} 1.0' in metrics
        assert "holdsvc_duplicate_events_total{" not in metrics
    after, _ = books(tmp_path)
    assert (after.sentences, after.differences, rows) == (before.sentences, (), 1)
    assert before.sentences[0].startswith("2 offered")
