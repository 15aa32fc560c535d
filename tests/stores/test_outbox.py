"""The outbox of every store: a letter comes in with the save that causes it, goes to one at a time, and stays until it is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdsvc.calls.facts import AnyFact, WaitAmended
from holdsvc.calls.model import CallerId, PhoneNumber
from holdsvc.calls.session import HoldSession
from holdsvc.calls.telling import Subscriber, effects
from holdsvc.errors import StaleSession, StoreUnavailable
from holdsvc.ports import Due, Letter, Standing, Store, Verdict
from holdsvc.stores.memory import MemoryStore
from holdsvc.stores.sqlite import SqliteStore
from tests.stores.calls import after, answered, decided, gone, held, known, one_call, ref, tell
from tests.stores.test_every_store import STORES

DESK, CRM = Subscriber("desk"), Subscriber("crm")
NOW = after(1000).timestamp()
LEASE = 10.0
NUMBER = PhoneNumber("+15005550123")


def told(*subscribers: Subscriber, at: float = NOW):
    def causes(session: HoldSession, facts: Sequence[AnyFact]) -> list[Due]:
        return [Due(Letter(one), at) for one in effects(subscribers, session, facts)]

    return causes


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = STORES[request.param](tmp_path)
    store.outbox.causes = told(DESK)
    await store.open()
    yield store
    await store.close()


async def handed(store: Store, now: float = NOW, to: str = "desk", most: int = 100) -> list[Letter]:
    return list(await store.outbox.hand_out(to, now, now + LEASE, most))


def failed(letter: Letter, at: float) -> Verdict:
    return Verdict(letter, replace(letter, tries=letter.tries + 1, fault="slow"), at)


async def amend(store: Store, name: str, seconds: float) -> None:
    """A wait that had ended turned out otherwise."""
    session = await store.load(ref(name))
    assert session is not None
    fact = WaitAmended(
        at=after(seconds), queue=session.queue, began=after(0), ended=after(seconds), was=None, became=None
    )
    await store.save(replace(session, version=session.version + 1), (fact,))


async def test_what_a_save_causes_is_kept_with_it_and_nothing_else_is(store: Store) -> None:
    await tell(store, "CA1", held())

    assert await handed(store) == []

    await tell(store, "CA1", gone(40))

    (letter,) = await handed(store)
    assert (letter.effect.to, letter.effect.kind, letter.effect.call) == ("desk", "wait.ended", "twilio/CA1")
    assert b'"outcome":"abandoned"' in letter.effect.body
    assert await store.outbox.standing() == Standing(waiting=1, dead=0)


async def test_a_save_that_is_refused_causes_nothing(store: Store) -> None:
    session = await tell(store, "CA1", held())
    decision = decided(session, gone(40))

    with pytest.raises(StaleSession):
        await store.save(replace(decision.session, version=9), decision.facts)

    assert await store.outbox.standing() == Standing(0, 0)


async def test_of_many_who_decide_the_same_at_once_one_letter_is_kept(store: Store) -> None:
    session = await tell(store, "CA1", held())
    decision = decided(session, gone(40))

    await asyncio.gather(*(store.save(decision.session, decision.facts) for _ in range(8)), return_exceptions=True)

    assert len(await handed(store)) == 1


async def test_a_decision_that_comes_again_later_makes_no_second_one(store: Store) -> None:
    session = await tell(store, "CA1", held())
    decision = decided(session, gone(40))
    await store.save(decision.session, decision.facts)
    (letter,) = await handed(store)
    await store.outbox.settle([failed(letter, NOW + 60)])

    await store.save(replace(decision.session, version=decision.session.version + 1), decision.facts)

    assert await store.outbox.standing() == Standing(1, 0)
    assert await handed(store, NOW + 59) == []
    assert await store.outbox.letters(9) == [replace(letter, tries=1, fault="slow")]


async def test_it_is_handed_out_to_one_and_to_another_when_that_one_has_died(store: Store) -> None:
    await tell(store, "CA1", *one_call())

    found = await asyncio.gather(*(handed(store) for _ in range(6)))

    assert sorted(map(len, found)) == [0, 0, 0, 0, 0, 1]
    assert await handed(store, NOW + LEASE - 0.1) == []
    assert len(await handed(store, NOW + LEASE)) == 1


async def test_it_is_not_handed_out_before_it_is_due(store: Store) -> None:
    await tell(store, "CA1", *one_call())

    assert await handed(store, NOW - 0.001) == []
    assert len(await handed(store, NOW)) == 1


async def test_what_is_done_is_gone_and_nobody_can_bring_it_back(store: Store) -> None:
    await tell(store, "CA1", *one_call())
    (letter,) = await handed(store)

    assert await store.outbox.settle([Verdict(letter)]) == 1

    assert await store.outbox.settle([failed(letter, NOW), Verdict(letter)]) == 0
    assert await handed(store, NOW + 1e6) == []
    assert await store.outbox.standing() == Standing(0, 0)


async def test_what_failed_is_due_again_when_it_was_said_and_knows_what_it_went_through(store: Store) -> None:
    await tell(store, "CA1", *one_call())
    (letter,) = await handed(store)

    assert await store.outbox.settle([failed(letter, NOW + 60)]) == 1

    assert await handed(store, NOW + 59) == []
    assert await handed(store, NOW + 60) == [replace(letter, tries=1, fault="slow")]


async def test_of_two_who_had_it_one_after_the_other_the_first_verdict_counts_and_done_is_done(store: Store) -> None:
    await tell(store, "CA1", *one_call())
    (letter,) = await handed(store)
    await handed(store, NOW + LEASE)

    assert await store.outbox.settle([failed(letter, NOW + 60)]) == 1
    assert await store.outbox.settle([failed(letter, NOW + 90)]) == 0
    (now,) = await store.outbox.letters(10)
    assert now.tries == 1
    assert await store.outbox.settle([Verdict(letter)]) == 1  # it did arrive, whatever another saw
    assert await store.outbox.letters(10) == []


async def test_the_dead_are_kept_and_listed_handed_out_to_nobody_and_can_be_brought_back(store: Store) -> None:
    await tell(store, "CA1", *one_call())
    (letter,) = await handed(store)
    dead = replace(letter, tries=5, fault="status", died=NOW + 1)
    await store.outbox.settle([Verdict(letter, dead)])

    assert await handed(store, NOW + 1e6) == []
    assert await store.outbox.letters(10) == [dead]
    assert await store.outbox.standing() == Standing(waiting=0, dead=1)

    assert await store.outbox.settle([Verdict(dead, letter, NOW + 5)]) == 1
    assert await store.outbox.settle([Verdict(dead, letter, NOW + 5)]) == 0
    assert await handed(store, NOW + 5) == [letter]
    assert await store.outbox.standing() == Standing(waiting=1, dead=0)


async def test_the_dead_can_be_discarded(store: Store) -> None:
    await tell(store, "CA1", *one_call())
    (letter,) = await handed(store)
    dead = replace(letter, tries=5, died=NOW + 1)
    await store.outbox.settle([Verdict(letter, dead)])

    assert await store.outbox.settle([Verdict(dead)]) == 1
    assert await store.outbox.standing() == Standing(0, 0)


async def test_what_belongs_to_one_wait_comes_in_its_turn_and_the_dead_hold_up_nobody(store: Store) -> None:
    await tell(store, "CA1", *one_call())
    await amend(store, "CA1", 50)
    await amend(store, "CA1", 70)

    (ended,) = await handed(store)
    assert ended.effect.kind == "wait.ended"
    await store.outbox.settle([failed(ended, NOW + 60)])
    assert await handed(store, NOW + 30) == []

    (ended,) = await handed(store, NOW + 60)
    await store.outbox.settle([Verdict(ended, replace(ended, died=NOW + 61))])
    (first,) = await handed(store, NOW + 61)
    assert first.effect.kind == "wait.amended"
    assert await handed(store, NOW + 62) == []
    await store.outbox.settle([Verdict(first)])
    (second,) = await handed(store, NOW + 63)
    assert second.effect.turn > first.effect.turn


async def test_other_calls_and_other_destinations_do_not_wait_for_one_that_fails(store: Store) -> None:
    store.outbox.causes = told(DESK, CRM)
    for number in range(20):
        await tell(store, f"CA{number}", *one_call())
    of_desk = await handed(store)
    await store.outbox.settle([failed(one, NOW + 3600) for one in of_desk])
    await tell(store, "CA99", *one_call())

    assert [one.effect.call for one in await handed(store, NOW + 1)] == ["twilio/CA99"]
    assert len(await handed(store, NOW + 1, "crm")) == 21
    assert len({one.effect.key for one in await store.outbox.letters(100)}) == 42


async def test_no_more_are_handed_out_than_were_asked_for_and_the_others_stay_due(store: Store) -> None:
    for number in range(30):
        await tell(store, f"CA{number}", *one_call())

    some = [await handed(store, most=7) for _ in range(6)]

    assert list(map(len, some)) == [7, 7, 7, 7, 2, 0]
    assert len({one.effect.key for letters in some for one in letters}) == 30


async def test_of_a_caller_there_is_nothing_in_it_before_and_after_forgetting(store: Store) -> None:
    caller = CallerId("pseudonym")
    await tell(store, "CA1", held(), known(caller), answered(12))

    (letter,) = await handed(store)
    assert b"pseudonym" not in letter.effect.body
    await store.forget(NUMBER, caller)
    assert await store.outbox.letters(10) == [letter]


async def test_a_file_still_has_what_was_not_delivered_when_the_process_is_another(path: Path) -> None:
    before = SqliteStore(path)
    before.outbox.causes = told(DESK, at=NOW + LEASE)
    await before.open()
    await tell(before, "CA1", *one_call())
    (letter,) = await handed(before, NOW + LEASE)
    await before.outbox.settle([failed(letter, NOW + 60)])
    await before.close()

    after_it = SqliteStore(path)
    await after_it.open()
    assert await handed(after_it, NOW + 60) == [replace(letter, tries=1, fault="slow")]
    await after_it.close()
    with pytest.raises(StoreUnavailable):
        await after_it.outbox.standing()


async def test_where_nobody_wants_to_hear_nothing_is_kept() -> None:
    store = MemoryStore()
    await tell(store, "CA1", *one_call())

    assert await store.outbox.letters(10) == []
