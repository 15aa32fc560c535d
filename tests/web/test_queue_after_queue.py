"""A call that comes from one queue of ours into another: each wait is one of its own, and the caller's own things come along."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

from holdsvc.calls.model import Outcome
from holdsvc.engine.alarms import Alarms
from holdsvc.engine.plans import QueueRules
from holdsvc.ports import Destination, WaitQuery
from tests.service import Service, a_call, running

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
QUEUES = {
    "default": QueueRules(),
    "sales": QueueRules(
        max_wait=70.0,
        segment_seconds=30,
        departures={"overflow": Destination(redirect="/hooks/twilio/call?queue=support")},
    ),
    "support": QueueRules(segment_seconds=20),
}


class HandClock:
    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - NOON).total_seconds()

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Caller:
    """A call at the platform: it follows the documents' links, as the platform does."""

    def __init__(self, service: Service, clock: HandClock, number: str = "+15005550123") -> None:
        self.service, self.clock, self.call = service, clock, a_call(From=number)
        self.wait = self.left = ""
        self.entered: datetime | None = None
        self.document = ElementTree.Element("Response")

    async def arrive(self, queue: str) -> None:
        await self.go(f"/hooks/twilio/call?queue={queue}")

    async def go(self, path: str, **fields: str) -> ElementTree.Element:
        response = await self.service.post(path, {**self.call, **fields})
        assert response.status == 200
        self.call["CallStatus"] = "in-progress"
        self.document = ElementTree.fromstring(await response.read())
        enqueue = self.document.find("Enqueue")
        if enqueue is not None:
            self.wait, self.left, self.entered = enqueue.get("waitUrl"), enqueue.get("action"), self.clock.now()
            await self.go(self.wait, **self.place())
        return self.document

    def place(self) -> dict[str, str]:
        stayed = (self.clock.now() - self.entered).total_seconds()
        return {"QueueSid": "QU1", "QueuePosition": "1", "CurrentQueueSize": "1", "QueueTime": str(int(stayed))}

    async def listen(self) -> None:
        """To the document's end, the second of silence behind it, and on to the next one."""
        sounds = [
            await self.service.get("/audio" + one.text.partition("/audio")[2]) for one in self.document.iter("Play")
        ]
        self.clock.advance(sum([len(await sound.read()) - 58 for sound in sounds]) / 8000 + 1.0)
        await self.go(self.document.find("Redirect").text, **self.place())

    async def press(self, digit: str) -> None:
        await self.go(self.document.find("Gather").get("action"), **self.place(), Digits=digit)

    async def leave(self, result: str) -> ElementTree.Element:
        time = self.place()["QueueTime"]
        return await self.go(self.left, QueueResult=result, QueueTime=time, QueueSid="QU1")

    async def hang_up(self) -> None:
        await self.leave("hangup")
        await self.go("/hooks/twilio/status?queue=default", CallStatus="completed")

    async def playing(self) -> list[tuple[str, float, float]]:
        """Hash, from and until of what the document plays."""
        plays = [urlsplit(one.text).path.split("/") for one in self.document.iter("Play")]
        cuts = [(path[-2], path[-1].removesuffix(".wav").partition("@")[0]) for path in plays if path[-1] != "all.wav"]
        return [(name, *map(float, cut.split("-"))) for name, cut in cuts]


def queue_of(url: str) -> tuple[str, str]:
    query = parse_qs(urlsplit(url).query)
    return query["queue"][0], query.get("wait", ["1"])[0]


async def rows(service: Service) -> list[tuple[str, int, Outcome | None, float | None]]:
    waits = await service.house.store.waits(WaitQuery())
    return [(wait.queue, wait.wait, wait.outcome, wait.seconds) for wait in waits]


async def conserved(service: Service) -> bool:
    totals = await service.house.store.totals()
    return totals.offered == sum(totals.outcomes.values()) + totals.waiting


