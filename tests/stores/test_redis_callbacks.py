"""Call-backs where processes share a store: what one promised the others know, and what one that died left undone is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdsvc.calls.callback import ANSWERED, Callback, State, id_of
from holdsvc.calls.events import CallHeld
from holdsvc.calls.facts import AnyFact
from holdsvc.calls.model import CallerId, EventId
from holdsvc.calls.session import HoldSession
from holdsvc.errors import CallbackRefused
from holdsvc.ports import CallbackQuery
from holdsvc.reports.audit import audit
from holdsvc.stores.ledger import SqliteLedger
from holdsvc.stores.redis import RedisStore
from holdsvc.stores.redis_callbacks import TWICE, RedisCallbacks
from tests.stores.calls import QUEUE, after, answered, known, ref
from tests.stores.redis_server import emptied, shared_node
from tests.stores.test_callbacks import CALLER, asking, call, listed, wish
from tests.stores.test_redis import Shared, replica


class Dying(RedisCallbacks):
    """Of a process that sees nothing of what others save at the same moment, and ends as soon as its own save is kept."""

    async def of(self, caller: CallerId) -> list[Callback]:
        return []

    async def again(self, session: HoldSession, facts: Iterable[AnyFact]) -> None:
        pass


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[tuple[RedisStore, RedisStore, RedisStore]]:
    """Two that live, and one that dies after each save and moves nothing."""
    node, log = emptied(shared_node()), Shared(tmp_path / "log.sqlite3")
    one, other, dying = (replica(node, log) for _ in range(3))
    dying._callbacks = Dying(dying._link, dying._mover)
    for living in (one, other):
        await living.open()
    yield one, other, dying
    for living in (one, other):
        await living.close()
    await dying._link.close()
    with SqliteLedger(tmp_path / "log.sqlite3") as ledger:
        assert audit(ledger).holds


async def test_what_one_promised_another_hands_out_once(processes: tuple[RedisStore, ...]) -> None:
    one, other, _ = processes
    await call(one, "CA1", *asking())
    id = id_of(ref("CA1"), QUEUE)
    assert await listed(other, "owed") == await listed(one, "owed") != []

    told = await asyncio.gather(
        *(
            store.move_callback(id, wish(State.CALLING, 60, (store is one and "a") or "b"))
            for store in (one, other) * 4
        ),
        return_exceptions=True,
    )

    assert len({type(answer) for answer in told}) == 2
    assert sum(isinstance(answer, CallbackRefused) for answer in told) == 4, "whoever has it may say so again"
    (row,) = await listed(one, at=61)
    assert len(row.attempts) == 1


async def test_who_asked_twice_at_once_is_called_once_though_both_processes_died(
    processes: tuple[RedisStore, ...],
) -> None:
    one, _, dying = processes
    first, second = asking(), asking(at=5)
    await call(dying, "CA1", *first)
    await call(dying, "CA2", *second)

    rows = await one.callbacks(CallbackQuery())

    assert [(row.ref.call, row.state, row.reason) for row in rows] == [
        ("CA1", State.OWED, ""),
        ("CA2", State.WITHDRAWN, TWICE),
    ]


async def test_an_answer_that_a_dead_process_kept_settles_the_promise(processes: tuple[RedisStore, ...]) -> None:
    one, other, dying = processes
    await call(one, "CA1", *asking())
    session = await one.load(ref("CA1"))
    assert session is not None
    again = replace(known(CALLER, 200), owed=session.owed)
    held = CallHeld(at=after(200), id=EventId("held"), began=after(200))
    await call(dying, "CA2", held, again, answered(230))

    (row,) = await other.callbacks(CallbackQuery())

    assert (row.state, row.reason, row.ended) == (State.WITHDRAWN, ANSWERED, after(230))
    assert list(await one.owed(CALLER)) == []
