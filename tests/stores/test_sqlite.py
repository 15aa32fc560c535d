"""What only a store on a disk has to survive. For each fault that could pass unseen there is a control in which it shows."""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdsvc.calls.events import Departure, LeftQueue, ReleaseAsked
from holdsvc.calls.facts import WaitBegan
from holdsvc.calls.model import CallerId, CallId, CallRef, Contact, EventId, PhoneNumber, QueueName
from holdsvc.calls.session import HoldSession
from holdsvc.errors import ConfigError, StaleSession, StoreUnavailable
from holdsvc.ports import WaitQuery
from holdsvc.reports.audit import audit
from holdsvc.stores import rows, sqlite
from holdsvc.stores.backup import backup
from holdsvc.stores.ledger import SqliteLedger
from holdsvc.stores.sqlite import SqliteStore
from holdsvc.stores.writer import transaction
from tests.stores.calls import after, answered, decided, gone, held, known, new, one_call, pressed, ref, steps, tell

ROOT = Path(__file__).parents[2]
CALLER = CallerId("f6d1c0a94b7e2583")
NUMBER = PhoneNumber("+15005550123")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "holdsvc.sqlite3"


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path)
    await store.open()
    yield store
    await store.close()


def sound(path: Path) -> bool:
    with SqliteLedger(path) as ledger:
        return audit(ledger).holds


# --- values ------------------------------------------------------------------------------------------------------------


def test_a_session_with_every_kind_of_event_and_a_contact_reads_back_as_it_was() -> None:
    left = LeftQueue(at=after(70), id=EventId("left"), why=Departure.OVERFLOW, waited=70, exact=False)
    release = ReleaseAsked(at=after(65), id=EventId("release"))
    *_, last = steps(
        "CA1", held(), known("pseudonym"), pressed("2", 20, heard=20), release, answered(60), left, gone(90)
    )
    session = replace(last.session, contact=Contact(name="Ada", note="prefers quiet"))

    again = rows.unpack_session(rows.pack(session))

    assert again == session
    assert [type(event) for event in again.life] == [type(event) for event in session.life]
    assert again.latest == after(90)


# --- restarts ----------------------------------------------------------------------------------------------------------


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


# --- refusals ----------------------------------------------------------------------------------------------------------


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
        second = await asyncio.to_thread(subprocess.run, child(path, 1, "CB"), cwd=ROOT, capture_output=True, text=True)
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


async def test_a_log_that_cannot_be_read_is_told_in_our_words(path: Path) -> None:
    async with opened(path) as store:
        await tell(store, "CA1", held())
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("ALTER TABLE waits RENAME TO elsewhere")

        with pytest.raises(StoreUnavailable, match="cannot read"):
            await store.waits(WaitQuery())


# --- a full disk -------------------------------------------------------------------------------------------------------


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


# --- crashes and fsync -------------------------------------------------------------------------------------------------


def child(path: Path, calls: int, prefix: str, lanes: int = 4, synchronous: str = "FULL") -> list[str]:
    return [sys.executable, "-m", "tests.stores.child", str(path), str(calls), prefix, str(lanes), synchronous]


def kept_versions(path: Path) -> dict[str, tuple[int, int]]:
    """Call -> (version, facts), as the file has them; each fact counted by itself."""
    with SqliteLedger(path) as ledger:
        counted = ledger._db.execute(
            "SELECT call, s.version, count(f.n) FROM sessions s JOIN facts f ON f.session = s.id GROUP BY s.id"
        )
        return {call: (version, facts) for call, version, facts in counted}


