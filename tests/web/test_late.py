"""An answer that is late: a caller is not kept waiting for it, and news that nobody waits for is kept before it is answered."""

from __future__ import annotations

import asyncio

from holdsvc.engine.unkept import News
from holdsvc.web import webhooks
from tests.service import a_call, running

SOON = 0.05  # seconds


def held_up(service, free: asyncio.Event) -> None:
    decide = service.house.intake.report

    async def report(news):
        await free.wait()
        return await decide(news)

    service.house.intake.report = report


async def test_a_key_that_is_answered_before_it_is_kept_outlives_the_process_and_counts_once(
    tmp_path, unused_tcp_port, monkeypatch
):
    monkeypatch.setattr(webhooks, "ANSWER_WITHIN", SOON)
    async with running(tmp_path, unused_tcp_port) as service:
        await service.document("wait", a_call(QueueTime="0"))
        free, unkept = asyncio.Event(), service.house.intake.unkept
        held_up(service, free)

        await service.document("input", a_call(Digits="7"), query="queue=support&turn=1")
        (news,) = unkept._spool.read(News)
        assert [one.digit for one in news.events] == ["7"]

        free.set()
        await service.house.intake.settle()
        await service.house.intake.keep_again()
        (wait,) = (await service.json("/api/v1/waits"))["waits"]

    assert [one["what"] for one in wait["choices"] if one["via"] == "key"] == ["softer"]
    assert not unkept._spool.read(News)


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
