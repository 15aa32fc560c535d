""" "Your order", with the whole service around it: heard by whom it is for, by nobody else, and gone with the call."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID
from xml.etree import ElementTree

import numpy as np
import pytest
from msgspec.structs import replace
from twilio.request_validator import RequestValidator

from holdsvc.audio.formats import RATE
from holdsvc.audio.g711 import decode
from holdsvc.calls.model import CallId, CallRef, QueueName
from holdsvc.config import AudioSocketSettings, DirectorySettings, SynthesiserSettings
from holdsvc.engine.personal import PersonalSettings
from holdsvc.simulator.audiosocket import dial
from tests.mouth import BREAKS, HANGS, Mouth
from tests.service import CALLER, TOKEN, Service, a_call, running, settings_for, until
from tests.web.test_notices import likeness
from tests.web.test_notices_typed import Hand
from tests.web.test_said import JsonLeg

NUMBER = "ZQX-4711"  # of the order: it must never be seen anywhere but in the ear
OTHER = "+15005550124"
TABLE = f"""number,name,account,order,status
{CALLER},Ada,77,{NUMBER},is on its way
{OTHER},Bob,78,{{a.__class__}}<b>,"waits\u202e\x07"
"""
SPOKEN = f"Your order {NUMBER} is on its way."
ORDER = {"order": PersonalSettings({"en": "Your order {order} {status}."}, title="Your order")}
DAILY = "3"


def call(number: int, caller: str = CALLER, **more: str) -> dict[str, str]:
    return a_call(f"CA{number:032x}", **{"From": caller, **more})


class House:
    def __init__(self, folder: Path, ports: Callable[[], int]) -> None:
        self.folder, self.ports, self.mouth = folder, ports, Mouth(folder)
        self.data = folder / "data"
        (folder / "customers.csv").write_text(TABLE, "utf-8")

    @asynccontextmanager
    async def open(self, synthesiser: SynthesiserSettings | None = None, **more: Any) -> AsyncIterator[Service]:
        given = {
            "personal": ORDER,
            "directories": {"customers": DirectorySettings(kind="table", path=str(self.folder / "customers.csv"))},
            "synthesiser": synthesiser or self.mouth.settings(),
            **more,
        }
        async with running(self.data, self.ports(), **given) as service:
            yield service

    def left_on_disk(self) -> Iterator[Path]:
        """Files of the service in which the order is named, and leftovers of its sound."""
        yield from (file for file in self.data.rglob("*") if file.is_file() and NUMBER.encode() in file.read_bytes())
        yield from (self.data / "personal").rglob("*")


@pytest.fixture
def house(tmp_path: Path, unused_tcp_port_factory: Callable[[], int]) -> House:
    return House(tmp_path, unused_tcp_port_factory)


async def hold(service: Service, fields: dict[str, str], identity: str = "") -> ElementTree.Element:
    query = "queue=support" + (f"&identity={identity}" if identity else "")
    await service.document("call", fields, query)
    return await service.document("wait", {**fields, "QueueTime": "0"})


async def press(service: Service, document: ElementTree.Element, fields: dict[str, str]) -> ElementTree.Element:
    action = next(node.get("action") or "" for node in document.iter("Gather"))
    answer = await service.post(action, {**fields, "Digits": DAILY})
    assert answer.status == 200
    return ElementTree.fromstring(await answer.read())


def content(document: ElementTree.Element) -> str:
    """The item that a document plays."""
    action = next(node.get("action") or "" for node in document.iter("Gather"))
    return parse_qs(urlsplit(action).query)["content"][0]


def sounds(document: ElementTree.Element) -> list[str]:
    return [node.text or "" for node in document.iter("Play")]


def ready(service: Service) -> bool:
    return len(service.house.personal._by_id) > 0


async def test_a_verified_caller_hears_it_and_with_the_call_it_is_gone(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with house.open() as service:
        first = await hold(service, call(1), "verified")
        assert not content(first).startswith("order.")  # nobody waited for it
        await until(lambda: ready(service), 30)
        document = await press(service, first, call(1))
        assert content(document).startswith("order.")
        address = sounds(document)[-1]
        answer = await service.get(address)
        body = await answer.read()
        (spoken,) = service.house.personal._by_id.values()
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "private, no-store")
        assert "ETag" not in answer.headers
        assert answer.headers["X-Holdsvc-Caption"] == "Your order"
        assert spoken.sound[: len(body) // 2] in body
        context = await service.json(f"/api/v1/calls/{call(1)['CallSid']}")
        assert (context["identity"], context["brief"][0]) == ("verified", "Verified: Ada, account 77.")

        await service.document("wait", call(1, QueueTime="30"))
        await service.hook("left", call(1, QueueResult="hangup", QueueTime="35"))
        assert (await service.get(address)).status == 404
        assert (len(service.house.personal), service.house.personal._by_address) == (0, {})
        (wait,) = (await service.json("/api/v1/waits"))["waits"]
        shown = str(await service.json("/api/v1/content")) + str(await service.json("/api/v1/calls")) + str(context)

    assert house.mouth.said == [f"en: {SPOKEN}"]
    assert "personal:order" in [one["content"] for one in wait["listened"]]
    assert NUMBER not in shown + str(wait) + caplog.text + str([vars(one) for one in caplog.records])
    assert spoken.address not in str(wait) + caplog.text
    assert list(house.left_on_disk()) == []


async def test_where_there_is_no_other_update_the_key_works_once_it_is_ready_and_something_follows(
    house: House,
) -> None:
    clock = Hand()
    support = replace(settings_for(house.folder).queues["support"], shelves=("jazz", "own"), segment_seconds=10)
    given = {"queues": {"support": support}, "personal": {"order": replace(ORDER["order"], shelf="own")}}
    async with house.open(clock=clock, **given) as service:
        first = await hold(service, call(1), "verified")
        await until(lambda: ready(service), 30)
        own = await press(service, first, call(1))
        (session,) = service.house.roster.live()
        assert session.sent is not None
        clock.time += timedelta(seconds=session.sent.seconds + 2)
        answer = await service.post(next(node.text or "" for node in own.iter("Redirect")), call(1, QueueTime="60"))
        behind = ElementTree.fromstring(await answer.read())

    assert content(own).startswith("order.")
    assert not content(behind).startswith("order.")  # it was heard to its end, once


@pytest.mark.parametrize("identity", ["", "number", "none", "VERIFIED", "yes"])
async def test_who_is_known_by_the_number_alone_does_not_hear_it(house: House, identity: str) -> None:
    async with house.open() as service:
        first = await hold(service, call(1), identity)
        document = await press(service, first, call(1))
        metrics = await (await service.get("/metrics")).text()

    assert house.mouth.said == []
    assert not content(document).startswith("order.")
    assert ('reason="unknown_identity"' in metrics) == (identity in ("VERIFIED", "yes"))


async def test_nobody_elses_document_names_it_and_nobody_can_make_up_its_address(house: House) -> None:
    async with house.open() as service:
        first = await hold(service, call(1), "verified")
        await until(lambda: ready(service), 30)
        address = sounds(await press(service, first, call(1)))[-1]
        name = urlsplit(address).path.split("/")[3]
        others = [await hold(service, call(2, OTHER)), await hold(service, call(3, "anonymous"), "verified")]
        others += [
            await press(service, one, call(at, who))
            for at, who, one in ((2, OTHER, others[0]), (3, "anonymous", others[1]))
        ]
        longer = address.replace("-", "-1", 1)
        another = address.replace(name, "0" * 32)

        assert not [one for document in others for one in sounds(document) if name in one]
        assert [(await service.get(one)).status for one in (longer, another)] == [404, 404]


async def test_hostile_values_of_a_record_are_harmless(house: House) -> None:
    async with house.open() as service:
        first = await hold(service, call(1, OTHER), "verified")
        await until(lambda: ready(service), 30)
        document = await press(service, first, call(1, OTHER))
        assert content(document).startswith("order.")
        assert (await service.get(sounds(document)[-1])).status == 200

    assert house.mouth.said == ["en: Your order a. class b waits."]


@pytest.mark.parametrize("program", [BREAKS, HANGS, "import sys; open(sys.argv[1], 'w').write('no sound')"])
async def test_a_synthesiser_that_is_slow_or_broken_changes_nothing_else(house: House, program: str) -> None:
    async with house.open(house.mouth.settings(program, seconds=1.0)) as service:
        documents = [await hold(service, call(1), "verified")]
        documents.append(await press(service, documents[0], call(1)))
        await until(lambda: service.house.personal._waiting == 0, 30)
        documents.append(await service.document("wait", call(1, QueueTime="70")))
        fetched = [await service.get(one) for document in documents for one in sounds(document)[:2]]
        assert {one.status for one in fetched} == {200}
        assert not ready(service)

    assert list(house.left_on_disk()) == []


async def test_a_service_that_is_stopped_while_it_speaks_leaves_nothing_on_the_disk(house: House) -> None:
    async with house.open(house.mouth.settings(HANGS)) as service:
        await hold(service, call(1), "verified")
        await until(lambda: any((house.data / "personal").glob("*")), 30)

    assert list(house.left_on_disk()) == []
    (house.data / "personal" / "left").mkdir(parents=True)
    (house.data / "personal" / "left" / "said.wav").write_bytes(b"of a process that was killed")
    async with house.open():
        assert not (house.data / "personal").exists()


async def test_on_a_live_line_it_is_heard_too(house: House) -> None:
    line, uuid = AudioSocketSettings("127.0.0.1", house.ports()), UUID("0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0")
    async with house.open(audiosocket=line) as service:
        wanted = {"queue": "support", "caller": CALLER, "uuid": str(uuid), "identity": "verified", "account": "77"}
        async with service.client.post(f"{service.base}/api/v1/calls/announce", json=wanted) as response:
            assert response.status == 200
        leg = await dial("127.0.0.1", line.port, uuid)
        await leg.hear(0.3)
        await until(lambda: ready(service), 30)
        before = leg.heard.seconds
        leg.press(DAILY)
        await leg.hear(before + 4.0)
        (spoken,) = service.house.personal._by_id.values()
        told = decode(spoken.sound).astype(np.float32)
        heard = np.frombuffer(bytes(leg.heard.sound), "<i2").astype(np.float32)[round(before * RATE) :]
        await leg.hang_up()
        ref = CallRef("audiosocket", CallId(str(uuid)))
        await until(lambda: service.house.roster.get(ref.call) is None)
        assert len(service.house.personal) == 0
        shared = [key for blocks in service.house.streams._blocks.values() for key in blocks._young]

    assert likeness(heard, told[2400:4800]) > 0.8
    assert "" not in [name for name, _, _ in shared]


async def test_on_a_stream_of_shared_blocks_it_is_heard_and_shared_with_nobody(house: House) -> None:
    async with house.open() as service:
        await hold(service, call(1), "verified")
        await until(lambda: ready(service), 30)
        (spoken,) = service.house.personal._by_id.values()
        ref = CallRef("twilio", CallId(call(1)["CallSid"]))
        token = service.house.streams.tokens.issue(ref, QueueName("support"))
        address = f"{service.base}/media/twilio/{token}"
        signed = {"X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(address.replace("http", "ws", 1), {})}
        socket = await service.client.ws_connect(address, headers=signed)
        leg = JsonLeg(socket, ref.call, "MZ" + "4" * 32)
        await until(lambda: len(leg.heard) > 4000)
        await leg.send("dtmf", dtmf={"track": "inbound_track", "digit": DAILY})
        before = len(leg.heard)
        await until(lambda: len(leg.heard) > before + 4 * RATE, 15)
        await leg.hang_up()
        await until(lambda: not len(service.house.streams))
        names = {key[0] for blocks in service.house.streams._blocks.values() for key in (*blocks._young, *blocks._old)}

    heard, told = (decode(bytes(sound)).astype(np.float32) for sound in (leg.heard[before:], spoken.sound))
    assert likeness(heard, told[2400:4800]) > 0.8
    assert names
    assert not names & {"", spoken.address, spoken.item.id}


@pytest.mark.parametrize(("identity", "status"), [("VERIFIED", 400), ("sure", 400), (True, 400), (None, 200)])
async def test_an_announcement_with_a_level_that_there_is_not_is_refused(
    house: House, identity: Any, status: int
) -> None:
    line = AudioSocketSettings("127.0.0.1", house.ports())
    async with house.open(audiosocket=line) as service:
        wanted = {"queue": "support", "caller": CALLER, "identity": identity}
        async with service.client.post(f"{service.base}/api/v1/calls/announce", json=wanted) as response:
            assert response.status == status
            await response.read()

    assert house.mouth.said == []


async def test_a_dialplan_may_say_it_in_a_form(house: House) -> None:
    line = AudioSocketSettings("127.0.0.1", house.ports())
    async with house.open(audiosocket=line) as service:
        form = {"queue": "support", "caller": CALLER, "identity": "verified"}
        async with service.client.post(f"{service.base}/api/v1/calls/announce", data=form) as response:
            call = (await response.json())["call"]
        await service.house.intake.settle()
        assert (await service.json(f"/api/v1/calls/{call}"))["identity"] == "verified"


async def test_an_account_that_is_not_the_numbers_proves_nothing_of_it(house: House) -> None:
    async with house.open() as service:
        await service.document("call", call(1), "queue=support&identity=verified&account=99")
        await service.document("wait", call(1, QueueTime="0"))
        context = await service.json(f"/api/v1/calls/{call(1)['CallSid']}")

    assert context["identity"] == "number"
    assert context["brief"][0] == "By the number: Ada, account 77. Verified for account 99."
    assert house.mouth.said == []