def test_killed_twenty_times_nothing_acknowledged_is_lost_or_doubled(path: Path) -> None:
    chance, acked = random.Random(7), {}
    slowest = 0.0
    for life in range(20):
        began = time.monotonic()
        with subprocess.Popen(
            child(path, 10_000, f"CA{life}-"), cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as service:
            assert service.stdout is not None
            assert service.stdout.readline() == "ready\n"
            slowest = max(slowest, time.monotonic() - began)
            for _ in range(chance.randrange(20, 400)):
                service.stdout.readline()
            service.kill()
            told = service.stdout.read()
        for line in told.splitlines():
            if line.startswith("ack ") and line.count(" ") == 3:
                _, call, version, facts = line.split()
                was_version, was_facts = acked.get(call, (0, 0))
                acked[call] = (int(version), was_facts + int(facts))
                assert was_version < int(version)

        kept = kept_versions(path)
        for call, (version, facts) in acked.items():
            assert kept[call][0] - version in (0, 1), "at most the one save that was under way is there beyond"
            assert kept[call][1] >= facts
        assert sound(path)
    assert slowest < 2.0


@pytest.mark.skipif(not shutil.which("strace") and not os.environ.get("CI"), reason="needs strace (apt install strace)")
@pytest.mark.parametrize("synchronous", ["FULL", "NORMAL"])
def test_an_fsync_precedes_each_acknowledgement(path: Path, synchronous: str) -> None:
    """One save after the other, so that an fsync between two acknowledgements is the second one's own.

    NORMAL is the control: there the same count must show acknowledgements without one.
    """
    trace = path.with_suffix(".trace")
    strace = ["strace", "-f", "-qq", "-s", "60", "-e", "trace=fdatasync,fsync,write", "-o", str(trace)]
    subprocess.run([*strace, *child(path, 20, "CA", 1, synchronous)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    covered, bare = acknowledged(trace.read_text().splitlines())

    assert covered + bare == 20 * 5
    assert bare == 0 if synchronous == "FULL" else bare > 90


def acknowledged(lines: list[str]) -> tuple[int, int]:
    """How many acknowledgements were covered by an fsync since the last one, and how many were not."""
    synced, counts = False, Counter[bool]()
    for line in lines:
        if re.search(r"(fdatasync|fsync)(\(\d+\)| resumed>\)) += 0$", line):
            synced = True
        elif 'write(1, "ack ' in line:
            counts[synced] += 1
            synced = False
    return counts[True], counts[False]


# --- forgetting --------------------------------------------------------------------------------------------------------


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


# --- reading beside a live service ---------------------------------------------------------------------------------------


async def test_a_log_left_behind_by_a_kill_is_read_without_a_service(path: Path) -> None:
    service = subprocess.Popen(child(path, 10_000, "CA"), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    for _ in range(200):
        service.stdout.readline()
    service.send_signal(signal.SIGKILL)
    service.communicate()

    with SqliteLedger(path) as ledger:
        assert ledger.totals().offered > 30
    assert sound(path)


async def test_a_backup_at_full_load_holds_everything_that_was_acknowledged_before_it_began(path: Path) -> None:
    async with opened(path) as store:
        await asyncio.gather(*(tell(store, f"CA{n}", *one_call(f"caller{n}")) for n in range(100)))
        stop, offered, seen = asyncio.Event(), 100, list[tuple[int, int]]()

        async def load(lane: int) -> None:
            nonlocal offered
            for n in range(10_000):
                if stop.is_set():
                    return
                await tell(store, f"CB{lane}-{n}", held())
                offered += 1

        lanes = [asyncio.create_task(load(lane)) for lane in range(4)]
        for n in range(10):
            before = offered
            copy = path.with_name(f"copy{n}.sqlite3")
            await asyncio.to_thread(backup, path, copy, lambda done, pages: seen.append((done, pages)))
            with SqliteLedger(copy) as ledger:
                assert ledger.totals().offered >= before
            assert sound(copy)
        stop.set()
        await asyncio.gather(*lanes)

    assert seen[-1][0] == seen[-1][1]
    assert not list(path.parent.glob("*.part"))
    async with opened(copy) as restored:
        await tell(restored, "CA1", answered(30))


async def test_a_backup_overwrites_nothing(path: Path) -> None:
    async with opened(path):
        pass

    with pytest.raises(ConfigError, match="exists already"):
        backup(path, path)


def test_facts_read_back_as_they_were() -> None:
    facts = [fact for decision in steps("CA1", *one_call()) for fact in decision.facts]

    again = [rows.read_fact(row[5]) for row in rows.fact_rows(1, 1, facts)]

    assert again == facts
    assert isinstance(again[0], WaitBegan)
