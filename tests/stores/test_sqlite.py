"""What only a store on a disk has to survive. For each fault that could pass unseen there is a control in which it shows."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from holdsvc.calls.model import CallerId, CallId, CallRef, QueueName
from holdsvc.calls.session import HoldSession
from holdsvc.clock import SystemClock
from holdsvc.errors import ConfigError, StaleSession, StoreUnavailable
from holdsvc.ports import WaitQuery
from holdsvc.stores import sqlite
from holdsvc.stores.sqlite import SqliteStore
from holdsvc.stores.writer import transaction
from tests.stores.calls import after, answered, decided, held, known, one_call, opened, ref, sound, tell
from tests.stores.child import command

ROOT = Path(__file__).parents[2]
CALLER = CallerId("f6d1c0a94b7e2583")


async def test_after_a_restart_all_is_as_it_was(path: Path) -> None:
    async with opened(path) as store:
        for n in range(20):
            await tell(store, f"CA{n}", *one_call(f"caller{n}")[: 1 + n % 5])
        before = [await store.load(ref(f"CA{n}")) for n in range(20)]
        totals, live, waits = await store.totals(), await store.live(), await store.waits(WaitQuery())
        due = await store.due(after(10_000), 99)
        profile = await store.profile(CallerId("caller4"))

    async with opened(path) as store:
        assert [await store.load(ref(f"CA{n}")) for n in range(20)] == before
        assert await store.totals() == totals
        assert await store.live() == live
        assert await store.waits(WaitQuery()) == waits
        assert set(await store.due(after(10_000), 99)) == set(due)
        assert await store.profile(CallerId("caller4")) == profile


async def test_a_closed_store_takes_nothing_and_closes_twice(path: Path) -> None:
    async with opened(path) as store:
        pass
    await store.close()

    with pytest.raises(StoreUnavailable):
        await tell(store, "CA1", held())


async def test_what_was_asked_before_closing_is_kept(path: Path) -> None:
    async with opened(path) as store:
        asked = [asyncio.create_task(tell(store, f"CA{n}", held())) for n in range(250)]
        await asyncio.sleep(0)  # each has asked
    await asyncio.gather(*asked)

    async with opened(path) as store:
        assert (await store.totals()).waiting == 250


async def test_calls_beyond_what_is_kept_at_hand_are_read_from_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdsvc.stores.known.MOST_RECENT", 3)
    monkeypatch.setattr("holdsvc.stores.known.MOST_PROFILES", 3)
    async with opened(path) as store:
        for n in range(20):
            await tell(store, f"CA{n}", *one_call(f"caller{n}"))
        await tell(store, "CA0", answered(30))

        session, profile = await store.load(ref("CA0")), await store.profile(CallerId("caller0"))

    assert session is not None
    assert (session.version, session.amended) == (6, True)
    assert profile is not None
    assert [wait.seconds for wait in profile.waits] == [30.0]
    assert sound(path)


async def test_a_second_store_on_the_same_file_refuses_in_one_sentence(path: Path) -> None:
    async with opened(path) as store:
        with pytest.raises(ConfigError) as refusal:
            await SqliteStore(path).open()
        await tell(store, "CA1", held())

    assert f"{path.with_suffix('.lock')} is held by a running holdsvc (process {os.getpid()})" in str(refusal.value)
    assert "another data_dir" in str(refusal.value)
    assert refusal.value.key == "service.data_dir"


async def test_a_second_process_refuses_and_the_first_goes_on(path: Path) -> None:
    async with opened(path) as store:
        second = await asyncio.to_thread(
            subprocess.run, command(path, 1, "CB"), cwd=ROOT, capture_output=True, text=True
        )
        await tell(store, "CA1", held())

    assert second.returncode != 0
    assert "is held by a running holdsvc" in second.stderr
    assert "ready" not in second.stdout


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (
            lambda path: path.write_bytes(b"this is no database, and long enough to be seen as none" * 99),
            "not a database",
        ),
        (lambda path: path.mkdir(), "cannot use"),
        (lambda path: with_version(path, 99), "newer holdsvc"),
    ],
)
async def test_a_file_that_cannot_be_used_is_named_and_the_lock_let_go(
    path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    spoil(path)

    with pytest.raises(ConfigError, match=says) as refusal:
        await SqliteStore(path).open()
    assert str(path) in str(refusal.value)

    shutil.rmtree(path) if path.is_dir() else path.unlink()
    async with opened(path):
        pass


def with_version(path: Path, version: int) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {version}")


async def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        await SqliteStore(tmp_path / "nowhere" / "holdsvc.sqlite3").open()


@pytest.mark.parametrize(("call", "queue"), [("CA\ud800", "support"), ("CA", "support\ud800")])
async def test_what_cannot_be_written_harms_only_itself(path: Path, call: str, queue: str) -> None:
    """A lone surrogate cannot become UTF-8, in a key just as little as in a session."""
    bad = decided(HoldSession(CallRef("twilio", CallId(call)), QueueName(queue)), held())
    async with opened(path) as store:
        good = [asyncio.create_task(tell(store, f"CA{n}", *one_call())) for n in range(20)]
        with pytest.raises(StoreUnavailable):
            await store.save(bad.session, bad.facts)
        await asyncio.gather(*good)

        assert (await store.totals()).offered == 20
    assert sound(path)


async def test_rows_that_the_file_refuses_do_not_take_others_with_them(path: Path) -> None:
    """The file is changed behind the store's back: what only the file knows is refused by the file, one save at a time."""
    async with opened(path) as store:
        sessions = {name: await tell(store, name, held()) for name in ("CA1", "CA2", "CA3")}
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE sessions SET version = 7 WHERE call = 'CA2'")
        wishes = [decided(session, answered(30)) for session in sessions.values()]

        told = await asyncio.gather(*(store.save(one.session, one.facts) for one in wishes), return_exceptions=True)

        assert [type(one) for one in told] == [type(None), StaleSession, type(None)]
        assert [wait.outcome for wait in await store.waits(WaitQuery())] == ["answered", None, "answered"]


