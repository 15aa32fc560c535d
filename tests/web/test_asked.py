"""A word that the platform's own recogniser heard nearly right is asked about in the next document, and done at a yes."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote
from xml.etree import ElementTree

from tests.service import Service, a_call, running


class Caller:
    """Who says and presses what the documents ask for, one after the other."""

    def __init__(self, service: Service) -> None:
        self.service, self.call = service, a_call(QueueTime="0")

    async def begin(self) -> None:
        self.document = await self.service.document("wait", self.call)

    async def answer(self, **fields: str) -> None:
        action = self.document.find("Gather").get("action")
        response = await self.service.post(action, {**self.call, **fields})
        self.document = ElementTree.fromstring(await response.read())

    async def captions(self) -> list[str]:
        plays = [play.text for play in self.document.iter("Play")]
        told = [(await self.service.get("/audio" + url.partition("/audio")[2])).headers for url in plays]
        return [unquote(headers["X-Holdsvc-Caption"]) for headers in told]

    def hints(self) -> Sequence[str]:
        return self.document.find("Gather").get("hints", "").split(",")


async def test_a_word_heard_nearly_right_is_asked_about_and_done_at_a_yes(tmp_path, unused_tcp_port):
    async with running(tmp_path, unused_tcp_port) as service:
        caller = Caller(service)
        await caller.begin()
        await caller.answer(SpeechResult="quilt", Confidence="0.6")
        asked, hints = await caller.captions(), caller.hints()
        before = (await service.json(f"/api/v1/calls/{caller.call['CallSid']}"))["choices"]
        await caller.answer(SpeechResult="Yes.", Confidence="0.9")
        call = await service.json(f"/api/v1/calls/{caller.call['CallSid']}")

    assert "Did you say quiet?" in asked
    assert "If so, say yes or press one." in asked
    assert "yes" in hints
    assert not [one for one in before if one["via"] == "voice"]
    assert [one["what"] for one in call["choices"] if one["via"] == "voice"] == ["quiet"]


async def test_a_no_leaves_the_content_and_nothing_is_said(tmp_path, unused_tcp_port):
    async with running(tmp_path, unused_tcp_port) as service:
        caller = Caller(service)
        await caller.begin()
        before = await service.json(f"/api/v1/calls/{caller.call['CallSid']}")
        await caller.answer(SpeechResult="quilt", Confidence="0.6")
        await caller.answer(SpeechResult="no", Confidence="0.9")
        said, after = await caller.captions(), await service.json(f"/api/v1/calls/{caller.call['CallSid']}")

    assert after["hearing"] == before["hearing"]
    assert not [one for one in after["choices"] if one["via"] == "voice"]
    assert not [text for text in said if "catch" in text or "quiet" in text.lower()]