async def test_who_is_moved_on_hears_the_next_queues_plan_and_nothing_twice(tmp_path, unused_tcp_port):
    clock = HandClock()
    async with running(tmp_path, unused_tcp_port, clock=clock, queues=QUEUES) as service:
        caller = Caller(service, clock)
        await caller.arrive("sales")
        heard = [await caller.playing()]
        await caller.listen()
        heard.append(await caller.playing())
        await caller.listen()
        left_at = clock.now()
        assert caller.document.find("Leave") is not None
        onward = (await caller.leave("leave")).find("Redirect").text
        await caller.go(onward)
        entered = clock.now()
        for _ in range(4):
            heard.append(await caller.playing())
            await caller.listen()
        clock.advance(5)
        await caller.hang_up()
        found, even = await rows(service), await conserved(service)
        call = await service.json(f"/api/v1/calls/{caller.call['CallSid']}")

    assert queue_of(caller.wait) == ("support", "2")
    assert [row[:3] for row in found] == [("sales", 1, Outcome.OVERFLOWED), ("support", 2, Outcome.ABANDONED)]
    assert [row[3] for row in found] == [(left_at - NOON).total_seconds(), (clock.now() - entered).total_seconds()]
    assert even
    assert call["queue"] == "support"
    assert [(one["queue"], one["outcome"]) for one in call["earlier"]] == [("sales", "overflowed")]
    seconds = Counter(
        (name, second) for plays in heard for name, start, end in plays for second in range(int(start), int(end))
    )
    assert max(seconds.values()) == 1
    assert all(end - start <= 20 for plays in heard[2:] for _, start, end in plays)


async def test_who_is_passed_on_by_an_agent_waits_once_more(tmp_path, unused_tcp_port):
    clock = HandClock()
    async with running(tmp_path, unused_tcp_port, clock=clock, queues=QUEUES) as service:
        caller = Caller(service, clock)
        await caller.arrive("sales")
        await caller.press("5")
        clock.advance(20)
        asked = caller.call | {"DequeingCallSid": "CA" + "9" * 32, "QueueTime": "20"}
        await service.post("/hooks/twilio/agent?queue=sales", asked)
        clock.advance(100)
        await caller.arrive("support")
        told_late = caller.call | {"QueueResult": "redirected-from-bridged", "QueueTime": "20"}
        chosen = await service.json(f"/api/v1/calls/{caller.call['CallSid']}")
        clock.advance(40)
        await caller.press("4")
        await service.post("/hooks/twilio/agent?queue=support", asked | {"QueueTime": "40"})
        clock.advance(200)
        await caller.go("/hooks/twilio/status", CallStatus="completed")
        before = await rows(service)
        await service.post("/hooks/twilio/left?queue=sales&turn=1", told_late)
        after, even = await rows(service), await conserved(service)

    assert before == after == [("sales", 1, Outcome.ANSWERED, 20.0), ("support", 2, Outcome.ANSWERED, 40.0)]
    assert even
    assert chosen["choices"][-1]["what"] == "quiet"


async def test_a_wait_of_which_nobody_told_the_end_is_over_when_the_caller_is_elsewhere(tmp_path, unused_tcp_port):
    clock = HandClock()
    async with running(tmp_path, unused_tcp_port, clock=clock, queues=QUEUES) as service:
        house = service.house

        async def rang(taken) -> None:
            pass

        alarms = Alarms(house.store, house.intake, clock, rang)
        caller = Caller(service, clock)
        await caller.arrive("sales")
        clock.advance(30)
        await caller.arrive("support")
        at_once = await rows(service)
        listed = (await service.json("/api/v1/calls"))["calls"]
        clock.advance(10)
        await alarms.look()
        later = await rows(service)

    assert at_once == [("sales", 1, None, None), ("support", 2, None, None)]
    assert [(one["call"], one["queue"]) for one in listed] == [(caller.call["CallSid"], "support")]
    assert later == [("sales", 1, Outcome.OVERFLOWED, 30.0), ("support", 2, None, None)]
