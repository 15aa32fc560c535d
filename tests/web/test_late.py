"""An answer that is late: a caller is not kept waiting for it, and news that nobody waits for is kept before it is answered."""

from __future__ import annotations

import asyncio

from holdsvc.web import webhooks
from tests.service import a_call, running

SOON = 0.05  # seconds


def held_up(service, free: asyncio.Event) -> None:
    decide = service.house.intake.report

    async def report(news):
        await free.wait()
        return await decide(news)

    service.house.intake.report = report


async def test_news_is_answered_when_it_is_kept_and_a_caller_who_waits_hears_music_until_then(
    tmp_path, unused_tcp_port, monkeypatch
):
    monkeypatch.setattr(webhooks, "ANSWER_WITHIN", SOON)
    async with running(tmp_path, unused_tcp_port) as service:
        free = asyncio.Event()
        held_up(service, free)

        document = await service.document("wait", a_call(QueueTime="0"))
        over = asyncio.create_task(service.hook("status", a_call(CallStatus="completed")))
        await asyncio.wait({over}, timeout=3 * SOON)

        assert document.find(".//Play") is not None
        assert not over.done()
        free.set()
        assert (await over).status == 200
        await service.house.intake.settle()
        (wait,) = (await service.json("/api/v1/waits"))["waits"]

    assert wait["outcome"] == "short_abandoned"
