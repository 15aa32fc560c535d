"""The steps of the schema: done once, in order, and such that releases can live side by side."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest

from holdsvc.errors import ConfigError
from holdsvc.stores import schema
from holdsvc.stores.schema import LATEST, STEPS, Step, for_postgres, read_step
from tests.stores.calls import one_call, opened, ref, sound, tell


def first_release(path: Path) -> None:
    """A file as the first release made it: the first step, and no table of steps."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"{STEPS[0].sql} PRAGMA user_version = 1;")


def tables(path: Path) -> dict[str, list[tuple[str, str]]]:
    with closing(sqlite3.connect(path)) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
        return {
            name: sorted((row[1], row[2]) for row in db.execute("SELECT * FROM pragma_table_xinfo(?)", (name,)))
            for name in names
        }


def test_the_steps_are_numbered_without_a_gap_and_never_ask_for_less() -> None:
    files = sorted(one.name for one in resources.files("holdsvc.stores").joinpath("schema").iterdir())

    assert [int(name[:4]) for name in files] == list(range(1, LATEST + 1))
    oldest = [step.oldest for step in STEPS]
    assert oldest == sorted(oldest)
    assert all(1 <= step.oldest <= step.version for step in STEPS)


async def test_a_file_of_the_first_release_becomes_what_a_new_one_is(path: Path, tmp_path: Path) -> None:
    first_release(path)
    new = tmp_path / "new.sqlite3"

    async with opened(path) as store, opened(new):
        await tell(store, "CA1", *one_call())

    assert tables(path) == tables(new)
    assert sound(path)


async def test_a_second_start_does_no_step_again(path: Path) -> None:
    async with opened(path) as store:
        session = await tell(store, "CA1", *one_call())

    async with opened(path) as store:
        assert await store.load(ref("CA1")) == session


async def test_a_step_that_only_adds_leaves_the_file_to_the_release_before(path: Path) -> None:
    await next_release(path, Step(LATEST + 1, STEPS[-1].oldest, "ALTER TABLE waits ADD COLUMN mood TEXT;"))

    async with opened(path) as store:
        await tell(store, "CA2", *one_call())
    assert sound(path)


async def test_a_step_that_takes_away_shuts_the_release_before_out(path: Path) -> None:
    await next_release(path, Step(LATEST + 1, LATEST + 1, "ALTER TABLE waits DROP COLUMN estimate_told;"))

    with pytest.raises(ConfigError, match="newer holdsvc"):
        async with opened(path):
            pass


async def next_release(path: Path, step: Step) -> None:
    async with opened(path) as store:
        await tell(store, "CA1", *one_call())
    with closing(sqlite3.connect(path)) as db, pytest.MonkeyPatch.context() as later:
        later.setattr(schema, "STEPS", (*STEPS, step))
        schema.migrate(db)


async def test_a_step_that_fails_leaves_nothing_of_itself(path: Path) -> None:
    async with opened(path):
        pass
    before = tables(path)
    bad = Step(LATEST + 1, 1, "CREATE TABLE half (a INTEGER); CREATE TABLE waits (a INTEGER);")

    with pytest.raises(sqlite3.OperationalError):
        await next_release(path, bad)

    assert tables(path) == before


def test_a_step_that_does_not_say_who_can_still_work_is_refused() -> None:
    with pytest.raises(ValueError, match="oldest"):
        read_step(1, "CREATE TABLE one (a INTEGER);")


def test_types_are_put_into_the_words_of_postgresql_and_comments_left_out() -> None:
    told = for_postgres("CREATE TABLE one (a INTEGER PRIMARY KEY, b REAL, c BLOB, d TEXT -- REAL\n) WITHOUT ROWID;")

    columns = 'a BIGINT PRIMARY KEY, b DOUBLE PRECISION, c BYTEA, d TEXT COLLATE "C"'
    assert " ".join(told.split()) == f"CREATE TABLE one ({columns} ) ;"
