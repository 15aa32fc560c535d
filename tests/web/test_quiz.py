"""The quiz with the whole service around it: by documents, where each sound is fetched, and on a live line in real time."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote
from uuid import UUID
from xml.etree import ElementTree

import numpy as np
import pytest

from holdsvc.audio.formats import RATE
from holdsvc.audio.g711 import decode
from holdsvc.calls.model import CallId, CallRef
from holdsvc.config import AudioSocketSettings, MediaSettings
from holdsvc.content.quiz import ask_id, read_banks, recordings, tell_id
from holdsvc.content.sounds import hash_of_file
from holdsvc.simulator.audiosocket import dial
from tests.service import CALLER, a_call, running

BANK = """
language = "en"
question = [
  { id = "aa", ask = "Which is red?", tell = "A ripe tomato is red.", options = [
    { text = "Grass" }, { text = "A tomato", words = ["tomato"], right = true }, { text = "Snow" } ] },
  { id = "bb", ask = "Which is green?", tell = "Grass is green.", options = [
    { text = "Snow" }, { text = "Grass", words = ["the grass"], right = true }, { text = "A tomato" } ] },
  { id = "cc", ask = "Which is white?", tell = "Snow is white.", options = [
    { text = "Grass" }, { text = "Snow", words = ["the snow"], right = true }, { text = "A tomato" } ] },
]
"""
ASKED = {
    f"{one['ask']} One: {one['options'][0]['text']}. Two: {one['options'][1]['text']}. Three: {one['options'][2]['text']}.": one
    for one in tomllib.loads(BANK)["question"]
}
INDEX = """
[[item]]
id = "waltz"
kind = "music"
shelf = "classical"
title = "A waltz"
file = "waltz.opus"
house = true
licence = { name = "CC0-1.0", source = "a test" }

