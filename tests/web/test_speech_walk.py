"""Where spoken choices do not count nobody is told to say anything, and the platform's recogniser is not asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.service import a_call, running, settings_for


@pytest.mark.parametrize("speech", [True, False])
async def test_in_documents_of_a_queue_without_speech_keys_are_all_there_is(
    tmp_path: Path, unused_tcp_port: int, speech: bool
) -> None:
    rules = settings_for(tmp_path).queues["support"]
    queues = {"support": replace(rules, speech=speech)}
    async with running(tmp_path, unused_tcp_port, queues=queues) as service:
        await service.document("call", a_call())
        menu = await service.document("wait", a_call())
        action = menu.find("Gather").get("action")
        quiz = await (await service.post(action, a_call(Digits="4"))).text()
        say_it = service.house.sounds.prompt_hash("en", "or_say")
        told = [any(say_it in (one.text or "") for one in menu.iter("Play")), say_it in quiz]

    assert told == [speech, speech]
    assert menu.find("Gather").get("input") == ("dtmf speech" if speech else "dtmf")
    assert 'input="dtmf' in quiz
    assert ("hints" in quiz) is speech
