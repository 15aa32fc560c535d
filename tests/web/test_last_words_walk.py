"""The words at the edges of a call, through the whole service: put on hold by the agent, and out of the queue for nowhere."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from holdsvc.ports import Destination
from tests.service import a_call, running, settings_for
from tests.web.test_quiz import HandClock


def played(document) -> list[str]:
    return [one.text or "" for one in document.iter("Play")]


async def test_a_hold_by_the_agent_begins_with_a_word_and_goes_on_without(tmp_path: Path, unused_tcp_port: int) -> None:
    clock = HandClock()
    async with running(tmp_path, unused_tcp_port, clock=clock) as service:
        call = a_call()
        await service.document("call", call)
        await service.document("wait", call)
        clock.at += timedelta(seconds=60)
        await service.hook("agent", {**call, "CallSid": "CA" + "9" * 32, "ParentCallSid": call["CallSid"]})
        clock.at += timedelta(seconds=60)
        aside = {"StatusCallbackEvent": "participant-hold", "Hold": "true", "ConferenceSid": "CF" + "0" * 32}
        await service.hook("status", {**call, **aside})
        documents = []
        following = "/hooks/twilio/hold?queue=support"
        for seconds in (1, 60, 60):
            clock.at += timedelta(seconds=seconds)
            document = ElementTree.fromstring(await (await service.post(following, call)).read())
            following = document.find("Redirect").text
            documents.append(played(document))
        word = service.house.sounds.prompt_hash("en", "hold_again")

    assert [any(word in one for one in document) for document in documents] == [True, False, False]
    assert word in documents[0][0]
    assert all(document[-1:] for document in documents), "content behind it"


@pytest.mark.parametrize("somewhere", [True, False])
async def test_who_leaves_hears_goodbye_only_where_the_call_ends_with_it(
    tmp_path: Path, unused_tcp_port: int, somewhere: bool
) -> None:
    rules = settings_for(tmp_path).queues["support"]
    ways = {"choice": Destination(dial="+15005550199")} if somewhere else {}
    queues = {"support": replace(rules, menu=replace(rules.menu, leave="6"), departures=ways)}
    async with running(tmp_path, unused_tcp_port, queues=queues) as service:
        call = a_call()
        await service.document("call", call)
        menu = await service.document("wait", call)
        leave = service.house.sounds.prompt_hash("en", "choice_leave_6")
        assert any(leave in one for one in played(menu)), "the key is told"
        await service.post(menu.find("Gather").get("action"), {**call, "Digits": "6"})
        left = await service.document("left", {**call, "QueueResult": "leave", "QueueTime": "20"})
        goodbye = service.house.sounds.prompt_hash("en", "goodbye")

    assert [verb.tag for verb in left] == (["Dial"] if somewhere else ["Play", "Hangup"])
    assert any(goodbye in one for one in played(left)) is not somewhere