async def test_a_disk_that_does_not_keep_up_is_told_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "MOST_WAITING", 5)
    async with opened(path) as store:
        told = await asyncio.gather(*(tell(store, f"CA{n}", held()) for n in range(8)), return_exceptions=True)

        assert Counter(type(one) for one in told) == {HoldSession: 5, StoreUnavailable: 3}
        await tell(store, "CA7", held())


async def test_a_save_that_nobody_waits_for_any_more_is_kept_all_the_same(path: Path) -> None:
    async with opened(path) as store:
        impatient = asyncio.create_task(tell(store, "CA1", held()))
        patient = asyncio.create_task(tell(store, "CA2", held()))
        await asyncio.sleep(0)  # both have asked
        impatient.cancel()
        await patient

        assert impatient.cancelled()
        assert (await store.totals()).waiting == 2


async def test_the_store_works_on_after_a_failure_that_nobody_thought_of(path: Path) -> None:
    async with opened(path) as store:
        with pytest.raises(StoreUnavailable, match="ZeroDivisionError"):
            await store._errand(transaction(lambda db: 1 / 0))

        await tell(store, "CA1", *one_call())
    assert sound(path)


async def test_one_unreadable_session_keeps_nobody_else_from_being_served(path: Path) -> None:
    async with opened(path) as store:
        for name in ("CA1", "CA2"):
            await tell(store, name, held())
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE sessions SET session = x'c1' WHERE call = 'CA1'")

    async with opened(path) as store:
        assert [session.ref for session in await store.live()] == [ref("CA2")]
        with pytest.raises(StoreUnavailable, match="cannot be read"):
            await store.load(ref("CA1"))
        await tell(store, "CA2", answered(30))


async def test_each_commit_is_told_with_its_seconds(path: Path) -> None:
    told: list[float] = []
    store = SqliteStore(path, on_commit=told.append, clock=SystemClock())
    await store.open()
    await tell(store, "CA1", *one_call())
    await store.close()

    assert len(told) == 5
    assert all(0 < seconds < 5 for seconds in told)


async def test_a_log_that_cannot_be_read_is_told_in_our_words(path: Path) -> None:
    async with opened(path) as store:
        await tell(store, "CA1", held())
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("ALTER TABLE waits RENAME TO elsewhere")

        with pytest.raises(StoreUnavailable, match="cannot read"):
            await store.waits(WaitQuery())


def fill(path: Path, pages: int | None) -> Callable[[sqlite3.Connection], None]:
    """As good as a full disk: SQLite says the very same when the file may not grow."""

    def work(db: sqlite3.Connection) -> None:
        (now,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {now + pages if pages is not None else 2**30}").fetchall()

    return work


async def test_a_full_disk_refuses_and_works_again_when_there_is_room(path: Path) -> None:
    async with opened(path) as store:
        kept = await tell(store, "CA1", held(), known(CALLER))
        await store._errand(fill(path, 2))
        refused = 0
        for n in range(100):
            before = await store.totals()
            (told,) = await asyncio.gather(tell(store, f"CB{n}", *one_call()), return_exceptions=True)
            if not isinstance(told, HoldSession):
                assert isinstance(told, StoreUnavailable)
                assert "full" in str(told)
                assert (await store.totals()).offered - before.offered in (0, 1)
                refused += 1
        assert refused > 50
        assert await store.load(ref("CA1")) == kept

        await store._errand(fill(path, None))
        await tell(store, "CC1", *one_call())

    assert sound(path)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="needs root, to mount a small disk")
async def test_a_really_full_disk_refuses_and_works_again_without_a_restart(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        async with opened(disk / "holdsvc.sqlite3") as store:
            acked = Counter[bool]()
            for n in range(1500):
                try:
                    await tell(store, f"CA{n}", held())
                    acked[True] += 1
                except StoreUnavailable:
                    acked[False] += 1
            assert acked[False] > 10, "the disk never was full"
            subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
            await tell(store, "CB1", *one_call())
        assert sound(disk / "holdsvc.sqlite3")
        async with opened(disk / "holdsvc.sqlite3") as store:
            assert (await store.totals()).waiting == acked[True]
    finally:
        subprocess.run(["umount", str(disk)], check=True)
