"""Call-backs in every store: kept with the session that asked, one for each caller and queue, listed for good."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdsvc.calls.callback import ANSWERED, FORGOTTEN, LEASE, Callback, State, Wish, id_of
from holdsvc.calls.events import CallerKnown, CallEvent, CallHeld, DigitPressed
from holdsvc.calls.menu import CALLBACK, SHIPPED, Action, Choice
from holdsvc.calls.model import CallerId, Contact, EventId, PhoneNumber, QueueName
from holdsvc.calls.plan import CallbackOffer, HoldPlan, offered
from holdsvc.errors import CallbackRefused, StaleSession
from holdsvc.ports import CallbackQuery, Store
from holdsvc.stores.ledger import SqliteLedger
from holdsvc.stores.schema import STEPS
from tests.stores.calls import ITEMS, PLAN, QUEUE, after, answered, decided, known, new, opened, ref, sound
from tests.stores.test_erasure import hits, spellings
from tests.stores.test_every_store import STORES

CALLER, OTHER = CallerId("f6d1c0a94b7e2583"), CallerId("0a1b2c3d4e5f6071")
NUMBER = PhoneNumber("+15005550123")
MENU = offered((*SHIPPED, Choice(CALLBACK, Action.CALLBACK, "6", ("call me back",))), ITEMS)
A_LEASE = LEASE.total_seconds()
STEP = next(step.version for step in STEPS if "CREATE TABLE callbacks" in step.sql)


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = STORES[request.param](tmp_path)
    await store.open()
    yield store
    await store.close()


def plan(queue: QueueName = QUEUE) -> HoldPlan:
    return replace(PLAN, queue=queue, menu=MENU, callback=CallbackOffer())


def pressed(digit: str, at: float) -> DigitPressed:
    return DigitPressed(at=after(at), id=EventId(f"press-{digit}-{at}"), digit=digit)


def who(caller: CallerId, at: float) -> CallerKnown:
    return CallerKnown(
        at=after(at),
        id=EventId("known"),
        caller=caller,
        masked="+15…23",
        contact=Contact(name="Ada Lovelace", account="A-7", language="es"),
    )


def asking(caller: CallerId = CALLER, at: float = 0.0) -> tuple[CallEvent, ...]:
    """Held, known, asks half a minute later, and says yes."""
    held = CallHeld(at=after(at), id=EventId("held"), began=after(at))
    return held, who(caller, at), pressed("6", at + 30), pressed("1", at + 34)


async def call(store: Store, name: str, *events: CallEvent, queue: QueueName = QUEUE) -> None:
    session = await store.load(ref(name)) or new(name, queue)
    for event in events:
        decision = decided(session, event, plan(queue))
        await store.save(decision.session, decision.facts)
        session = decision.session


async def listed(store: Store, state: str = "", at: float = 0.0) -> list[Callback]:
    return list(await store.callbacks(CallbackQuery(state=state, at=after(at))))


async def states(store: Store, at: float = 0.0) -> list[State]:
    return [one.state for one in await listed(store, at=at)]


def wish(to: State, at: float, by: str = "") -> Wish:
    return Wish(to, after(at), by)


async def test_what_was_asked_for_is_owed_with_all_that_is_known_and_the_number_stands_apart(store: Store) -> None:
    await store.remember_number(CALLER, NUMBER)
    await call(store, "CA1", *asking())

    (one,) = await listed(store, "owed")

    assert one == Callback(
        id=id_of(ref("CA1"), QUEUE),
        ref=ref("CA1"),
        queue=QUEUE,
        caller=CALLER,
        began=after(0),
        asked=after(34),
        masked="+15…23",
        language="es",
        contact=Contact(name="Ada Lovelace", account="A-7", language="es"),
    )
    assert await listed(store) == [one]
    assert list(await store.owed(CALLER)) == [one]
    assert list(await store.owed(OTHER)) == []
    assert await store.numbers([CALLER, OTHER]) == {CALLER: NUMBER}
    assert (await store.totals()).callbacks == {("support", "owed"): 1}


async def test_a_save_that_is_refused_owes_nothing(store: Store) -> None:
    await call(store, "CA1", *asking()[:3])
    session = await store.load(ref("CA1"))
    assert session is not None
    decision = decided(session, asking()[3], plan())
    assert decision.facts

    with pytest.raises(StaleSession):
        await store.save(replace(decision.session, version=9), decision.facts)

    assert await listed(store) == []
    assert (await store.totals()).callbacks == {}


async def test_they_come_in_the_order_in_which_the_waits_began(store: Store) -> None:
    await call(store, "CA2", *asking(OTHER, 20))
    await call(store, "CA1", *asking(CALLER, 0))

    assert [one.ref.call for one in await listed(store, "owed")] == ["CA1", "CA2"]


async def test_one_is_owed_to_a_caller_in_a_queue_however_often_it_was_asked_for(store: Store) -> None:
    await call(store, "CA1", *asking())
    await call(store, "CA2", *asking(at=100))
    await call(store, "CA3", *asking(at=100), queue=QueueName("billing"))

    assert [(one.ref.call, one.queue) for one in await listed(store)] == [("CA1", "support"), ("CA3", "billing")]
    assert len(await store.owed(CALLER)) == 2


async def test_of_two_calls_of_one_caller_at_the_same_moment_one_is_owed(store: Store) -> None:
    await asyncio.gather(*(call(store, f"CA{n}", *asking()) for n in range(6)))

    assert len(await listed(store, "owed")) == 1


async def test_behind_the_end_a_new_one_can_be_asked_for(store: Store) -> None:
    await call(store, "CA1", *asking())
    await store.move_callback(id_of(ref("CA1"), QUEUE), wish(State.REACHED, 60))
    await call(store, "CA2", *asking(at=100))

    assert await states(store) == [State.REACHED, State.OWED]


async def test_of_many_who_want_it_at_once_one_gets_it(store: Store) -> None:
    await call(store, "CA1", *asking())
    id = id_of(ref("CA1"), QUEUE)

    told = await asyncio.gather(
        *(store.move_callback(id, wish(State.CALLING, 60, f"desk-{n}")) for n in range(12)), return_exceptions=True
    )

    assert sorted(type(one) is CallbackRefused for one in told) == [False] + [True] * 11
    (one,) = await listed(store, "calling", at=61)
    assert len(one.attempts) == 1
    assert await listed(store, "owed", at=61) == []


async def test_where_nothing_is_heard_it_is_owed_again_and_can_be_handed_out_again(store: Store) -> None:
    await call(store, "CA1", *asking())
    id = id_of(ref("CA1"), QUEUE)
    await store.move_callback(id, wish(State.CALLING, 60))

    assert await states(store, 60 + A_LEASE - 1) == [State.CALLING]
    assert [one.state for one in await listed(store, "owed", 60 + A_LEASE)] == [State.OWED]
    one = await store.move_callback(id, wish(State.CALLING, 60 + A_LEASE))

    assert one is not None
    assert len(one.attempts) == 2


async def test_what_is_over_stays_listed_and_is_told_again_as_it_was(store: Store) -> None:
    await call(store, "CA1", *asking())
    id = id_of(ref("CA1"), QUEUE)
    await store.move_callback(id, wish(State.CALLING, 60))
    over = await store.move_callback(id, wish(State.GIVEN_UP, 90))

    assert await store.move_callback(id, wish(State.GIVEN_UP, 200)) == over
    with pytest.raises(CallbackRefused, match="it is over: given_up"):
        await store.move_callback(id, wish(State.CALLING, 200))
    assert await listed(store) == await listed(store, "given_up") == [over]
    assert await listed(store, "owed") == []
    assert list(await store.owed(CALLER)) == []
    assert (await store.totals()).callbacks == {
        ("support", "owed"): 1,
        ("support", "calling"): 1,
        ("support", "given_up"): 1,
    }


async def test_of_one_that_is_not_there_nothing_is_known(store: Store) -> None:
    assert await store.move_callback("0" * 20, wish(State.CALLING, 60)) is None


async def test_who_calls_again_and_is_answered_is_owed_nothing_more(store: Store) -> None:
    await call(store, "CA1", *asking())
    owed = tuple((await store.load(ref("CA1"))).owed)  # type: ignore[union-attr]
    again = replace(known(CALLER, 200), owed=owed)
    await call(store, "CA2", CallHeld(at=after(200), id=EventId("held"), began=after(200)), again, answered(230))

    (one,) = await listed(store)

    assert (one.state, one.reason, one.ended) == (State.WITHDRAWN, ANSWERED, after(230))
    assert (await store.totals()).callbacks[("support", "withdrawn")] == 1


async def test_a_forgotten_caller_is_owed_nothing_and_the_row_stays_without_the_person(store: Store) -> None:
    await store.remember_number(CALLER, NUMBER)
    await call(store, "CA1", *asking())
    await call(store, "CA2", *asking(at=100), queue=QueueName("billing"))
    await store.move_callback(id_of(ref("CA2"), QueueName("billing")), wish(State.REACHED, 200))

    await store.forget(NUMBER, CALLER, after(300))

    first, second = await listed(store)
    assert (first.state, first.reason, first.ended) == (State.WITHDRAWN, FORGOTTEN, after(300))
    assert (second.state, second.ended) == (State.REACHED, after(200))
    assert {(one.caller, one.masked, one.contact) for one in (first, second)} == {(None, "", None)}
    assert await store.numbers([CALLER]) == {}
    assert list(await store.owed(CALLER)) == []
    assert (await store.totals()).callbacks[("support", "withdrawn")] == 1


async def test_a_promise_to_somebody_who_was_forgotten_meanwhile_is_none(store: Store) -> None:
    await call(store, "CA1", *asking()[:3])
    session = await store.load(ref("CA1"))
    assert session is not None
    under_way = decided(session, asking()[3], plan())
    await store.forget(NUMBER, CALLER)

    with pytest.raises(StaleSession):
        await store.save(under_way.session, under_way.facts)
    await call(store, "CA1", asking()[3])

    assert await listed(store) == []


async def test_offers_are_counted(store: Store) -> None:
    session = new("CA1")
    told = replace(plan(), prompts={"en": {"choice_callback_6": 3.0}})
    opens = CallHeld(at=after(0), id=EventId("held"), began=after(0))
    for event in (opens, who(CALLER, 0), replace(opens, id=EventId("again"), at=after(60))):
        decision = decided(session, event, told)
        await store.save(decision.session, decision.facts)
        session = decision.session

    assert (await store.totals()).callbacks == {("support", "offered"): 1}


# --- in the file -------------------------------------------------------------------------------------------------------------


async def test_what_is_owed_is_there_after_a_restart(path: Path) -> None:
    async with opened(path) as before:
        await call(before, "CA1", *asking())
        await call(before, "CA2", *asking(OTHER, 10))
        await before.move_callback(id_of(ref("CA2"), QUEUE), wish(State.WITHDRAWN, 60))
        rows = await listed(before)

    async with opened(path) as store:
        assert await listed(store) == rows
        assert list(await store.owed(CALLER)) == rows[:1]
        assert await store.move_callback(id_of(ref("CA2"), QUEUE), wish(State.WITHDRAWN, 90)) == rows[1]
        assert (await store.totals()).callbacks == {("support", "owed"): 2, ("support", "withdrawn"): 1}
    assert sound(path)


async def test_no_byte_of_a_forgotten_caller_is_left_of_a_call_back(path: Path) -> None:
    words = [*spellings(NUMBER), CALLER.encode(), b"Ada Lovelace"]
    async with opened(path) as store:
        await store.remember_number(CALLER, NUMBER)
        await call(store, "CA1", *asking())
        assert hits(path.parent, words), "the control: before it is forgotten it is found"

        await store.forget(NUMBER, CALLER)

        assert hits(path.parent, words) == []


async def test_a_file_of_the_release_before_gets_the_table_and_until_then_reports_have_none(path: Path) -> None:
    async with opened(path) as store:
        await call(store, "CA1", *asking()[:2])
    with sqlite3.connect(path) as db:
        for table in ("callbacks", "outbox"):  # which came after it
            db.execute(f"DROP TABLE {table}")
        db.execute("DELETE FROM steps WHERE version >= ?", (STEP,))
    with SqliteLedger(path) as ledger:
        assert list(ledger.callbacks(CallbackQuery())) == []

    async with opened(path) as store:
        await call(store, "CA1", *asking()[2:])
        assert await states(store) == [State.OWED]