[[item]]
id = "quiz-thinking"
kind = "quiz"
shelf = "quiz"
title = "Time to think"
file = "thinking.opus"
licence = { name = "CC0-1.0", source = "a test" }
"""
PROMPTS = {
    "quiz_intro": "Here is the quiz.",
    "quiz_on": "Back to the quiz.",
    "quiz_right": "Right!",
    "quiz_wrong": "Not quite.",
    "quiz_time_up": "Time is up.",
    "score_1": "One right answer.",
}
THINKING = "Time to think"
LINE = UUID("0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0")


class HandClock:
    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


@pytest.fixture
def folder(tmp_path) -> Path:
    """A data folder, and in it a whole shelf: music, prompts, and a bank of three questions, recorded and prepared."""
    media = tmp_path / "shelf"
    files = {
        "index.toml": INDEX,
        "quiz/en/colours.toml": BANK,
        "prompts/en/prompts.toml": "\n".join(f'[{name}]\ntext = "{text}"' for name, text in PROMPTS.items()),
    }
    for name, text in files.items():
        (media / name).parent.mkdir(parents=True, exist_ok=True)
        (media / name).write_text(text, encoding="utf-8")
    sound(tmp_path, media / "thinking.opus", 16.0)
    sound(tmp_path, media / "waltz.opus", 90.0)
    for name in PROMPTS:
        sound(tmp_path, media / "prompts" / "en" / f"{name}.opus", 0.3)
    for bank in read_banks(media).banks:
        for one in bank.questions:
            for _, _, stem in recordings(bank, one):
                sound(tmp_path, bank.file.parent / f"{stem}.opus", 1.0)
    return tmp_path


def sound(data: Path, file: Path, seconds: float) -> None:
    """A recording, and what it was prepared to: noise that nothing else is like."""
    file.write_bytes(f"recording {file.stem}".encode())
    name = hash_of_file(file)
    noise = np.random.default_rng(int(name[:8], 16)).integers(0, 255, round(seconds * RATE), np.uint8)
    (data / "sound").mkdir(exist_ok=True)
    (data / "sound" / f"{name}.ulaw").write_bytes(noise.tobytes())


class Caller:
    """Hears documents by fetching what they play; knows each sound by its caption."""

    def __init__(self, service, clock: HandClock) -> None:
        self.service, self.clock = service, clock
        self.heard: list[str] = []
        self.seconds: list[float] = []

    async def calls(self, sid: str = "CA" + "1" * 32) -> None:
        self.fields = a_call(sid)
        await self.service.document("call", self.fields)
        await self.read(await self.service.document("wait", self.fields))

    async def keys(self, digit: str, *, after: float) -> None:
        await self.follow(self.document.find("Gather").get("action"), after, Digits=digit)

    async def says(self, words: str, *, after: float) -> None:
        await self.follow(self.document.find("Gather").get("action"), after, SpeechResult=words, Confidence="0.9")

    async def waits(self) -> None:
        """Until the document is over."""
        await self.follow(self.document.find("Redirect").text, sum(self.seconds) + 1.0)

    async def hangs_up(self) -> None:
        self.clock.at += timedelta(seconds=5)
        await self.service.hook("left", {**self.fields, "QueueResult": "hangup", "QueueTime": "60"})

    async def follow(self, address: str, after: float, **fields: str) -> None:
        self.clock.at += timedelta(seconds=after)
        response = await self.service.post(address, {**self.fields, **fields})
        assert response.status == 200, await response.text()
        await self.read(ElementTree.fromstring(await response.read()))

    async def read(self, document: ElementTree.Element) -> None:
        self.document, self.heard, self.seconds = document, [], []
        for play in document.iter("Play"):
            response = await self.service.client.get(self.service.base + play.text.removeprefix(self.service.base))
            assert response.status == 200
            self.heard.append(unquote(response.headers["X-Holdsvc-Caption"]))
            self.seconds.append(round(len(await response.read()) / RATE, 1))

    @property
    def question(self) -> dict[str, object]:
        """The one that is open."""
        return next(ASKED[text] for text in self.heard if text in ASKED)


@pytest.fixture
async def caller(folder, unused_tcp_port):
    clock = HandClock()
    async with running(folder, unused_tcp_port, clock=clock, media=MediaSettings(str(folder / "shelf"))) as service:
        yield Caller(service, clock)


async def test_a_question_is_asked_answered_by_key_told_and_followed_by_another(caller):
    await caller.calls()

    await caller.keys("4", after=12)
    first = caller.question
    intro, _, thinking = caller.heard
    assert (intro, thinking) == ("Here is the quiz.", THINKING)
    assert caller.seconds == [0.3, 1.0, 8.0]
    assert first["options"][1]["words"][0] in caller.document.find("Gather").get("hints")

    await caller.keys("2", after=3)
    assert caller.heard == ["Right!", first["tell"], THINKING]

    await caller.waits()
    assert caller.question != first
    assert len(caller.heard) == 2


async def test_a_key_at_every_tenth_of_a_second_of_a_question_is_honoured(caller):
    """Within the words in front of it, the key brings the question; from its first sound on it is the answer."""
    intro, question, thinking = 0.3, 1.0, 8.0
    for tenth in range(1, round(10 * (intro + question + thinking))):
        await caller.calls(f"CA{tenth:032x}")
        await caller.keys("4", after=2)
        front = sum(caller.seconds) - question - thinking
        asked = caller.question

        await caller.keys("2", after=tenth / 10)

        if tenth / 10 < front:
            assert caller.question == asked, tenth
        else:
            assert caller.heard[:2] in (["Right!", asked["tell"]], ["Right again!", asked["tell"]]), tenth


async def test_an_answer_may_be_said_in_its_own_words_or_by_its_place(caller):
    await caller.calls()
    await caller.keys("4", after=12)

    await caller.says(f"i think it is {caller.question['options'][1]['text']}", after=3)
    assert caller.heard[0] == "Right!"

    await caller.waits()
    await caller.says("the first one", after=3)
    assert caller.heard[0] == "Not quite."

    await caller.waits()
    await caller.says("number two please", after=3)
    assert caller.heard[0] == "Right!"


@pytest.mark.parametrize(("every", "asked"), [(40.0, True), (3.0, False)])
async def test_a_question_is_begun_only_where_the_wait_is_likely_to_be_long_enough_for_it(caller, every, asked):
    """Nobody is in front, and one was answered every so many seconds."""
    for number in range(12):
        other = a_call(f"CA{number + 100:032x}", From="+15005550177", QueueTime="0")
        await caller.service.document("wait", other)
        caller.clock.at += timedelta(seconds=every)
        await caller.service.document("agent", {**other, "DequeingCallSid": "CA" + "9" * 32})

    await caller.calls()
    before = caller.heard
    await caller.keys("4", after=2)

    assert before == ["A waltz"]
    assert [text for text in caller.heard if text not in ASKED] == (
        ["Here is the quiz.", THINKING] if asked else before
    )
    assert any(text in ASKED for text in caller.heard) == asked


async def test_who_says_nothing_is_told_and_hears_the_next_one(caller):
    await caller.calls()
    await caller.keys("4", after=12)
    first = caller.question

    await caller.waits()
    assert caller.heard == ["Time is up.", first["tell"], THINKING]

    await caller.waits()
    assert caller.question != first


async def test_zero_gives_the_menu_whose_digits_then_count_and_words_are_always_understood(caller):
    await caller.calls()
    await caller.keys("4", after=12)
    first = caller.question

    await caller.keys("0", after=3)
    await caller.keys("5", after=3)
    assert "Quiet" in caller.heard[-1]

    await caller.keys("4", after=20)
    assert caller.heard[0] == "Back to the quiz."
    assert caller.question == first

    await caller.says("some music please", after=3)
    assert THINKING not in caller.heard


async def test_the_score_and_what_was_asked_are_kept_for_the_next_call(caller):
    await caller.calls()
    await caller.keys("4", after=12)
    first = caller.question
    await caller.keys("2", after=3)
    await caller.hangs_up()

    await caller.calls("CA" + "3" * 32)

    assert caller.heard[:2] == ["Back to the quiz.", "One right answer."]
    assert caller.question != first


async def test_what_ships_can_be_played_from_an_empty_folder_in_english(tmp_path, unused_tcp_port):
    async with running(tmp_path, unused_tcp_port, clock=HandClock()) as service:
        questions = service.house.sounds.quiz()["en"].questions
        caller = Caller(service, service.house.clock)
        await caller.calls()
        await caller.keys("4", after=12)

    assert len({question.item.artist for question in questions}) >= 4
    assert caller.heard[-1] == "Quiz: time to think – The holdsvc house trio"
    assert any(text.endswith(".") and " Two: " in text for text in caller.heard)


# --- on a live line --------------------------------------------------------------------------------------------------------


async def test_on_a_live_line_a_key_within_the_question_is_its_answer_and_the_next_one_follows(
    folder, unused_tcp_port_factory
):
    port = unused_tcp_port_factory()
    changes = {"audiosocket": AudioSocketSettings("127.0.0.1", port), "media": MediaSettings(str(folder / "shelf"))}
    async with running(folder, unused_tcp_port_factory(), **changes) as service:
        wanted = {"queue": "support", "caller": CALLER, "uuid": str(LINE)}
        async with service.client.post(f"{service.base}/api/v1/calls/announce", json=wanted) as response:
            assert response.status == 200
        leg = await dial("127.0.0.1", port, LINE)
        ref = CallRef("audiosocket", CallId(str(LINE)))
        await leg.hear(0.4)

        leg.press("4")
        await leg.hear(leg.heard.seconds + 0.9)  # the intro, and a good half of the question
        first = (await service.house.intake.load(ref)).quiz
        leg.press("2")
        await leg.hear(leg.heard.seconds + 3.4)
        later = (await service.house.intake.load(ref)).quiz
        heard = bytes(leg.heard.sound)
        await leg.hang_up()

    name = first.question.removeprefix("quiz/")
    assert (first.open, later.open) == (True, True)
    assert (later.score.asked, later.score.right) == (1, 1)
    assert later.question != first.question
    for prompt, whole in ((ask_id(name), False), (tell_id(name), True), (ask_id(later.question[5:]), False)):
        noise = decode(bytes(service.house.sounds.prompt("en", prompt))).astype("<i2").tobytes()
        piece = noise[2 * 1600 : -2 * 1600] if whole else noise[2 * 400 : 2 * 2400]
        assert piece in heard, prompt
