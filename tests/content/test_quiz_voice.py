"""Questions that nobody recorded are spoken once, beside their bank, and only there."""

import asyncio
import sys
from pathlib import Path

import pytest

from holdsvc import app
from holdsvc.config import MediaSettings, SynthesiserSettings
from holdsvc.content.fetched import State
from holdsvc.content.library import Library
from holdsvc.content.quiz_voice import QuizVoice
from holdsvc.errors import BadContent, OutboundFailed
from tests.content.shelf import entry, fill
from tests.content.signals import file, speech
from tests.content.test_quiz import GOOD, a_folder, question
from tests.service import running


class Mouth:
    """A synthesiser that writes down what it is told to say."""

    name = "mouth"

    def __init__(self) -> None:
        self.spoken: list[tuple[str, str]] = []
        self.cannot, self.away = "", False

    async def speak(self, text: str, language: str, into: Path) -> None:
        if self.away:
            raise OutboundFailed("it does not answer", why="voice")
        if self.cannot and self.cannot in text:
            raise BadContent("it has no such words")
        self.spoken.append((text, language))
        into.write_text(text, encoding="utf-8")


class Desk:
    def __init__(self) -> None:
        self.told: list[str] = []

    def tell(self, words: str) -> None:
        self.told.append(words)


class House:
    def __init__(self, tmp_path: Path, bank: str = GOOD) -> None:
        self.shipped, self.own = a_folder(tmp_path / "shipped", en_ours=question(id='"ours"')), tmp_path / "own"
        a_folder(self.own, en_animals=bank)
        for folder in (self.shipped, self.own):
            (folder / "index.toml").write_text("", encoding="utf-8")
        self.library = Library.open(self.shipped, [tmp_path / "sound"], self.own)
        self.mouth, self.desk, self.prepared = Mouth(), Desk(), 0
        self.voice = QuizVoice(self.library, self.own, self.mouth, self.prepare)

    async def prepare(self) -> None:
        self.prepared += 1

    async def look(self, state: State | None = None) -> State:
        self.library.refresh()
        return await self.voice.look(state or State(), self.desk)

    def files(self) -> list[str]:
        return sorted(file.name for file in (self.own / "quiz" / "en").iterdir() if file.suffix != ".toml")


async def test_a_question_without_recordings_is_spoken_once_and_prepared(tmp_path):
    house = House(tmp_path)

    await house.look()
    await house.look()

    assert house.mouth.spoken == [
        ("How many legs does a spider have? One: Six. Two: Eight. Three: Ten.", "en"),
        ("A spider has eight legs.", "en"),
    ]
    assert house.prepared == 1
    assert [name.split(".")[1] for name in house.files()] == ["ask", "tell"]
    assert {source.id for source in house.library.pending()} == {"prompt:en/quiz/legs.ask", "prompt:en/quiz/legs.tell"}
    assert house.desk.told == ["speaking 1/2", "speaking 2/2"]


async def test_what_was_recorded_is_not_spoken_and_goes_first(tmp_path):
    house = House(tmp_path)
    await house.look()
    (house.own / "quiz" / "en" / "legs.tell.opus").write_bytes(b"somebody's own voice")

    await house.look()

    files = {source.id: source.file.name for source in house.library.sources}
    assert files["prompt:en/quiz/legs.tell"] == "legs.tell.opus"
    assert len(house.mouth.spoken) == 2


async def test_other_words_are_spoken_anew_and_the_old_ones_go(tmp_path):
    house = House(tmp_path)
    await house.look()
    before = house.files()
    a_folder(house.own, en_animals=question(tell='"It has eight, of course."'))

    await house.look()

    assert house.mouth.spoken[-1] == ("It has eight, of course.", "en")
    assert len(house.files()) == 2
    assert before[0] in house.files()
    assert before[1] not in house.files()


async def test_what_cannot_be_spoken_is_named_and_not_tried_again(tmp_path):
    house = House(tmp_path)
    house.mouth.cannot = "How many"

    state = await house.look()
    again = await house.look(state)

    assert [(one.title[:8], one.reason) for one in state.refused] == [("How many", "it has no such words")]
    assert again.refused == state.refused
    assert len(house.mouth.spoken) == 1


async def test_a_synthesiser_that_is_away_leaves_what_was_spoken_and_is_asked_again(tmp_path):
    house = House(tmp_path, GOOD + question(id='"more"', ask='"How many arms has a squid?"'))
    house.mouth.away = True

    with pytest.raises(OutboundFailed):
        await house.look()
    house.mouth.away = False
    await house.look()

    assert len(house.mouth.spoken) == 4
    assert not [name for name in house.files() if name.startswith(".")]


async def test_a_bank_in_the_data_folder_is_spoken_by_the_configured_program_and_then_asked(tmp_path, unused_tcp_port):
    """The whole service: the operator drops a bank into the data folder and names a program that speaks."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    fill(shelf, entry("house", house=True), prompts={"next": "Next."})
    a_folder(tmp_path / "data" / "media", en_animals=GOOD)
    (tmp_path / "voice.wav").write_bytes(file(speech(1.5), ".wav"))
    program = f"import shutil, sys; sys.stdin.read(); shutil.copy({str(tmp_path / 'voice.wav')!r}, sys.argv[1])"
    changes = {
        "media": MediaSettings(str(shelf)),
        "synthesiser": SynthesiserSettings(command=(sys.executable, "-c", program, "{file}")),
        "options": app.Options(ingest=False, fetch=True),
    }

    async with running(tmp_path / "data", unused_tcp_port, **changes) as service:
        async with asyncio.timeout(60):
            while "en" not in service.house.sounds.quiz():
                others = asyncio.all_tasks() - {asyncio.current_task()}
                await asyncio.wait(others, timeout=0.1)  # the work beside us goes on
        [question] = service.house.sounds.quiz()["en"].questions

    assert question.item.id == "quiz/legs"
    assert question.ask_seconds == pytest.approx(1.5, abs=0.5)
