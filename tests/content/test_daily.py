"""Updates: spoken once and before anybody calls, with an age that is true, and never after their time."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.calls.model import Identity, QueueName
from holdsvc.content.age import PHRASES, aged
from holdsvc.content.daily import Update, UpdateSettings, own_faults
from holdsvc.content.ready import ReadySounds
from holdsvc.content.texts import MOST_WORDS, cut
from holdsvc.engine.plans import PlanBook, QueueRules
from holdsvc.errors import OutboundFailed
from tests.content.canaries import Honest, honest
from tests.content.kitchen import NOON, Kitchen, kitchen, rss
from tests.content.signals import file, speech


class Voice:
    """Writes down what it is asked to say."""

    name = "voice"

    def __init__(self) -> None:
        self.said: list[str] = []
        self.hoarse = False

    async def speak(self, text: str, language: str, into: Path) -> None:
        if self.hoarse:
            raise OutboundFailed("the synthesiser took more than 60 s", why="slow")
        self.said.append(text)
        into.write_bytes(file(speech(2.0, len(self.said)), ".wav"))


@pytest.fixture
async def there() -> AsyncIterator[Honest]:
    async with honest() as server:
        yield server


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Kitchen]:
    async with kitchen(tmp_path) as made:
        yield made


def update(room: Kitchen, voice: Voice | None, name: str = "news", **given: object) -> Update:
    return Update(name, UpdateSettings(**given), room.fetcher, voice)  # type: ignore[arg-type]


def note(file: Path, words: str, at: datetime = NOON) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text(words, "utf-8")
    os.utime(file, (at.timestamp(), at.timestamp()))
    return file


def planned(room: Kitchen, queue: str = "default", segment: str = "") -> list[str]:
    queues = {"default": QueueRules(), "support": QueueRules()}
    plans = PlanBook(ReadySounds(room.library), queues, streams=False, clock=room.clock)
    plan = plans.plan(QueueName(queue), segment=segment)
    return [item.title for item in plan.items if item.kind == "daily"]


async def test_a_text_file_is_spoken_once_with_its_age_and_again_when_it_changes(room: Kitchen, tmp_path: Path) -> None:
    voice, text = (
        Voice(),
        note(tmp_path / "notes" / "storm-warning.txt", "Longer waits today.", NOON - timedelta(hours=3)),
    )
    room.take(update(room, voice, path=str(text)))
    for _ in range(3):
        await room.look(timedelta(minutes=30))
    first = list(voice.said)

    note(text, "All is well again.", room.clock.time)
    await room.look(timedelta(minutes=30))

    assert first == ["Today at 9:00. Longer waits today."]
    assert voice.said[1:] == ["Today at 13:30. All is well again."]
    assert room.items("updates") == ["storm warning"]
    assert planned(room) == ["storm warning"]


async def test_an_update_past_its_limit_is_in_no_plan_though_nobody_has_looked_since(
    room: Kitchen, tmp_path: Path
) -> None:
    note(tmp_path / "notes" / "a.txt", "One.")
    room.take(update(room, Voice(), path=str(tmp_path / "notes"), hours=2.0))
    await room.look()

    room.clock.time = NOON + timedelta(hours=2) - timedelta(seconds=1)
    before = planned(room)
    room.clock.time = NOON + timedelta(hours=2)

    assert before == ["a"]
    assert planned(room) == []
    await room.look()
    assert room.items("updates") == []


async def test_at_midnight_today_becomes_yesterday_and_is_never_said_wrong(room: Kitchen, tmp_path: Path) -> None:
    voice = Voice()
    note(tmp_path / "notes" / "a.txt", "One.")
    room.take(update(room, voice, path=str(tmp_path / "notes"), hours=60.0, every_minutes=600.0))
    await room.look()
    midnight = NOON + timedelta(hours=12)
    while room.clock.time < midnight:
        await room.look_again()

    assert room.clock.time == midnight, "it is looked at at that very moment"
    assert voice.said == ["Today at 12:00. One.", "Yesterday at 12:00. One."]
    assert planned(room) == ["a"]
    assert len(room.state("news").kept) == 1


async def test_what_was_spoken_today_is_in_no_plan_tomorrow_even_if_the_voice_has_gone(
    room: Kitchen, tmp_path: Path
) -> None:
    voice = Voice()
    note(tmp_path / "notes" / "a.txt", "One.")
    room.take(update(room, voice, path=str(tmp_path / "notes"), hours=60.0))
    await room.look()
    voice.hoarse = True

    await room.look(timedelta(hours=13))

    assert planned(room) == []
    assert "took more than" in room.state("news").fault
    voice.hoarse = False
    await room.look_again()
    assert planned(room) == ["a"]


async def test_a_feed_gives_its_newest_stories(room: Kitchen, there: Honest) -> None:
    voice = Voice()
    stories = [
        {"title": f"Story {n}", "description": f"<p>Text {n}.</p>", "date": f"Mon, 02 Mar 2026 0{n}:00:00 GMT"}
        for n in (1, 2, 3)
    ]
    there.body("/news", rss(*stories))
    room.take(update(room, voice, url=there.url("/news"), most=2, timezone="Europe/Madrid"))

    await room.look()

    assert room.items("updates") == ["Story 3", "Story 2"]
    assert voice.said == ["Today at 4:00. Story 3. Text 3.", "Today at 3:00. Story 2. Text 2."]


async def test_a_json_endpoint_is_spoken_when_its_words_change_and_grows_old_if_they_do_not(
    room: Kitchen, there: Honest
) -> None:
    voice = Voice()
    there.body("/api", msgspec.json.encode({"data": [{"text": "We open at <b>nine</b>."}]}))
    room.take(
        update(room, voice, url=there.url("/api"), field="data.0.text", title="Hours", hours=5.0, every_minutes=60.0)
    )
    await room.look()
    for _ in range(4):
        await room.look(timedelta(minutes=90))
    old = planned(room)

    there.body("/api", msgspec.json.encode({"data": [{"text": "We open at ten."}]}))
    await room.look(timedelta(minutes=90))

    assert old == [], "words that stay the same are not new each time"
    assert planned(room) == ["Hours"]
    assert voice.said == ["Today at 12:00. We open at nine.", "Today at 19:30. We open at ten."]


async def test_a_recording_is_played_as_it_is_and_expires(room: Kitchen, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    note(folder / "x.txt", "A text.")
    (folder / "Boss_speaks.wav").write_bytes(file(speech(2.5), ".wav"))
    os.utime(folder / "Boss_speaks.wav", (NOON.timestamp() + 60, NOON.timestamp() + 60))
    (folder / "ignored.pdf").write_bytes(b"%PDF")
    room.take(update(room, Voice(), path=str(folder), hours=3.0))
    await room.look(timedelta(minutes=2))

    assert planned(room) == ["Boss speaks", "x"]
    room.clock.time = NOON + timedelta(hours=3)
    assert planned(room) == ["Boss speaks"]
    room.clock.time = NOON + timedelta(hours=3, minutes=1)
    assert planned(room) == []


async def test_without_a_synthesiser_recordings_are_played_and_texts_are_said_to_be_left_out(
    room: Kitchen, tmp_path: Path
) -> None:
    note(tmp_path / "notes" / "x.txt", "A text.")
    (tmp_path / "notes" / "boss.wav").write_bytes(file(speech(2.5), ".wav"))
    os.utime(tmp_path / "notes" / "boss.wav", (NOON.timestamp(), NOON.timestamp()))
    room.take(update(room, None, path=str(tmp_path / "notes")))

    await room.look()

    assert planned(room) == ["boss"]
    assert "no synthesiser" in room.state("news").fault


async def test_a_text_that_flatters_is_refused_and_the_others_are_spoken(room: Kitchen, tmp_path: Path) -> None:
    voice = Voice()
    note(tmp_path / "notes" / "a.txt", "Your call is very important to us.")
    note(tmp_path / "notes" / "b.txt", "We open at nine.")
    room.take(update(room, voice, path=str(tmp_path / "notes")))

    await room.look()

    assert voice.said == ["Today at 12:00. We open at nine."]
    assert [one.title for one in room.state("news").refused] == ["a"]


async def test_an_update_is_for_its_queues_and_its_segment_alone(room: Kitchen, tmp_path: Path) -> None:
    path = str(note(tmp_path / "notes" / "a.txt", "One."))
    voice = Voice()
    room.take(
        update(room, voice, "queue", path=path, title="queue", queues=("support",)),
        update(room, voice, "gold", path=path, title="gold", segment="gold", identity=Identity.NUMBER),
        update(room, voice, "order", path=path, title="order", segment="gold"),
    )

    await room.look()

    assert planned(room) == []
    assert planned(room, "support") == ["queue"]
    assert planned(room, "default", "gold") == ["gold"], "what wants more than a number is for nobody yet"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "not JSON"),
        (b"{}", "no text at 'a.b'"),
        (b'{"a":{"b":7}}', "no text at"),
        (b"[" * 10**5, "not JSON"),
    ],
)
async def test_an_answer_without_text_is_a_fault_and_what_was_said_stays(
    room: Kitchen, there: Honest, body: bytes, reason: str
) -> None:
    there.body("/api", b'{"a":{"b":"Good day."}}')
    room.take(update(room, Voice(), url=there.url("/api"), field="a.b"))
    await room.look()

    there.body("/api", body)
    await room.look_again()

    assert reason in room.state("news").fault
    assert planned(room) == ["news"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "one of path and url"),
        ({"path": "x.txt", "url": "https://example.org/"}, "one of path and url"),
        ({"path": "x.txt", "field": "a"}, "no url"),
        ({"path": "x.pdf"}, "can be neither"),
        ({"path": "x.txt", "timezone": "Mars/Olympus"}, "no timezone"),
    ],
)
def test_settings_that_will_not_do_are_said_in_a_sentence(given: dict, sentence: str) -> None:
    assert sentence in next(own_faults(UpdateSettings(**given)))


@given(st.text())
def test_what_is_cut_is_a_beginning_and_not_too_long(words: str) -> None:
    short = cut(words * 40)

    assert len(short) <= MOST_WORDS
    assert (words * 40).startswith(short)


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    st.timedeltas(timedelta(0), timedelta(days=20)),
    st.sampled_from([*PHRASES, "de", "en-GB"]),
)
def test_an_age_holds_until_midnight_of_its_zone(at: datetime, later: timedelta, language: str) -> None:
    zone = ZoneInfo("Europe/Madrid")
    then = at.replace(tzinfo=UTC)
    now = then + later
    local = now.astimezone(zone)
    last = local.replace(hour=23, minute=59, second=59)

    assert aged(then, now, language, zone) == aged(then, last, language, zone)
    assert "{" not in aged(then, now, language, zone)


def test_russian_counts_its_days_as_it_should() -> None:
    said = [aged(NOON, NOON + timedelta(days=days), "ru", UTC) for days in (2, 5, 11, 12, 14)]

    assert said == ["2 дня назад.", "5 дней назад.", "11 дней назад.", "12 дней назад.", "14 дней назад."]
