"""The way to PostgreSQL: connections, transactions in a schema of our own, and its errors in our words.

Everything lies in the schema `holdsvc` of the database that `ledger.url` names. Each transaction says so for itself, and says how
long the server may wait for us: one whose process is gone must not keep the others out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import asyncpg
from asyncpg import Connection

from holdsvc.errors import ConfigError, HoldsvcError, StoreUnavailable, Unkeepable
from holdsvc.stores.schema import LATEST, STEPS, STEPS_TABLE, for_postgres

SCHEMA = "holdsvc"
CONNECTED = 5.0  # seconds within which a connection is there
ANSWERED = 15.0  # seconds within which a statement is done; on a dead connection as long until it is noticed
GREW = 3600.0  # seconds that a step of the schema may take: an index over a long log
OURS = 0x686F6C64  # the lock of whoever changes the schema
IDLE = "30s"  # after which the server ends a transaction whose process says nothing more

# What does not get better by waiting: somebody has to set something right first.
WRONG = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
)
AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
UNKEEPABLE = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, OverflowError, UnicodeError)


def shown(url: str) -> str:
    """An address without the password in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


@contextmanager
def in_our_words(url: str) -> Iterator[None]:
    try:
        yield
    except HoldsvcError:
        raise
    except asyncpg.ClientConfigurationError as error:
        raise ConfigError("ledger.url", f"{shown(url)} cannot be read as an address of PostgreSQL: {error}") from error
    except WRONG as error:
        raise ConfigError("ledger.url", f"{shown(url)} does not let us in: {error}") from error
    except UNKEEPABLE as error:
        raise Unkeepable(f"PostgreSQL refuses it: {error}") from error
    except AWAY as error:
        raise StoreUnavailable(f"PostgreSQL: {type(error).__name__}: {error}") from error


async def connect(url: str) -> Connection:
    """Raise `ConfigError` where waiting does not help, `StoreUnavailable` where it may."""
    with in_our_words(url):
        try:
            return await asyncpg.connect(
                url, timeout=CONNECTED, command_timeout=ANSWERED, server_settings={"application_name": "holdsvc"}
            )
        except ValueError as error:  # what asyncpg says of a port that is none
            raise ConfigError(
                "ledger.url", f"{shown(url)} cannot be read as an address of PostgreSQL: {error}"
            ) from error


@asynccontextmanager
async def whole(connection: Connection) -> AsyncIterator[None]:
    """All of it or nothing. Where no answer comes, or nobody waits for one any more, the connection ends: a wish to roll back would
    not be answered either, and be waited for without an end; and a line that breaks meanwhile would hide that we are to end.
    """
    transaction = connection.transaction()
    try:
        await transaction.start()
        try:
            yield
        except (TimeoutError, asyncio.CancelledError):
            raise
        except BaseException:
            await transaction.rollback()
            raise
        await transaction.commit()
    except (TimeoutError, asyncio.CancelledError):
        connection.terminate()
        raise


@asynccontextmanager
async def transaction(connection: Connection) -> AsyncIterator[Connection]:
    """All of it or nothing, among our own tables, and on the disk when it is over."""
    async with whole(connection):
        await connection.execute(
            f"SET LOCAL search_path = {SCHEMA}; SET LOCAL idle_in_transaction_session_timeout = '{IDLE}'; "
            "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
        )
        yield connection


async def migrate(connection: Connection, url: str) -> None:
    """All steps that the database has not behind it. Of several processes that come at once, one does them."""
    with in_our_words(url):
        async with whole(connection):
            await connection.execute("SELECT pg_advisory_xact_lock($1)", OURS)
            if not await connection.fetchval("SELECT to_regnamespace($1) IS NOT NULL", SCHEMA):
                await connection.execute(f"CREATE SCHEMA {SCHEMA}")
            await connection.execute(f"SET LOCAL search_path = {SCHEMA}")
            version, oldest = await applied(connection)
            if oldest > LATEST:
                raise ConfigError("ledger.url", f"{shown(url)} was written by a newer holdsvc: use that one")
            for step in STEPS[version:]:
                if not version:
                    await connection.execute(for_postgres(STEPS_TABLE))
                await connection.execute(for_postgres(step.sql), timeout=GREW)
                await connection.execute("INSERT INTO steps VALUES ($1, $2)", step.version, step.oldest)
                version = step.version


async def applied(connection: Connection) -> tuple[int, int]:
    """The last step that is done, and the oldest version that can work on the tables; zeros: there is nothing yet."""
    if not await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{SCHEMA}.steps"):
        return 0, 0
    # S608: the schema's name is a constant
    found = await connection.fetchrow(
        f"SELECT coalesce(max(version), 0), coalesce(max(oldest), 0) FROM {SCHEMA}.steps"  # noqa: S608
    )
    return found[0], found[1]
