"""What ops type is spoken beside the calls and put up when it is ready; and they are told who hears it, and when."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdsvc.calls.model import QueueName
from holdsvc.config import SynthesiserSettings
from holdsvc.engine.floor import LINGER
from tests.mouth import BREAKS, HANGS, Mouth
from tests.service import Service, a_call, running, settings_for

NOTICES = "/api/v1/notices"
WORDS = "The depot in Leeds is closed today."


class Hand:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 2, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()


async def put_up(service: Service, **wanted: object) -> tuple[int, dict]:
    async with service.client.post(service.base + NOTICES, json={"queue": "support", **wanted}) as response:
        return response.status, await response.json()


async def board(service: Service) -> list[dict]:
    return (await service.json(NOTICES))["notices"]


async def state(service: Service, wanted: str) -> dict:
    async with asyncio.timeout(30):
        while True:
            (*_, told) = await board(service)
            if told["state"] == wanted:
                return told
            others = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.wait(others, timeout=0.05)  # the work beside us goes on


def caller(number: int, **more: str) -> dict[str, str]:
    return a_call(f"CA{number:032x}", **more)


async def held(service: Service, number: int) -> None:
    await service.document("call", caller(number))
    await service.document("wait", caller(number, QueueTime="0", QueuePosition="1"))


def addresses(document) -> list[str]:  # type: ignore[no-untyped-def]
    return [element.text or "" for element in document.iter("Play")]


async def test_a_typed_text_is_spoken_and_then_begins_the_next_document(tmp_path: Path, unused_tcp_port: int) -> None:
    mouth = Mouth(tmp_path)
    async with running(tmp_path, unused_tcp_port, synthesiser=mouth.settings()) as service:
        await held(service, 1)
        status, told = await put_up(service, texts={"en": WORDS})
        assert (status, told["state"], told["text"]) == (202, "speaking", WORDS)
        live = await state(service, "live")
        document = await service.document("wait", caller(1, QueueTime="61"))
        name = service.house.sounds.prompt_hash("en", live["prompt"])
        again = await service.document("wait", caller(1, QueueTime="122"))

    assert mouth.said == [f"en: {WORDS}"]
    assert live["text"] == WORDS
    assert name in addresses(document)[0]
    assert not [one for one in addresses(again) if name in one]


async def test_ops_are_told_how_many_hear_it_and_within_how_many_seconds(tmp_path: Path, unused_tcp_port: int) -> None:
    clock = Hand()
    queues = {"support": replace(settings_for(tmp_path).queues["support"], segment_seconds=20)}
    async with running(tmp_path, unused_tcp_port, clock=clock, queues=queues) as service:
        for number in (1, 2, 3):
            await held(service, number)
            clock.time += timedelta(seconds=4)
        pressed = await service.hook("input", caller(3, Digits="#"))
        silent = await service.hook("input", caller(3, Digits="#"), "queue=support&turn=9")
        assert (pressed.status, silent.status) == (200, 200)  # less talk, and then none
        session = service.house.roster.get(f"CA{2:032x}")
        assert session is not None
        assert session.sent is not None
        left = session.sent.seconds - (clock.time - session.sent.at).total_seconds()

        (queue,) = (await service.json(NOTICES))["waiting"]
        assert (queue["queue"], queue["live"], queue["later"], queue["left_out"]) == ("support", 0, 2, 1)

        status, told = await put_up(service, prompt="notice_storm")
        assert queue["within"] == told["within"]
        assert (status, told["told"], told["waiting"], told["waiting_live"]) == (201, 0, 2, 0)
        assert told["left_out"] == 1
        assert left <= told["within"] <= left + 3

        clock.time += timedelta(seconds=told["within"])
        await service.document("wait", caller(1, QueueTime="60"))
        await service.hook("left", caller(1, QueueResult="hangup", QueueTime="62"))
        (now,) = await board(service)
        assert (now["told"], now["waiting"]) == (1, 1)

    async with running(tmp_path, unused_tcp_port, clock=clock) as service:
        (after,) = await board(service)
        assert (after["told"], after["waiting"]) == (1, 1)  # a restart forgets neither


async def test_who_gets_ready_is_heard_within_seconds_and_later_the_pieces_are_long_again(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    clock, numbers = Hand(), count(1)

    async def lengths(service: Service) -> float:
        number = next(numbers)
        await held(service, number)
        clock.time += timedelta(seconds=100)
        await service.document("wait", caller(number, QueueTime="100"))  # without the menu of the first document
        (session,) = service.house.roster.live()
        assert session.sent is not None
        await service.hook("left", caller(number, QueueResult="hangup", QueueTime="101"))
        clock.time += timedelta(seconds=100)
        return session.sent.seconds

    async def hurry(service: Service, **wanted: object) -> int:
        async with service.client.post(f"{service.base}{NOTICES}/hurry", json=wanted) as response:
            await response.read()
            return response.status

    async with running(tmp_path, unused_tcp_port, clock=clock) as service:
        assert await lengths(service) > 50
        assert await hurry(service, queue="support", minutes=10) == 200
        (shown,) = (await service.json(NOTICES))["hurried"]
        assert shown["queue"] == "support"
        assert service.house.plans.plan(QueueName("other")).segment_seconds == 60
        assert await lengths(service) == 10.0
        clock.time += timedelta(minutes=11)
        assert (await service.json(NOTICES))["hurried"] == []
        assert await lengths(service) > 50
        assert await hurry(service, minutes=30) == 200
        assert await lengths(service) == 10.0
        assert await hurry(service, minutes=0) == 200
        assert await lengths(service) > 50
        assert [await hurry(service, **bad) for bad in ({"queue": "nobody"}, {"minutes": -1}, {"minutes": 721})] == [
            404,
            400,
            400,
        ]


@pytest.mark.parametrize(
    ("wanted", "status", "sentence"),
    [
        ({"texts": {"en": "Your call is very important to us."}}, 400, "no caller wants to hear"),
        ({"texts": {"en": "Closed.\nReally."}}, 400, "signs in it that nobody sees"),
        ({"texts": {"en": "Closed.\u202eyllaeR"}}, 400, "signs in it that nobody sees"),
        ({"texts": {"en": "<break time='9s'/> Closed."}}, 400, "cannot be said"),
        ({"texts": {"en": "   "}}, 400, "it says nothing"),
        ({"texts": {"en": "a" * 301}}, 400, "it has 301 characters"),
        ({"texts": {"tlh": "nuqneH"}}, 400, "nobody is spoken to in 'tlh' here; take one of en"),
        ({"texts": {"../en": "Closed."}}, 400, "nobody is spoken to in"),
        ({"texts": {"en": WORDS}, "prompt": "notice_storm"}, 400, "one of prompt and texts"),
        ({}, 400, "one of prompt and texts"),
        ({"texts": {"en": 7}}, 400, "the body will not do"),
    ],
)
async def test_what_cannot_be_said_is_refused_in_one_sentence(
    tmp_path: Path, unused_tcp_port: int, wanted: dict[str, object], status: int, sentence: str
) -> None:
    mouth = Mouth(tmp_path)
    async with running(tmp_path, unused_tcp_port, synthesiser=mouth.settings()) as service:
        answered, told = await put_up(service, **wanted)

        assert (answered, await board(service)) == (status, [])
        assert sentence in told["error"]
    assert mouth.said == []


async def test_without_a_synthesiser_the_sentence_says_so(tmp_path: Path, unused_tcp_port: int) -> None:
    async with running(tmp_path, unused_tcp_port) as service:
        status, told = await put_up(service, texts={"en": WORDS})
        shown = await service.json(NOTICES)

    assert status == 409
    assert "no synthesiser" in told["error"]
    assert "no synthesiser" in shown["cannot_type"]
    assert shown["languages"] == []


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        (BREAKS, "it could not be spoken: the synthesiser ended with code 3: no such voice"),
        (HANGS, "it could not be spoken: the synthesiser took more than 1 s"),
        ("import sys; open(sys.argv[1], 'w').write('no sound')", "will not do"),
    ],
    ids=["breaks", "hangs", "nonsense"],
)
async def test_a_text_that_cannot_be_spoken_says_why_and_nobody_hears_of_it(
    tmp_path: Path, unused_tcp_port: int, program: str, sentence: str
) -> None:
    settings = Mouth(tmp_path).settings(program, seconds=1.0)
    async with running(tmp_path, unused_tcp_port, synthesiser=settings) as service:
        await held(service, 1)
        before = addresses(await service.document("wait", caller(1, QueueTime="61")))
        await put_up(service, texts={"en": WORDS})
        told = await state(service, "failed")
        after = addresses(await service.document("wait", caller(1, QueueTime="122")))
        async with service.client.delete(f"{service.base}{NOTICES}/{told['id']}") as response:
            assert response.status == 200
        assert await board(service) == []

    assert sentence in told["fault"]
    assert len(after) == len(before)
    assert list((tmp_path / "fetched" / "prompts").rglob("*.wav")) == []
    assert list((tmp_path / "sound").glob("*.ulaw")) == []


async def test_one_that_is_still_being_spoken_can_be_given_up(tmp_path: Path, unused_tcp_port: int) -> None:
    settings: SynthesiserSettings = Mouth(tmp_path).settings(HANGS)
    async with running(tmp_path, unused_tcp_port, synthesiser=settings) as service:
        _, told = await put_up(service, texts={"en": WORDS})
        async with service.client.delete(f"{service.base}{NOTICES}/{told['id']}") as response:
            assert response.status == 200
        assert await board(service) == []


async def test_the_same_words_again_are_not_lost_when_the_first_are_over(tmp_path: Path, unused_tcp_port: int) -> None:
    clock, mouth = Hand(), Mouth(tmp_path)
    async with running(tmp_path, unused_tcp_port, clock=clock, synthesiser=mouth.settings()) as service:
        for minutes in (10, 600):
            await put_up(service, texts={"en": WORDS}, minutes=minutes)
            live = await state(service, "live")
        clock.time += timedelta(minutes=11) + LINGER
        await service.house.floor.tidy()

        assert service.house.sounds.prompt_seconds("en", live["prompt"]) > 1
        assert len(list((tmp_path / "fetched" / "prompts" / "en").glob("*.wav"))) == 1


async def test_it_outlives_a_restart_and_is_gone_from_the_disk_when_it_is_over(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    clock, mouth = Hand(), Mouth(tmp_path)
    given = {"clock": clock, "synthesiser": mouth.settings()}
    spoken = tmp_path / "fetched" / "prompts"
    async with running(tmp_path, unused_tcp_port, **given) as service:
        await put_up(service, texts={"en": WORDS, "es": "El almacén está cerrado."}, minutes=30)
        await state(service, "live")
    assert len(list(spoken.rglob("*.wav"))) == 2

    async with running(tmp_path, unused_tcp_port, **given) as service:
        (told,) = await board(service)
        await held(service, 1)
        assert (told["text"], told["state"]) == (WORDS, "live")
        assert service.house.sounds.prompt_seconds("es", told["prompt"]) > 1

    clock.time += timedelta(minutes=30) + LINGER
    async with running(tmp_path, unused_tcp_port, **given) as service:
        assert await board(service) == []
        assert list(spoken.rglob("*.wav")) == []
        assert list((tmp_path / "sound").glob("*.ulaw")) == []
        assert told["prompt"] not in service.house.plans.prompts()["en"]
