"""Which of a call's waits news belongs to, and what one wait has from the one before. Pure.

A call waits again where its caller comes to another queue of ours, or to the same one after having left it or having been
answered. Addresses that we gave out say their wait; other news is of the wait that was on at the time, so that what comes late
still finds its own. Nothing that was seen before begins a wait.

A platform may tell of everything else late and in any order, but the documents that a call is waiting for (its front door, what
comes next in a queue) it asks for one after the other: so the order in which those come is the order of the waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.events import (
    AgentAnswered,
    CallArrived,
    CallerHungUp,
    CallEvent,
    CallHeld,
    HoldResumed,
    LeftQueue,
    WentElsewhere,
)
from holdsvc.calls.history import DEPARTURES
from holdsvc.calls.memory import plays
from holdsvc.calls.model import MOST_WAITS, CallRef, EventId, Outcome, PastWait, QueueName, Via
from holdsvc.calls.quizmaster import put_aside
from holdsvc.calls.session import HoldSession

LEFT = frozenset(DEPARTURES.values())
REPEATED = timedelta(minutes=1)  # platforms give up on a request sooner
OF_THE_CALL = (CallerHungUp, AgentAnswered, HoldResumed)  # news that names no queue
CARRIED = (
    "caller", "masked", "contact", "told_level", "told_account", "language", "guessed", "past", "owed",
    "gain", "talk", "offsets", "places", "plays", "quiz", "spoke", "noticed", "noticed_before",
)  # fmt: skip


class Incoming(Struct, frozen=True):
    """What a report says, as far as it concerns whose it is. `told`: the wait that the request's address names."""

    ref: CallRef
    queue: QueueName
    events: tuple[CallEvent, ...]
    told: int | None = None
    stream: bool | None = None

    @property
    def begins(self) -> CallArrived | CallHeld | None:
        """The event with which a wait may begin."""
        return next((event for event in self.events if may_begin(event)), None)  # type: ignore[return-value]  # it is one

    @property
    def at(self) -> datetime:
        begins = self.begins
        return begins.began if isinstance(begins, CallHeld) else self.events[-1].at

    @property
    def id(self) -> EventId:
        return (self.begins or self.events[-1]).id


class Placed(Struct, frozen=True):
    """Where news belongs. `new` is what its session begins as if none is kept."""

    new: HoldSession
    known: HoldSession | None = None
    before: tuple[CallEvent, ...] = ()  # what was told of the call when this wait was not known yet
    elsewhere: tuple[
        tuple[HoldSession, WentElsewhere], ...
    ] = ()  # other waits that have to hear that the caller went on


def may_begin(event: CallEvent) -> bool:
    return isinstance(event, CallArrived) or (isinstance(event, CallHeld) and not event.mid_call and not event.inferred)


def belongs(session: HoldSession, news: Incoming) -> bool:
    """It is of the wait that its address names, and of no later one; nothing else needs to be looked at."""
    return session.queue == news.queue and goes_on(session, news)


def goes_on(session: HoldSession, news: Incoming) -> bool:
    return session.has(news.id) or not begins_anew(session, news)


def placed(news: Incoming, known: Sequence[HoldSession]) -> Placed:
    """`known`: the call's waits, in their order. `news` has at least one event."""
    number = number_of(news, known)
    ref = news.ref.nth(number)
    session = next((one for one in known if one.ref.wait == number), None)
    earlier = [one for one in known if one.ref.wait < number]
    new = follow(earlier[-1], news, ref) if earlier else HoldSession(ref, news.queue, stream=news.stream)
    new = replace(new, entered=news.at) if number > 1 else new
    if session is not None:
        new = joined(
            bare(session), HoldSession(ref, session.queue if founded(session) else news.queue, stream=news.stream)
        )
        return Placed(new, session, elsewhere=tuple(went_on(known)))
    before = known_of_the_call(earlier[-1], new) if earlier else ()
    chain = sorted((*known, new), key=lambda one: one.ref.wait)
    return Placed(new, None, before, tuple(went_on(chain)))


def bare(session: HoldSession) -> HoldSession:
    """What the session would begin as, were it lost."""
    return HoldSession(session.ref, session.queue, entered=session.entered, stream=session.stream)


def joined(session: HoldSession, new: HoldSession) -> HoldSession:
    """What is kept of a wait, with what the news behind `new` alone may know: of two processes that could not speak to each other
    one may have heard of the caller's queue, or that sound is to come by a stream, and the other kept its own news first.
    """
    if session.queue != new.queue and not founded(session):
        session = replace(session, queue=new.queue)
    return replace(session, stream=new.stream) if session.stream is None and new.stream is not None else session


def founded(session: HoldSession) -> bool:
    """Its queue is the one where the caller was, not just what an address for news of all calls says."""
    return bool(session.seen) or any(isinstance(event, CallHeld | LeftQueue) for event in session.life)


def stands_in(session: HoldSession, queue: QueueName) -> bool:
    return session.queue == queue or not founded(session)


