"""Questions that nobody recorded are spoken once, beside their bank, and only there."""

from pathlib import Path

import pytest

from holdsvc.content.fetched import State
from holdsvc.content.library import Library
from holdsvc.content.quiz_voice import QuizVoice
from holdsvc.errors import BadContent, OutboundFailed
from tests.content.test_quiz import GOOD, a_folder, question


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
