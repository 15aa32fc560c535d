"""The wait log in PostgreSQL: each entry once, whatever becomes of the database meanwhile."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from subprocess import run as run_process

import pytest
from msgspec.structs import replace

from holdsvc.calls.model import CallerId, PhoneNumber, QueueName
from holdsvc.cli import run
from holdsvc.errors import ConfigError, StoreUnavailable, Unkeepable
from holdsvc.ports import WaitQuery
from holdsvc.reports.audit import Verdict, audit
from holdsvc.stores import postgres_link
from holdsvc.stores.mover import Entry, Mover, Placed
from holdsvc.stores.postgres_ledger import PostgresLedger
from holdsvc.stores.postgres_link import shown
from holdsvc.stores.postgres_log import PostgresLog, storable
from holdsvc.stores.redis import PARTS, RedisStore, log_of
from holdsvc.stores.redis_link import Link, connect
from holdsvc.stores.schema import LATEST, STEPS, Step, for_postgres
from holdsvc.stores.writer import connect as new_file
from tests.chaos.proxy import CLEAN, TOXICS, proxied
from tests.stores.calls import answered, decided, gone, held, known, new, one_call, ref, steps, tell
from tests.stores.days import calls, moved, placed
from tests.stores.postgres_server import PostgresServer, new_database, shared_server, told
from tests.stores.redis_server import PATIENT, RedisServer, emptied, redis_store, shared_node

CALLER = CallerId("pseudonym")
NUMBER = PhoneNumber("+15005550123")
NOTICED = 2.0  # seconds
NOWHERE = "postgresql://holdsvc:s3cret@127.0.0.1:1/holdsvc"


@pytest.fixture
def url() -> str:
    return new_database()


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """Which the test may stop and start again."""
    server = shared_server()
    yield server
    if not server.running:
        server.start()


@pytest.fixture
def node() -> RedisServer:
    return emptied(shared_node())


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[PostgresLog]:
    log = PostgresLog(url)
    await log.open()
    yield log
    await log.close()


def verdict(url: str) -> Verdict:
    with PostgresLedger(url) as ledger:
        return audit(ledger)


async def holds(url: str) -> bool:
    found = await asyncio.to_thread(verdict, url)
    assert found.holds, str(found)
    return True


# --- each entry once -----------------------------------------------------------------------------------------------------


async def test_what_is_told_again_is_not_moved_again(url: str) -> None:
    entries = placed(list(calls(50)))
    async with opened(url) as log:
        reached = await log.keep(entries)
        assert await log.keep(entries) == reached == await log.positions()
        assert await log.keep(entries[40:]) == reached

        assert len(await log.waits(WaitQuery())) == 50
    assert await holds(url)


async def test_several_processes_move_the_same_entries_at_once_and_each_is_there_once(url: str) -> None:
    entries = placed(list(calls(60)))
    async with opened(url) as one, opened(url) as other, opened(url) as third:
        for at in range(0, len(entries), 40):
            some = entries[at : at + 40]
            await asyncio.gather(*(log.keep(some) for log in (one, other, third)))

        assert len(await one.waits(WaitQuery())) == 60
        rows = [wait.row for wait in await other.waits(WaitQuery())]
    assert rows == list(range(1, 61))  # without a gap
    assert await holds(url)


async def test_late_news_rewrite_the_row_and_flag_it(url: str) -> None:
    first, late = (
        list(steps("CA1", held(), gone(70))),
        decided(list(steps("CA1", held(), gone(70)))[-1].session, answered(30)),
    )
    entries = [Entry(one.session, tuple(one.facts)) for one in (*first, late)]
    async with opened(url) as log:
        await log.keep(placed(entries[:-1]))
        (before,) = await log.waits(WaitQuery())
        await log.keep(placed(entries[-1:], first=9))
        (after_all,) = await log.waits(WaitQuery())

    assert (before.outcome, before.seconds, before.amended) == ("abandoned", 70.0, False)
    assert (after_all.outcome, after_all.seconds, after_all.amended, after_all.row) == (
        "answered",
        30.0,
        True,
        before.row,
    )
    assert await holds(url)


async def test_a_forgotten_caller_leaves_every_table_and_late_news_do_not_bring_him_back(url: str) -> None:
    decisions = list(steps("CA1", held(), known(CALLER), answered(9)))
    entries = [Entry(one.session, tuple(one.facts)) for one in decisions]
    async with opened(url) as log:
        await log.keep(placed([Entry(caller=CALLER, number=NUMBER.e164), *entries[:-1]]))
        assert await log.forget(CALLER) == 1
        await log.keep(placed(entries[-1:], first=9))

        (row,) = await log.waits(WaitQuery())
    assert (row.caller, row.outcome) == (None, "answered")
    for table in ("sessions", "waits", "numbers", "profiles", "facts"):
        for line in told(url, f"SELECT one::text FROM holdsvc.{table} AS one"):
            assert CALLER not in str(line)
            assert NUMBER.e164[1:] not in str(line)
            assert CALLER.encode().hex() not in str(line)
    assert await holds(url)


async def test_what_postgresql_has_no_letter_for_is_kept_with_another(url: str) -> None:
    session = replace(new("CA\0one"), queue=QueueName("sup\0port"))
    one = decided(session, held())
    two = decided(one.session, answered(5))
    async with opened(url) as log:
        await log.keep(placed([Entry(one.session, tuple(one.facts))]))
        await log.keep(placed([Entry(two.session, tuple(two.facts))], first=9))

        (row,) = await log.waits(WaitQuery())
    assert (row.call, row.queue, row.outcome) == ("CA\ufffdone", "sup\ufffdport", "answered")
    assert await holds(url)


def test_a_backslash_before_a_u_is_not_taken_for_a_nul() -> None:
    assert storable(r'"\\u0000 \u0000 \\\u0000"') == '"\\\\u0000 \ufffd \\\\\ufffd"'
    assert storable("a\0b") == "a\ufffdb"
    assert storable(b"a\0b") == b"a\0b"


# --- the schema ----------------------------------------------------------------------------------------------------------


async def test_two_that_start_at_once_make_the_tables_once(url: str) -> None:
    async with asyncio.timeout(30):
        logs = [PostgresLog(url) for _ in range(4)]
        await asyncio.gather(*(log.open() for log in logs))
        await asyncio.gather(*(log.close() for log in logs))

    assert told(url, "SELECT version, oldest FROM holdsvc.steps ORDER BY 1") == [
        (step.version, step.oldest) for step in STEPS
    ]


async def test_both_databases_have_the_same_tables_columns_and_kinds(url: str, path: Path) -> None:
    async with opened(url):
        pass
    with closing(new_file(path, "FULL")) as db:
        ours = {
            (table, name): (IN_SQLITE[kind], bool(needed or key))
            for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            for _, name, kind, needed, _, key in db.execute("SELECT * FROM pragma_table_info(?)", (table,))
        }
        indexes = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql <> ''")}

    theirs = told(
        url,
        "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'NO'"
        " FROM information_schema.columns WHERE table_schema = 'holdsvc'",
    )
    assert {(table, name): (kind, needed) for table, name, kind, needed in theirs} == ours
    assert indexes <= {
        name for (name,) in told(url, "SELECT indexname::text FROM pg_indexes WHERE schemaname = 'holdsvc'")
    }


IN_SQLITE = {
    "INTEGER": "bigint",
    "REAL": "double precision",
    "TEXT": "text",
    "BLOB": "bytea",
    "BOOLEAN": "boolean",
}


async def test_a_log_of_the_first_release_is_brought_up_to_date_with_what_is_in_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_link, "STEPS", STEPS[:2])
    monkeypatch.setattr(postgres_link, "LATEST", 2)
    async with opened(url):
        pass
    told(url, "INSERT INTO holdsvc.numbers VALUES ('c', '+15005550123')")
    monkeypatch.undo()

    if LATEST > 2:
        with pytest.raises(ConfigError, match="an older holdsvc"):
            await asyncio.to_thread(verdict, url)
    async with opened(url) as log:
        await moved(log, list(calls(3)))

    assert told(url, "SELECT number FROM holdsvc.numbers WHERE caller = 'c'") == [("+15005550123",)]
    assert told(url, "SELECT max(version) FROM holdsvc.steps") == [(LATEST,)]


async def next_release(url: str, step: Step) -> None:
    async with opened(url):
        pass
    with pytest.MonkeyPatch.context() as later:
        later.setattr(postgres_link, "STEPS", (*STEPS, step))
        later.setattr(postgres_link, "LATEST", LATEST + 1)
        async with opened(url):
            pass


async def test_a_release_that_only_adds_works_beside_the_one_before(url: str) -> None:
    async with opened(url) as before:
        await before.keep(placed(list(calls(5))))
        await next_release(url, Step(LATEST + 1, STEPS[-1].oldest, "ALTER TABLE waits ADD COLUMN mood TEXT;"))
        await before.keep(placed(list(calls(5, prefix="CB")), first=1000))

        async with opened(url) as again:
            assert len(await again.waits(WaitQuery())) == 10
    assert await holds(url)


async def test_a_release_that_takes_away_shuts_the_one_before_out_in_a_sentence(url: str) -> None:
    await next_release(url, Step(LATEST + 1, LATEST + 1, "ALTER TABLE waits DROP COLUMN estimate_told;"))

    with pytest.raises(ConfigError, match=r"ledger\.url: postgresql://127.*was written by a newer holdsvc"):
        await PostgresLog(url).open()
    with pytest.raises(ConfigError, match="a newer holdsvc"):
        await asyncio.to_thread(verdict, url)


async def test_a_step_that_fails_leaves_nothing_of_itself(url: str) -> None:
    bad = Step(LATEST + 1, 1, "CREATE TABLE half (a INTEGER); CREATE TABLE waits (a INTEGER);")

    await next_release(url, bad)  # it is told as a database that is away, and the log opens without

    assert told(url, "SELECT to_regclass('holdsvc.half') IS NULL, max(version) FROM holdsvc.steps") == [(True, LATEST)]
    assert "CREATE TABLE half" in for_postgres(bad.sql)


# --- a database that is away ---------------------------------------------------------------------------------------------


class Swallows(PostgresLog):
    """The control: it says that it kept what it could not keep."""

    async def keep(self, placed: Sequence[Placed]) -> Mapping[int, str]:
        try:
            return await super().keep(placed)
        except StoreUnavailable:
            return {one.part: one.id for one in placed}


class Forgets(PostgresLog):
    """The other control: how far it came is not kept with what it brought, and each answer is lost once."""

    async def keep(self, placed: Sequence[Placed]) -> Mapping[int, str]:
        reached = await super().keep(placed)
        if reached:
            await self._do(lambda connection: connection.execute("DELETE FROM moved"))
        if self.__dict__.setdefault("lost", 0) < 3:
            self.lost: int = self.__dict__["lost"] + 1
            raise StoreUnavailable("the answer was lost")
        return reached


class Traffic:
    """Calls that go on whatever happens, and the books of what was acknowledged."""

    def __init__(self, store: RedisStore) -> None:
        self.store = store
        self.facts: dict[str, int] = {}
        self._more = asyncio.Event()

    async def line(self, name: str) -> None:
        n = 0
        while True:
            call, n = f"{name}-{n}", n + 1
            session = new(call)
            for event in one_call(f"caller{n % 7}"):
                decision = decided(session, event)
                await self.store.save(decision.session, decision.facts)
                session = decision.session
                self.facts[call] = self.facts.get(call, 0) + len(decision.facts)
            self._more.set()

    async def goes_on(self, calls: int) -> None:
        until = len(self.facts) + calls
        while len(self.facts) < until:
            self._more.clear()
            await self._more.wait()


async def stopped_and_started(server: PostgresServer, node: RedisServer, log: PostgresLog, url: str) -> tuple[int, int]:
    """Three times under load, once in order and twice not. Returns how many facts are lost and how many doubled in the log."""
    store = redis_store(node.url, log)
    await store.open()
    traffic = Traffic(store)
    async with asyncio.timeout(60):
        lines = [asyncio.create_task(traffic.line(name)) for name in "ABC"]
        for stop in (server.stop, server.kill, server.kill):
            await traffic.goes_on(20)
            await asyncio.to_thread(stop)
            await traffic.goes_on(20)
            with suppress(StoreUnavailable):
                await store.waits(WaitQuery(most=1))
            await asyncio.to_thread(server.start)
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)
        while True:
            try:
                await store.waits(WaitQuery(most=1))
                break
            except StoreUnavailable:
                await asyncio.sleep(0.05)
        await store.close()
    kept = dict(
        told(url, "SELECT s.call, count(*) FROM holdsvc.sessions s JOIN holdsvc.facts f ON f.session = s.id GROUP BY 1")
    )
    lost = sum(max(0, facts - int(str(kept.get(call, 0)))) for call, facts in traffic.facts.items())
    doubled = sum(max(0, int(str(kept.get(call, 0))) - facts) for call, facts in traffic.facts.items() if facts == MOST)
    return lost, doubled


MOST = sum(len(one.facts) for one in steps("CA1", *one_call()))  # of a call that was told to its end


async def test_stopped_and_started_under_load_nothing_is_lost_and_nothing_doubled(
    server: PostgresServer, node: RedisServer, url: str
) -> None:
    assert await stopped_and_started(server, node, PostgresLog(url), url) == (0, 0)
    assert await holds(url)


async def test_a_log_that_says_what_is_not_so_loses_in_the_same_test(
    server: PostgresServer, node: RedisServer, url: str
) -> None:
    lost, _ = await stopped_and_started(server, node, Swallows(url), url)

    assert lost > 0


async def test_a_log_that_does_not_keep_how_far_it_came_doubles_in_the_same_test(
    server: PostgresServer, node: RedisServer, url: str
) -> None:
    _, doubled = await stopped_and_started(server, node, Forgets(url), url)

    assert doubled > 0


async def test_a_start_while_the_database_is_away_serves_and_moves_when_it_is_back(
    server: PostgresServer, node: RedisServer, url: str
) -> None:
    away: list[bool] = []
    link = Link(connect(node.url, PATIENT))
    store = RedisStore(link, Mover(link, PostgresLog(url), log_of, PARTS, on_away=away.append))
    await asyncio.to_thread(server.stop)

    async with asyncio.timeout(30):
        await store.open()
        await tell(store, "CA1", *one_call(CALLER))
        with pytest.raises(StoreUnavailable):
            await store.waits(WaitQuery())
        assert (await store.totals()).offered == 1
        assert away == [True] * len(away) != []
        await asyncio.to_thread(server.start)
        while away[-1]:
            await asyncio.sleep(0.05)
        (row,) = await store.waits(WaitQuery())
        await store.close()

    assert row.seconds == 60.0
    assert await holds(url)


async def test_while_the_database_is_away_each_profile_is_told_once_and_not_at_every_try(node: RedisServer) -> None:
    store = redis_store(node.url, PostgresLog(NOWHERE))
    await store.open()
    seen: list[Entry] = []

    async def apply(entry: Entry) -> None:
        seen.append(entry)

    store._mover._apply = apply
    await tell(store, "CA1", *one_call(CALLER))
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            await store.waits(WaitQuery())

    assert len(seen) == len(one_call())
    store._mover._sql.close, kept = close_at_once, store._mover._sql.close  # type: ignore[method-assign]
    await kept()
    await store.close()


async def close_at_once() -> None:
    pass


class Picky(PostgresLog):
    async def keep(self, placed: Sequence[Placed]) -> Mapping[int, str]:
        if any(one.entry and one.entry.session and one.entry.session.ref == ref("BAD") for one in placed):
            raise Unkeepable("it has something against this call")
        return await super().keep(placed)


async def test_an_entry_that_is_refused_whatever_we_do_keeps_no_other_from_the_log(
    node: RedisServer, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = redis_store(node.url, Picky(url))
    await store.open()
    for name in ("CA1", "BAD", "CA2"):
        await tell(store, name, *one_call(CALLER))

    assert sorted(row.call for row in await store.waits(WaitQuery())) == ["CA1", "CA2"]
    await store.close()
    lost = [record for record in caplog.records if record.message == "record_lost"]
    assert {record.__dict__["call"] for record in lost} == {"twilio/BAD"}
    assert len(lost) == len(one_call())
    assert await holds(url)


# --- a database that will not have us ------------------------------------------------------------------------------------


def nobody(url: str) -> str:
    told(
        url,
        "CREATE ROLE nobody LOGIN" if not told(url, "SELECT 1 FROM pg_roles WHERE rolname = 'nobody'") else "SELECT 1",
    )
    return url.replace("holdsvc@", "nobody:s3cret@")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda url: url.rpartition("/")[0] + "/nothing", 'does not let us in: database "nothing" does not exist'),
        (nobody, "does not let us in: permission denied for database"),
        (lambda url: url.replace("holdsvc@", "stranger:s3cret@"), 'does not let us in: role "stranger" does not exist'),
        (lambda url: "postgresql://u:s3cret@h:port/x", "cannot be read as an address of PostgreSQL"),
        (lambda url: "postgresql://u:s3cret@h/x?sslmode=perhaps", "cannot be read as an address of PostgreSQL"),
    ],
    ids=["no database", "no rights", "no such user", "no port", "no such mode"],
)
async def test_what_waiting_does_not_help_refuses_the_start_without_the_password(
    url: str, wrong: Callable[[str], str], says: str
) -> None:
    with pytest.raises(ConfigError, match=says) as refusal:
        await PostgresLog(wrong(url)).open()

    assert str(refusal.value).startswith("ledger.url: postgresql://")
    assert "s3cret" not in str(refusal.value)


async def test_a_schema_that_is_ours_will_do_without_any_right_to_the_database(url: str) -> None:
    theirs = nobody(url)
    told(url, "CREATE SCHEMA holdsvc AUTHORIZATION nobody")

    async with opened(theirs) as log:
        await moved(log, list(calls(3)))
        assert len(await log.waits(WaitQuery())) == 3


def test_an_address_is_shown_without_its_password() -> None:
    assert (
        shown("postgresql://me:s3cret@db.example:5432/holdsvc?sslmode=require")
        == "postgresql://db.example:5432/holdsvc"
    )


def test_without_the_driver_the_extra_is_named_and_nothing_else_misses_it(tmp_path: Path) -> None:
    program = "import sys; sys.modules['asyncpg'] = None; from holdsvc.cli import run; sys.exit(run(sys.argv[1:]))"

    def tried(**settings: str) -> tuple[int, str]:
        environ = {f"HOLDSVC_{name}": value for name, value in settings.items()}
        done = run_process(
            [sys.executable, "-c", program, "check"],
            env={"HOLDSVC_SERVICE__DATA_DIR": str(tmp_path), "PATH": "", **environ},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stderr

    assert tried(STORE__URL="redis://127.0.0.1") == (0, "")
    code, said = tried(STORE__URL="redis://127.0.0.1", LEDGER__URL="postgresql://127.0.0.1/holdsvc")
    assert code == 2
    assert "ledger.url: a wait log in PostgreSQL needs one more package: pip install 'holdsvc[postgres]'" in said


# --- the commands --------------------------------------------------------------------------------------------------------


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node: RedisServer, url: str) -> str:
    monkeypatch.setenv("HOLDSVC_SERVICE__DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HOLDSVC_STORE__URL", node.url)
    monkeypatch.setenv("HOLDSVC_LEDGER__URL", url)
    monkeypatch.setenv("HOLDSVC_SERVICE__PORT", "1")
    return url


async def some_waits(url: str) -> None:
    async with opened(url) as log:
        await moved(log, list(calls(30)))


def test_report_audit_and_export_read_the_log_of_the_settings_or_the_one_that_is_named(
    environ: str, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    asyncio.run(some_waits(environ))

    said = {}
    for words in (("report", "waits", "--format", "csv"), ("audit",), ("export", "--numbers")):
        assert run(words) == 0
        said[words] = capfdbinary.readouterr().out
    monkeypatch.delenv("HOLDSVC_STORE__URL")
    monkeypatch.delenv("HOLDSVC_LEDGER__URL")

    for words, before in said.items():
        assert run([*words, "--ledger", environ]) == 0
        assert capfdbinary.readouterr().out == before
    assert b"30 offered = " in said["audit",]
    assert b"+1500555" in said["export", "--numbers"]


def test_the_commands_say_in_a_sentence_that_there_is_no_log_yet_or_no_database(
    environ: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit"]) == 2
    assert "there is no wait log in postgresql://127.0.0.1" in capsys.readouterr().err
    assert run(["audit", "--ledger", NOWHERE]) == 1
    said = capsys.readouterr().err
    assert "PostgreSQL: ConnectionRefusedError" in said
    assert "s3cret" not in said


def test_a_caller_is_forgotten_by_command_in_redis_and_in_the_log(
    environ: str, tmp_path: Path, node: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    from holdsvc.callers.pseudonym import Pseudonyms, key_from

    caller = Pseudonyms(key_from(tmp_path / "callers.key")).of(NUMBER)

    async def a_call() -> None:
        store = redis_store(node.url, PostgresLog(environ))
        await store.open()
        await store.remember_number(caller, NUMBER)
        await tell(store, "CA1", *one_call(caller))
        await store.close()

    asyncio.run(a_call())
    assert told(environ, "SELECT number FROM holdsvc.numbers") == [(NUMBER.e164,)]

    assert run(["callers", "forget", NUMBER.e164]) == 0

    said = capsys.readouterr()
    assert "erased; 1 waits are anonymous now" in said.out
    assert "no service answers at http://127.0.0.1:1/api" in said.err
    assert told(environ, "SELECT caller FROM holdsvc.waits") == [(None,)]
    assert told(environ, "SELECT count(*) FROM holdsvc.numbers") == [(0,)]
    assert verdict(environ).holds


async def test_a_connection_that_has_died_without_a_word_is_left_after_one_answer_that_did_not_come(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_link, "ANSWERED", NOTICED)
    loop = asyncio.get_running_loop()
    port = shared_server().port
    async with proxied(port) as way, opened(url.replace(f":{port}/", f":{way.port}/")) as log:
        await log.keep(placed(list(calls(1))))
        await way.turn(TOXICS["black hole"])
        began = loop.time()
        with pytest.raises(StoreUnavailable, match="Timeout"):
            await log.positions()
        took = loop.time() - began
        await way.turn(CLEAN)

        assert await log.positions()
        assert NOTICED <= took < 2 * NOTICED
