"""What the outside is told of a call's facts: messages for those who want to hear them, the same ones each time they are made.

Nobody's number, name or pseudonym is in one. Whoever may know more asks the API for the call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec
from msgspec import Struct

from holdsvc.calls.callback import id_of
from holdsvc.calls.facts import AnyFact, CallbackAsked, WaitAmended, WaitEnded
from holdsvc.calls.session import HoldSession

WAIT_ENDED, WAIT_AMENDED, CALLBACK_ASKED = "wait.ended", "wait.amended", "callback.asked"
KINDS = (WAIT_ENDED, WAIT_AMENDED, CALLBACK_ASKED)
MOST_IN_A_SAVE = 1000  # facts; more than there can be
write_json = msgspec.json.Encoder(order="deterministic").encode


class Subscriber(Struct, frozen=True):
    """Who wants to hear what. `queues`: of these alone, () for all. `most_age`: older news is of no use there, None for never."""

    name: str
    tells: frozenset[str] = frozenset(KINDS)
    queues: frozenset[str] = frozenset()
    most_age: timedelta | None = None


class Effect(Struct, frozen=True, omit_defaults=True):
    """Something that is to happen outside, at least once."""

    key: str  # the same for the same cause, and all that the other side needs to take it once
    to: str  # name of the destination
    kind: str
    call: str  # platform/call, for whoever looks after it
    line: str  # those of one destination and line are told in their turn
    turn: int
    body: bytes
    until: datetime | None = None  # it is of no use afterwards


class Told(Struct, frozen=True):
    """One piece of news, before it is known who wants it."""

    kind: str
    queue: str
    name: str  # what tells it from the call's other news of this kind
    turn: int
    at: datetime
    says: Mapping[str, object]


def effects(subscribers: Iterable[Subscriber], session: HoldSession, facts: Sequence[AnyFact]) -> tuple[Effect, ...]:
    """As a rule none: most facts are nobody's business outside."""
    news = [told for n, fact in enumerate(facts) if (told := news_of(session, fact, n)) is not None]
    return tuple(effect(one, session, told) for told in news for one in subscribers if wants(one, told))


def news_of(session: HoldSession, fact: AnyFact, n: int) -> Told | None:
    """`n`: the fact's place in its save. That a wait ended is told once; what is told otherwise later follows in its turn."""
    match fact:
        case WaitEnded(at=at, queue=queue):
            says = {"seconds": fact.seconds, "outcome": fact.outcome, **span(fact.began, fact.ended)}
            return Told(WAIT_ENDED, queue, "", 0, at, says)
        case WaitAmended(at=at, queue=queue):
            turn = session.version * MOST_IN_A_SAVE + n
            says = {"was": fact.was, "outcome": fact.became, **span(fact.began, fact.ended)}
            return Told(WAIT_AMENDED, queue, str(turn), turn, at, says)
        case CallbackAsked(at=at, queue=queue, again=False):
            says = {"callback": id_of(session.ref, queue), "asked": at, **span(fact.began)}
            return Told(CALLBACK_ASKED, queue, queue, 0, at, says)
        case _:
            return None


def span(began: datetime, ended: datetime | None = None) -> Mapping[str, object]:
    return {"began": began} if ended is None else {"began": began, "ended": ended}


def wants(one: Subscriber, told: Told) -> bool:
    return told.kind in one.tells and (not one.queues or told.queue in one.queues)


def effect(one: Subscriber, session: HoldSession, told: Told) -> Effect:
    ref = session.ref
    about = {"platform": ref.platform, "call": writable(ref.call), "wait": ref.wait, "queue": writable(told.queue)}
    message = {"type": told.kind, "timestamp": told.at.astimezone(UTC), "data": {**about, **told.says}}
    return Effect(
        key=named(one.name, told.kind, ref.platform, ref.key, told.name),
        to=one.name,
        kind=told.kind,
        call=f"{ref.platform}/{writable(ref.call)}",
        line=named(one.name, ref.platform, ref.key, "callback" if told.kind == CALLBACK_ASKED else "wait"),
        turn=told.turn,
        body=write_json(message),
        until=told.at + one.most_age if one.most_age is not None else None,
    )


def writable(text: str) -> str:
    """Whatever a platform calls a call."""
    return text.encode("utf-8", "replace").decode("utf-8")


def named(*parts: str) -> str:
    """It says nothing of the call, and fits into a header and an address."""
    return sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:24]