def went_on(chain: Sequence[HoldSession]) -> list[tuple[HoldSession, WentElsewhere]]:
    """Who has to hear it: also where a process died before it could be told."""
    told = []
    for one, after in pairwise(chain):
        came = began(after)
        if came is not None and (one.elsewhere is None or came < one.elsewhere):
            id = EventId(f"{after.ref.key}+elsewhere{came.timestamp():.3f}")
            told.append((one, WentElsewhere(at=came, id=id)))
    return told


def began(session: HoldSession) -> datetime | None:
    """When the caller came to this queue, as far as is known; of a call's first wait that is not asked."""
    wait = session.history.wait
    return min(session.entered, wait.began) if wait and session.entered else session.entered


def over(session: HoldSession) -> PastWait | None:
    """The wait for whoever has the call next; None as long as it is not known how it ended."""
    wait = session.history.wait
    if wait is None or wait.outcome is None or wait.seconds is None:
        return None
    return PastWait(wait.began, wait.seconds, session.queue, wait.outcome)


# --- which wait -------------------------------------------------------------------------------------------------------


def number_of(news: Incoming, known: Sequence[HoldSession]) -> int:
    told = next((one for one in known if one.ref.wait == news.told), None)
    if news.told and (told is None or stands_in(told, news.queue)):
        stays = told is None or told is not known[-1] or goes_on(told, news)
        return news.told if stays else next_to(news.told)
    seen = [one for one in known if one.has(news.id)]
    if seen and not came_back(seen[-1], news, known):
        return seen[-1].ref.wait
    if not known:
        return 1
    return by_queue(news, known) if news.begins else by_time(of_a_stay(news, known), news.at).ref.wait


def came_back(session: HoldSession, news: Incoming, known: Sequence[HoldSession]) -> bool:
    """A door that the caller came to before is told of with the same form, and a platform gives it no other name: long after the
    wait was over that is no repetition, as long as the call goes on."""
    wait = session.history.wait
    if not isinstance(news.begins, CallArrived) or wait is None or wait.ended is None:
        return False
    over = any(isinstance(event, CallerHungUp) for one in known for event in one.life)
    return not over and news.at > wait.ended + REPEATED


def by_queue(news: Incoming, known: Sequence[HoldSession]) -> int:
    """Of news with which a wait may begin."""
    first = began(known[0])
    if first is not None and news.at < first and not stands_in(known[0], news.queue):
        return max(1, known[0].ref.wait - 1)  # older than all that is known
    one = by_time(known, news.at)
    if stands_in(one, news.queue) and not begins_anew(one, news):
        return one.ref.wait
    after = next((other for other in known if other.ref.wait > one.ref.wait), None)
    if after is None:
        return next_to(one.ref.wait)
    return after.ref.wait if stands_in(after, news.queue) else one.ref.wait


def by_time(known: Sequence[HoldSession], at: datetime) -> HoldSession:
    """The wait that was on then."""
    come = [one for one in known if (came := began(one)) is None or came <= at]
    return come[-1] if come else known[0]


def of_a_stay(news: Incoming, known: Sequence[HoldSession]) -> Sequence[HoldSession]:
    """News of how a stay in a queue ended is of a wait there."""
    if not any(isinstance(event, LeftQueue | CallHeld) for event in news.events):
        return known
    return [one for one in known if stands_in(one, news.queue)] or known


def next_to(number: int) -> int:
    return min(number + 1, MOST_WAITS)


def begins_anew(session: HoldSession, news: Incoming) -> bool:
    """With this news of the same queue the caller waits there once more."""
    begins, wait = news.begins, session.history.wait
    if begins is None:
        return False
    if wait is None or wait.ended is None:
        return isinstance(begins, CallArrived) and session.leaving is not None
    if wait.outcome is Outcome.UNKNOWN or news.at <= wait.ended:
        return False  # a sign of life: it goes on
    in_a_queue = isinstance(begins, CallHeld) and begins.position is not None  # an agent's hold has no place in one
    if wait.outcome in LEFT:
        return in_a_queue or news.told is None
    return news.told is None and (in_a_queue or isinstance(begins, CallArrived))


# --- from one wait to the next ----------------------------------------------------------------------------------------


def follow(before: HoldSession, news: Incoming, ref: CallRef) -> HoldSession:
    """The next wait of the call. What the caller heard, chose and set comes along; what was said of the place in the other queue,
    and what was going on there, does not. Who is calling is looked at anew, unless there was nothing to be seen or it is forgotten.
    """
    before = put_aside(before)
    carried = {name: getattr(before, name) for name in CARRIED}
    own = [one.what for one in before.choices if one.via in (Via.KEY, Via.VOICE) and plays(one.what)]
    return HoldSession(
        ref,
        news.queue,
        entered=news.at,
        stream=news.stream,
        caller_read=before.caller_read and before.caller is None,
        remembered=own[-1] if own else before.remembered,
        **carried,
    )


def known_of_the_call(before: HoldSession, new: HoldSession) -> tuple[CallEvent, ...]:
    """News of the call that came before this wait was known, and is about what happened in it."""
    came = new.entered
    return tuple(
        event
        for event in before.life
        if came is not None
        and isinstance(event, OF_THE_CALL)
        and event.at > came
        and getattr(event, "waited", None) is None
    )
