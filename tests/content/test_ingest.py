import asyncio
import mmap
import threading
from pathlib import Path

import pytest

from holdsvc.audio.formats import RATE
from holdsvc.calls.model import ContentId, PromptId
from holdsvc.content import prepare, sounds
from holdsvc.content.ingest import Progress, ingest, ingest_behind, sweep
from holdsvc.content.library import Library
from tests.content.shelf import entry, fill


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    (folder / "bad.wav").write_bytes(b"not a sound at all")
    return fill(folder, entry("good", house=True), entry("bad"), entry("also"), prompts={"hello": "Good day."})


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "data" / "sound"


def test_what_is_pending_gets_ready_and_what_is_bad_gets_a_reason(media, into):
    library, told = Library.open(media, [into]), []

    ingest(library, into, progress=told.append)

    assert {item.id for item in library.items} == {"good", "also", "quiet"}
    assert "cannot be read" in library.quarantined["bad"] or "not a sound file" in library.quarantined["bad"]
    assert library.prompts["en"]["hello"].seconds > 0
    assert not library.pending()
    assert [(step.done, step.total) for step in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert {step.id for step in told if step.reason} == {"bad"}
    measured = sounds.measured_of(library.hash_of(ContentId("good")), library.folders)
    assert measured.loudness == pytest.approx(-19, abs=0.5)
    assert measured.seconds == len(library.sound(ContentId("good"))) / RATE
    for rate in (8000, 16000):
        assert isinstance(library.linear(ContentId("good"), rate).obj, mmap.mmap), "it was kept"


def test_a_second_run_does_nothing_also_not_for_what_was_bad(media, into):
    ingest(Library.open(media, [into]), into)
    before = {file.name: file.stat().st_mtime_ns for file in into.iterdir()}
    library, told = Library.open(media, [into]), []

    ingest(library, into, progress=told.append)

    assert told == []
    assert "bad" in library.quarantined
    assert {file.name: file.stat().st_mtime_ns for file in into.iterdir()} == before


def test_a_run_that_was_ended_in_the_middle_is_taken_up_where_it_was(media, into):
    library, stop, told = Library.open(media, [into]), threading.Event(), []

    def end_after_one(step: Progress) -> None:
        told.append(step)
        stop.set()

    ingest(library, into, workers=1, progress=end_after_one, stop=stop)
    (into / ".half.ulaw.1.part").write_bytes(b"a draft")
    left = len(library.pending())
    ingest(library, into, progress=told.append)

    assert len(told) == 1 + left
    assert not library.pending()
    assert not list(into.glob("*.part")) + list(into.glob(".*.part"))


def test_two_items_made_of_the_same_bytes_are_prepared_once(tmp_path, into):
    folder = tmp_path / "media"
    folder.mkdir()
    fill(folder, entry("one", house=True), entry("two", where="one.wav"))
    library, told = Library.open(folder, [into]), []

    ingest(library, into, progress=told.append)

    assert len(told) == 1
    assert {item.id for item in library.items} == {"one", "two", "quiet"}


def test_sweeping_removes_only_sound_that_no_shelf_wants(media, into):
    library = Library.open(media, [into])
    ingest(library, into)
    sounds.refuse(into, "0" * 32, "once it was bad")
    (into / "notes.txt").write_text("not ours")
    kept = library.hash_of(ContentId("good"))
    fill(media, entry("good", house=True))
    library.refresh()

    swept = sweep(library, into)

    assert swept == 3
    assert {file.stem for file in into.iterdir()} == {kept, library.prompt_hash("en", PromptId("hello")), "notes"}


def test_a_progress_that_fails_ends_the_work(media, into):
    def fail(step: Progress) -> None:
        raise RuntimeError(step.id)

    with pytest.raises(RuntimeError):
        ingest(Library.open(media, [into]), into, progress=fail)


def test_a_file_that_was_changed_meanwhile_is_not_kept_under_its_old_name(media, into):
    sound = sounds.hash_of_file(media / "good.wav")
    (media / "good.wav").write_bytes((media / "also.wav").read_bytes())

    code = prepare.main([str(media / "good.wav"), str(into), sound])

    assert code == 1
    assert sounds.find(sound, (into,)) is None
    assert sounds.refusal(sound, (into,)) is None


def test_a_folder_that_cannot_be_written_leaves_the_item_pending(media, into):
    into.parent.mkdir()
    sound = sounds.hash_of_file(media / "good.wav")
    into.mkdir()
    (into / f"{sound}.ulaw").mkdir()  # in the way of the rename
    library, told = Library.open(media, [into]), []

    ingest(library, into, progress=told.append, only=lambda source: source.id == "good")

    assert "this time" in told[0].reason
    assert "good" in [source.id for source in library.pending()]


async def test_behind_a_running_service_items_appear_one_by_one(media, into):
    library, seen = Library.open(media, [into]), []

    await ingest_behind(library, into, progress=lambda step: seen.append(len(library.pending())))

    assert seen == [3, 2, 1, 0]


async def test_cancelling_ends_the_work_and_leaves_no_draft(media, into):
    library, begun = Library.open(media, [into]), asyncio.Event()
    loop = asyncio.get_running_loop()
    work = asyncio.create_task(ingest_behind(library, into, progress=lambda step: loop.call_soon_threadsafe(begun.set)))
    await begun.wait()

    work.cancel()

    with pytest.raises(asyncio.CancelledError):
        await work
    assert library.items
