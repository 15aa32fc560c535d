"""Nothing of a forgotten caller is left, in no row and in no byte."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdsvc.calls.model import CallerId, Contact, PhoneNumber
from holdsvc.stores import sqlite
from holdsvc.stores.ledger import SqliteLedger
from holdsvc.stores.sqlite import SqliteStore
from tests.stores.calls import decided, held, known, new, one_call, opened, pressed, ref, sound, tell

CALLER = CallerId("f6d1c0a94b7e2583")
NUMBER = PhoneNumber("+15005550123")


def spellings(number: PhoneNumber) -> list[bytes]:
    digits = number.e164[1:]
    national = digits[1:]
    spaced = f"{national[:3]} {national[3:6]} {national[6:]}"
    told = [digits, national, national[3:], spaced, spaced.replace(" ", "-"), f"({national[:3]}) {spaced[4:]}"]
    return [one.encode() for one in told] + [digits.encode("utf-16-le")]


def hits(folder: Path, words: list[bytes]) -> list[str]:
    found = {file.name: file.read_bytes() for file in folder.iterdir()}
    return [f"{word!r} in {name}" for name, content in found.items() for word in words if word in content]


async def one_of_many(store: SqliteStore, n: int) -> None:
    """Every thirtieth call is the caller's."""
    caller, number, contact = CallerId(f"other{n}"), PhoneNumber(f"+1500555{1000 + n}"), None
    if n % 30 == 7:
        caller, number, contact = CALLER, NUMBER, Contact(name="Ada Lovelace")
    await store.remember_number(caller, number)
    session = new(f"CA{n}")
    for event in one_call(caller):
        decision = decided(session, event)
        session = replace(decision.session, contact=contact)
        await store.save(session, decision.facts)


async def test_no_byte_of_a_forgotten_caller_is_left_in_any_file(path: Path) -> None:
    words = [*spellings(NUMBER), CALLER.encode(), b"Ada Lovelace"]
    async with opened(path) as store:
        await asyncio.gather(*(one_of_many(store, n) for n in range(300)))
        assert hits(path.parent, words), "the control: before it is forgotten it is found"

        assert await store.forget(NUMBER, CALLER) == 10

        assert hits(path.parent, words) == []
        assert (await store.totals()).offered == 300
        assert (await store.profile(CallerId("other1"))) is not None
    assert hits(path.parent, words) == []
    assert sound(path)


async def test_a_call_that_goes_on_while_its_caller_is_forgotten_stays_anonymous(path: Path) -> None:
    async with opened(path) as store:
        await tell(store, "CA1", held(), known(CALLER))

        async def presses(lane: int) -> None:
            for n in range(20):
                await tell(store, "CA1", pressed("1", lane + n / 100, heard=5))

        lanes = [asyncio.create_task(presses(lane)) for lane in range(4)]
        assert await store.forget(NUMBER, CALLER) == 1
        await asyncio.gather(*lanes)

        session = await store.load(ref("CA1"))
        assert session is not None
        assert (session.caller, len(session.choices)) == (None, 64)
        assert await store.profile(CALLER) is None
        assert hits(path.parent, [CALLER.encode()]) == []
    assert sound(path)


async def test_a_report_under_way_only_delays_the_overwriting(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "OVERWRITE_AGAIN", 0.01)
    async with opened(path) as store:
        await store.remember_number(CALLER, NUMBER)
        await tell(store, "CA1", *one_call(CALLER))
        with SqliteLedger(path) as report:
            await store.forget(NUMBER, CALLER)
            assert report.number(CALLER) == NUMBER
        async with asyncio.timeout(10):
            while hits(path.parent, spellings(NUMBER)):
                await asyncio.sleep(0.01)


async def test_only_the_owner_may_read_the_files(path: Path) -> None:
    async with opened(path) as store:
        await tell(store, "CA1", held())

        assert {file.stat().st_mode & 0o077 for file in path.parent.iterdir()} == {0}
