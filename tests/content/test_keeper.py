"""Who looks after the sources: each at its time, none in another's way, and nothing lost when we stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdsvc.calls.model import Kind, Licence
from holdsvc.content.fetched import FILES, FetchedShelf, Kept, State
from holdsvc.content.index import Entry, read_index
from holdsvc.content.keeper import AT_ONCE, Desk
from holdsvc.errors import OutboundFailed
from tests.content.kitchen import Kitchen, kitchen, talk


class Given:
    """A source that does as the test says."""

    kind = "podcast"
    every = 3600.0

    def __init__(self, name: str = "given", address: str = "here") -> None:
        self.name, self.address = name, address
        self.looks = 0
        self.trouble: Exception | None = None
        self.wait: asyncio.Event | None = None

    async def look(self, state: State, desk: Desk) -> State:
        self.looks += 1
        if self.wait is not None:
            await self.wait.wait()
        if self.trouble is not None:
            raise self.trouble
        if state.has("one"):
            return state
        desk.files.mkdir(parents=True, exist_ok=True)
        (desk.files / f"{self.name}.opus").write_bytes(talk(1))
        entry = Entry(f"{self.name}-1", Kind.PODCAST, self.name, "One", f"{FILES}/{self.name}.opus", Licence("x", "y"))
        return await desk.show(replace(state, kept=(Kept("one", entry, desk.now()),)))


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Kitchen]:
    async with kitchen(tmp_path) as made:
        yield made


async def test_each_is_looked_at_when_it_is_due_and_not_before(room: Kitchen) -> None:
    source = Given()
    room.take(source)
    for _ in range(13):
        await room.look(timedelta(minutes=5))

    assert source.looks in (1, 2), "about an hour lies between two"
    await room.look(timedelta(minutes=30))
    assert source.looks == 2


async def test_what_no_source_should_raise_is_a_fault_of_it_alone(room: Kitchen) -> None:
    mad, sane = Given("mad"), Given("sane")
    mad.trouble = ZeroDivisionError("x")
    room.take(mad, sane)

    await room.look()

    assert room.state("mad").fault == "we could not make sense of it (ZeroDivisionError)"
    assert room.items("sane") == ["One"]


async def test_a_source_that_moves_begins_anew(room: Kitchen) -> None:
    room.take(Given())
    await room.look()

    room.take(moved := Given(address="there"))
    await room.look()

    assert moved.looks == 1
    assert room.state("given").address == "there"
    assert room.items("given") == ["One"]


async def test_never_are_more_looked_at_than_a_few_at_once(room: Kitchen) -> None:
    sources = [Given(f"s{number}") for number in range(6)]
    gate = asyncio.Event()
    for source in sources:
        source.wait, source.trouble = gate, OutboundFailed("no")
    room.take(*sources)
    await room.keeper.round()
    async with asyncio.timeout(5):
        while sum(source.looks for source in sources) < AT_ONCE:
            await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0)
    begun = sum(source.looks for source in sources)

    gate.set()
    await room.keeper.settle()

    assert begun == AT_ONCE
    assert [source.looks for source in sources] == [1] * 6


async def test_a_source_that_is_taken_away_in_the_middle_of_a_look_is_let_go(room: Kitchen) -> None:
    source = Given()
    source.wait = asyncio.Event()
    room.take(source)
    await room.keeper.round()
    await asyncio.sleep(0)

    room.take()
    await room.look()

    assert room.keeper.report() == ()
    assert room.shelf.states == {}


async def test_when_it_is_stopped_its_state_is_on_disk_and_nothing_goes_on(room: Kitchen, tmp_path: Path) -> None:
    bad, slow = Given("bad"), Given("slow")
    bad.trouble, slow.wait = OutboundFailed("example.org answered HTTP 500"), asyncio.Event()
    room.take(bad, slow)
    work = asyncio.create_task(room.keeper.run())
    async with asyncio.timeout(10):
        while not room.shelf.states.get("bad", State()).fault or not slow.looks:
            await asyncio.sleep(0.01)

    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work

    assert FetchedShelf(tmp_path / "fetched").states["bad"].fault == "example.org answered HTTP 500"
    assert not [task for task in asyncio.all_tasks() if "look" in repr(task.get_coro())]


async def test_sound_that_was_not_made_is_made_at_the_next_look(room: Kitchen) -> None:
    source = Given()
    room.take(source)
    await room.look()
    for file in room.into.iterdir():
        file.unlink()
    room.library.refresh()
    gone = room.items("given")

    await room.look_again()

    assert gone == []
    assert room.items("given") == ["One"]


@pytest.mark.parametrize("written", [b"", b"{", b"[]", b"\xff\xfe", b'{"sources": 7}'])
def test_a_state_that_cannot_be_read_begins_anew(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "state.json").write_bytes(written)

    shelf = FetchedShelf(tmp_path)

    assert shelf.states == {}
    shelf.save()
    assert FetchedShelf(tmp_path).states == {}


def test_an_index_that_cannot_be_read_is_made_anew_of_the_state(tmp_path: Path) -> None:
    shelf = FetchedShelf(tmp_path)
    shelf.save()
    (tmp_path / "index.toml").write_text("[[item", "utf-8")

    FetchedShelf(tmp_path).mend()

    assert read_index(tmp_path) == ()
