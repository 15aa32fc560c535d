"""What facts make of call-backs, for every store; and those that are open, at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from holdsvc.calls.callback import ANSWERED, OPEN, Callback, State, Wish, id_of, in_order, moved, now
from holdsvc.calls.facts import AnyFact, CallbackAsked, CallbackSettled
from holdsvc.calls.model import CallerId, QueueName
from holdsvc.calls.session import HoldSession
from holdsvc.ports import CallbackQuery
from holdsvc.stores.tally import Change

OPEN_STATES = (*OPEN, "open")  # of a query for those that are at hand
Find = Callable[[CallerId, QueueName], Callback | None]  # the one that is open


def changed(session: HoldSession, facts: Iterable[AnyFact], find: Find) -> list[Callback]:
    """As they are after these facts. Who is owed one keeps that one."""
    after: dict[QueueName, Callback] = {}
    if session.caller is None:
        return []
    for fact in facts:
        if isinstance(fact, CallbackAsked | CallbackSettled):
            known = after.get(fact.queue) or find(session.caller, fact.queue)
            if isinstance(fact, CallbackAsked) and (known is None or not known.open):
                after[fact.queue] = asked(session, session.caller, fact)
            elif isinstance(fact, CallbackSettled) and known is not None and known.open:
                after[fact.queue] = moved(known, Wish(State.WITHDRAWN, fact.at, reason=ANSWERED))
    return list(after.values())


def asked(session: HoldSession, caller: CallerId, fact: CallbackAsked) -> Callback:
    return Callback(
        id=id_of(session.ref, fact.queue),
        ref=session.ref,
        queue=fact.queue,
        caller=caller,
        began=fact.began,
        asked=fact.at,
        masked=session.masked,
        language=session.language,
        contact=session.contact,
    )


def counted(some: Iterable[Callback]) -> list[Change]:
    """What it adds to the sums that these came to be what they are. One that was handed back was owed before."""
    told = (one for one in some if one.state is not State.OWED or not one.attempts)
    return [(("callback", one.queue, one.state.value, ""), 1.0) for one in told]


def matches(one: Callback, query: CallbackQuery) -> bool:
    stands = query.state in ("", one.state.value) or (query.state == "open" and one.open)
    return stands and query.queue in ("", one.queue) and query.id in ("", one.id)


def chosen(some: Iterable[Callback], query: CallbackQuery) -> Sequence[Callback]:
    """Those that were asked for, as they stand at its moment, the earliest wait first; of too many the latest are kept."""
    there = [one for one in (as_of(one, query.at) for one in some) if matches(one, query)]
    latest = sorted(there, key=lambda one: (one.asked, one.id))[-query.most :]
    return in_order(latest)


def as_of(one: Callback, at: datetime | None) -> Callback:
    return now(one, at) if at is not None else one


class Open:
    """Those that are owed or being called, by name and by caller."""

    def __init__(self) -> None:
        self._by_id: dict[str, Callback] = {}
        self._of: dict[CallerId, dict[str, Callback]] = {}

    def put(self, one: Callback) -> None:
        before = self._by_id.pop(one.id, None)
        if before is not None and before.caller is not None:
            mine = self._of[before.caller]
            del mine[one.id]
            if not mine:
                del self._of[before.caller]
        if one.open:
            self._by_id[one.id] = one
            if one.caller is not None:
                self._of.setdefault(one.caller, {})[one.id] = one

    def get(self, id: str) -> Callback | None:
        return self._by_id.get(id)

    def of(self, caller: CallerId) -> list[Callback]:
        return list(self._of.get(caller, {}).values())

    def find(self, caller: CallerId, queue: QueueName) -> Callback | None:
        return next((one for one in self.of(caller) if one.queue == queue), None)

    def all(self) -> list[Callback]:
        return list(self._by_id.values())
