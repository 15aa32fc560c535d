"""A call-back through the whole service: asked for on the telephone, listed and taken through the API, settled by a later call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from holdsvc.config import load
from holdsvc.engine.plans import CallbackRules
from holdsvc.settings import DirectorySettings
from tests.service import CALLER, Service, a_call, running
from tests.web.test_quiz import HandClock

KEY = {"Authorization": "Bearer a-token-of-some-length"}
FIRST, SECOND = "CA" + "1" * 32, "CA" + "2" * 32


class Floor:
    """A queue that offers call-backs, callers on its documents, and a desk that asks the API."""

    def __init__(self, service: Service, clock: HandClock) -> None:
        self.service, self.clock = service, clock
        self.document = None

    def passes(self, seconds: float) -> None:
        self.clock.at += timedelta(seconds=seconds)

    def says(self, name: str) -> bool:
        """The prompt is in the last document."""
        address = self.service.house.sounds.prompt_hash("en", name)
        return any(address in (one.text or "") for one in self.document.iter("Play"))

    async def calls(self, sid: str, number: str = CALLER) -> dict[str, str]:
        call = a_call(sid, From=number)
        await self.service.document("call", call)
        self.document = await self.service.document("wait", {**call, "QueueTime": "0"})
        return call

    async def presses(self, call: dict[str, str], digit: str) -> None:
        action = self.document.find("Gather").get("action")
        response = await self.service.post(action, {**call, "Digits": digit})
        assert response.status == 200
        self.document = ElementTree.fromstring(await response.read())

    async def takes(self, sid: str, number: str = CALLER) -> None:
        call = await self.calls(sid, number)
        self.passes(40)
        await self.presses(call, "6")
        assert self.says("callback_ask")
        self.passes(8)
        await self.presses(call, "1")
        assert self.says("callback_promised")
        assert self.document[-1].tag == "Leave"
        self.passes(8)
        await self.service.hook("left", {**call, "QueueResult": "leave", "QueueTime": "56"})

    async def listed(self, query: str = "") -> list[dict]:
        return (await self.service.json(f"/api/v1/callbacks{query}", **KEY))["callbacks"]

    async def says_of(self, id: str, **body: str) -> tuple[int, dict]:
        url = f"{self.service.base}/api/v1/callbacks/{id}"
        async with self.service.client.post(url, json=body, headers=KEY) as answer:
            return answer.status, await answer.json()

    async def metric(self, line: str) -> bool:
        response = await self.service.get("/metrics")
        return line in (await response.text()).splitlines()


@asynccontextmanager
async def a_floor(folder: Path, port: int, token: str = "a-token-of-some-length", **changes) -> AsyncIterator[Floor]:
    queues = dict(load(environ={}).queues)
    queues["support"] = replace(queues["support"], callback=CallbackRules(offer=True))
    clock = HandClock()
    async with running(folder / "data", port, clock=clock, token=token, queues=queues, **changes) as service:
        yield Floor(service, clock)


@pytest.fixture
async def floor(tmp_path: Path, unused_tcp_port: int) -> AsyncIterator[Floor]:
    table = tmp_path / "customers.csv"
    table.write_text("number,name,account\n+15005550123,Ada,77\n")
    directories = {"customers": DirectorySettings(kind="table", path=str(table))}
    async with a_floor(tmp_path, unused_tcp_port, directories=directories) as made:
        yield made


async def test_it_is_listed_with_all_that_the_desk_needs(floor: Floor) -> None:
    await floor.takes(FIRST)

    (one,) = await floor.listed("?state=owed&queue=support")

    assert one["number"] == CALLER
    assert one["contact"] | {"name": "Ada", "account": "77"} == one["contact"]
    assert (one["state"], one["began"], one["asked"]) == ("owed", "2026-03-02T12:00:00Z", "2026-03-02T12:00:48Z")
    assert (one["ahead"], one["call"], one["attempts"], one["language"]) == (0, FIRST, [], "en")
    (wait,) = (await floor.service.json("/api/v1/waits", **KEY))["waits"]
    assert (wait["outcome"], wait["seconds"]) == ("callback_taken", 56.0)


async def test_the_first_who_asks_has_it_and_the_second_hears_until_when(floor: Floor) -> None:
    await floor.takes(FIRST)
    (one,) = await floor.listed()

    assert (await floor.says_of(one["id"], state="calling", by="desk-1"))[0] == 200
    status, answer = await floor.says_of(one["id"], state="calling", by="desk-2")
    assert (status, answer["error"]) == (409, "somebody is calling already; it is owed again at 2026-03-02T12:05:56Z")
    assert (await floor.says_of(one["id"], state="calling", by="desk-1"))[0] == 200
    assert await floor.listed("?state=owed") == []

    floor.passes(300)
    (again,) = await floor.listed("?state=owed")
    assert len(again["attempts"]) == 1
    assert (await floor.says_of(one["id"], state="calling", by="desk-2"))[0] == 200
    for _ in range(2):
        status, over = await floor.says_of(one["id"], state="reached")
        assert (status, over["state"], over["ahead"], len(over["attempts"])) == (200, "reached", None, 2)
    status, answer = await floor.says_of(one["id"], state="calling")
    assert (status, answer["error"]) == (409, "it is over: reached at 2026-03-02T12:05:56Z")
    assert [row["state"] for row in await floor.listed()] == ["reached"]


async def test_they_keep_their_place_among_those_who_stayed(floor: Floor) -> None:
    await floor.takes(FIRST)
    await floor.calls("CA" + "7" * 32, "+15005550177")
    floor.passes(5)
    await floor.takes(SECOND, "+15005550124")

    assert [(one["call"], one["ahead"]) for one in await floor.listed("?state=open")] == [(FIRST, 0), (SECOND, 2)]


async def test_who_calls_again_is_known_to_be_owed_one_and_the_answer_settles_it(floor: Floor) -> None:
    await floor.takes(FIRST)
    floor.passes(300)
    call = await floor.calls(SECOND)
    context = await floor.service.json(f"/api/v1/calls/{SECOND}", **KEY)
    assert "Is owed a call-back, promised 5 minutes 8 seconds ago." in context["brief"]
    assert [one["queue"] for one in context["owed"]] == ["support"]

    floor.passes(40)
    await floor.presses(call, "6")
    assert floor.says("callback_already")
    floor.passes(9)
    await floor.presses(call, "9")
    floor.passes(9)
    await floor.service.hook("left", {**call, "QueueResult": "bridged", "QueueTime": "58"})
    await floor.service.hook("agent", {**call, "DialCallStatus": "completed"})

    (one,) = await floor.listed()
    assert (one["state"], one["reason"]) == ("withdrawn", "answered")


@pytest.mark.parametrize("number", ["anonymous", "+266696687", ""])
async def test_who_hides_the_number_hears_that_it_cannot_be_done(floor: Floor, number: str) -> None:
    call = await floor.calls(FIRST, number)
    floor.passes(40)
    await floor.presses(call, "6")

    assert floor.says("callback_no_number")
    assert floor.document.find("Gather") is not None
    assert await floor.listed() == []


async def test_a_forgotten_caller_is_owed_nothing(floor: Floor) -> None:
    await floor.takes(FIRST)
    url = f"{floor.service.base}/api/v1/callers/forget"
    async with floor.service.client.post(url, json={"number": CALLER}, headers=KEY) as answer:
        assert answer.status == 200

    (one,) = await floor.listed()
    assert (one["state"], one["reason"], one["number"], one["masked"], one["contact"]) == (
        "withdrawn",
        "forgotten",
        None,
        "",
        None,
    )


async def test_without_a_token_nobody_sees_a_number(tmp_path: Path, unused_tcp_port: int) -> None:
    async with a_floor(tmp_path, unused_tcp_port, token="") as floor:
        await floor.takes(FIRST)
        (one,) = await floor.listed()

    assert (one["number"], one["masked"]) == (None, "+15…23")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"state": "calling"}, 404),
        ({"state": "dancing"}, 400),
        ({}, 400),
        ({"state": "calling", "by": "x" * 81}, 400),
        ({"state": "calling", "who": "x"}, 400),
    ],
)
async def test_what_will_not_do_is_refused_in_a_sentence(floor: Floor, body: dict[str, str], status: int) -> None:
    code, answer = await floor.says_of("0" * 20, **body)

    assert code == status
    assert answer["error"]
    assert (await floor.service.get("/api/v1/callbacks?state=dancing", **KEY)).status == 400
    assert (await floor.service.get("/api/v1/callbacks")).status == 403


async def test_what_is_owed_is_counted_and_its_age_is_told(floor: Floor) -> None:
    await floor.takes(FIRST)
    floor.passes(92)

    wall = await floor.service.json("/api/v1/wall", **KEY)
    assert wall["callbacks"] == {"owed": 1, "calling": 0, "oldest_seconds": 100.0}
    assert {one["queue"]: one["callbacks"] for one in wall["queues"]} == {"support": wall["callbacks"]}
    assert await floor.metric('holdsvc_callbacks_owed{queue="support"} 1.0')
    assert await floor.metric('holdsvc_callback_oldest_seconds{queue="support"} 100.0')
    assert await floor.metric('holdsvc_callbacks_total{queue="support",state="owed"} 1.0')
    (one,) = await floor.listed()
    await floor.says_of(one["id"], state="calling")
    for _ in range(2):
        floor.passes(1)
        await floor.says_of(one["id"], state="reached")
    assert await floor.metric('holdsvc_callbacks_owed{queue="support"} 0.0')
    assert await floor.metric('holdsvc_callbacks_total{queue="support",state="reached"} 1.0')


async def test_where_none_is_offered_nothing_is_owed(tmp_path: Path, unused_tcp_port: int) -> None:
    async with running(tmp_path, unused_tcp_port) as service:
        await service.document("wait", a_call(QueueTime="0"))
        text = await (await service.get("/metrics")).text()
        assert (await service.json("/api/v1/wall"))["callbacks"] is None

    told = [line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("holdsvc_callback")]
    assert {value for _, value in told} == {"0.0"}
    assert 'holdsvc_callbacks_owed{queue="support"}' in [name for name, _ in told]
