"""The history of a call, folded from the set of its life-cycle events: any order, any repetition, one outcome.

Platforms tell late, twice and in the wrong order. So nothing is concluded from the order of arrival: the events are put in the
order in which things happened, and the first thing that ends a wait is how it ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.events import (
    AgentAnswered,
    CallerHungUp,
    CallHeld,
    Departure,
    HoldResumed,
    LeftQueue,
    LifeEvent,
    ReleaseAsked,
    WentElsewhere,
    WentSilent,
)
from holdsvc.calls.model import Outcome

SAME_MOMENT = timedelta(seconds=2)  # a platform's whole seconds and our own receipt of one thing differ by less
WHOLE_SECOND = timedelta(seconds=1)

DEPARTURES = {
    Departure.CHOICE: Outcome.LEFT_BY_CHOICE,
    Departure.CALLBACK: Outcome.CALLBACK_TAKEN,
    Departure.OVERFLOW: Outcome.OVERFLOWED,
    Departure.FAILURE: Outcome.FAILED,
}
# At one and the same moment the more telling event counts first.
RANK = {
    CallHeld: 0, AgentAnswered: 1, ReleaseAsked: 2, LeftQueue: 3, HoldResumed: 4, CallerHungUp: 5, WentElsewhere: 6, WentSilent: 7,
}  # fmt: skip


class Stage(StrEnum):
    """Where a call stands."""

    ARRIVED = "arrived"  # seen, not yet held
    WAITING = "waiting"
    TALKING = "talking"  # with an agent
    ON_HOLD = "on_hold"  # put aside by the agent in mid-call
    ENDED = "ended"


class Rules(Struct, frozen=True, gc=False):
    """How this call's waits are judged; kept with the session, so that a later change of settings rewrites no history."""

    short_abandon: float = 5.0  # seconds; hanging up sooner is counted apart
    release_answers: bool = False  # no hook tells of the agent's answer, so the release stands for it


class Wait(Struct, frozen=True, gc=False):
    began: datetime
    ended: datetime | None = None
    outcome: Outcome | None = None

    @property
    def seconds(self) -> float | None:
        return None if self.ended is None else (self.ended - self.began).total_seconds()


class Hold(Struct, frozen=True, gc=False):
    began: datetime
    ended: datetime | None = None


class History(Struct, frozen=True, gc=False):
    stage: Stage = Stage.ARRIVED
    wait: Wait | None = None
    holds: tuple[Hold, ...] = ()


def fold(life: Iterable[LifeEvent], rules: Rules, latest: datetime | None = None) -> History:
    """The one history that a set of events tells. `latest` is the newest sign of life: it belies an earlier silence."""
    events = [event for event in in_order(life) if not (isinstance(event, WentSilent) and latest and latest > event.at)]
    queued = [event for event in events if isinstance(event, CallHeld) and not event.mid_call]
    told = [event for event in queued if not event.inferred] or queued
    if not told:
        return talk(None, events) if events else History()
    began = min(event.began for event in told)
    wait = judge(began, events, rules)
    if wait.ended is None or wait.outcome is not Outcome.ANSWERED:
        return History(Stage.ENDED if wait.ended else Stage.WAITING, wait)
    return talk(wait, events)


def in_order(life: Iterable[LifeEvent]) -> list[LifeEvent]:
    """Each event once, at the moment it is about, an approximation only where nothing better is known."""
    distinct = {event.id: event for event in sorted(life, key=arrival)}.values()
    held = [event for event in distinct if isinstance(event, CallHeld)]
    begins = sorted(event.began for event in ([event for event in held if not event.inferred] or held))
    dated = [at_its_moment(event, begins) for event in distinct]
    exact = [event for event in dated if is_exact(event)]
    kept = [event for event in dated if is_exact(event) or not any(same(event, other) for other in exact)]
    return sorted(kept, key=moment)


def arrival(event: LifeEvent) -> tuple[datetime, str]:
    return event.at, event.id


def moment(event: LifeEvent) -> tuple[datetime, int, str]:
    """Where an event stands among the others. A hang-up that is known only to the second comes last within that second."""
    at = event.began if isinstance(event, CallHeld) else event.at
    if isinstance(event, CallerHungUp) and not event.exact:
        at += WHOLE_SECOND
    return at, RANK[type(event)], event.id


def is_exact(event: LifeEvent) -> bool:
    return event.exact if isinstance(event, AgentAnswered | CallerHungUp | LeftQueue) else True


def same(one: LifeEvent, other: LifeEvent) -> bool:
    return type(one) is type(other) and abs(one.at - other.at) <= SAME_MOMENT


def at_its_moment(event: LifeEvent, begins: list[datetime]) -> LifeEvent:
    """News with a platform's count of whole seconds is dated by it, unless it came so promptly that our receipt is better."""
    if not isinstance(event, AgentAnswered | CallerHungUp | LeftQueue) or event.waited is None:
        return event
    waited = timedelta(seconds=event.waited)
    before = [began for began in begins if began + waited <= event.at + WHOLE_SECOND]
    if not before:
        return event
    told = before[-1] + waited
    if event.at - told < WHOLE_SECOND:
        return replace(event, waited=None)
    return replace(event, at=told, waited=None, exact=False)


def judge(began: datetime, events: list[LifeEvent], rules: Rules) -> Wait:
    elsewhere = [event for event in events if isinstance(event, WentElsewhere)]
    until = elsewhere[0].at if elsewhere else None
    for event in events:
        outcome = ends_a_wait(event, began, rules)
        if outcome is not None and event.at > began - SAME_MOMENT and (until is None or counts(event, until)):
            return Wait(began, max(event.at if until is None else min(event.at, until), began), outcome)
    if until is not None:
        settled = [event for event in elsewhere if event.settled]
        return Wait(began, max(until, began), DEPARTURES[settled[-1].why]) if settled else Wait(began)
    silent = [event for event in events if isinstance(event, WentSilent)]
    return Wait(began, max(silent[-1].at, began), Outcome.UNKNOWN) if silent else Wait(began)


def counts(event: LifeEvent, until: datetime) -> bool:
    """It is about this wait, although the caller was elsewhere from then on. Who went elsewhere has not hung up before, and what
    is told of the call later is of the wait there; only how this stay ended may be told late."""
    match event:
        case LeftQueue():
            return True
        case CallerHungUp():
            return False
        case _:
            return event.at <= until + SAME_MOMENT


def ends_a_wait(event: LifeEvent, began: datetime, rules: Rules) -> Outcome | None:
    match event:
        case AgentAnswered():
            return Outcome.ANSWERED
        case ReleaseAsked():
            return Outcome.ANSWERED if rules.release_answers else None
        case LeftQueue(why=why):
            return DEPARTURES[why]
        case CallerHungUp(at=at):
            short = (at - began).total_seconds() < rules.short_abandon
            return Outcome.SHORT_ABANDONED if short else Outcome.ABANDONED
        case _:
            return None


def talk(wait: Wait | None, events: list[LifeEvent]) -> History:
    """What came after the answer, or in a call that never waited here: holds by the agent, and the end."""
    stage, holds = (Stage.TALKING if wait else Stage.ARRIVED), list[Hold]()
    for event in events:
        if (
            wait
            and wait.ended
            and moment(event)[0] <= wait.ended + WHOLE_SECOND
            and not isinstance(event, CallerHungUp | WentElsewhere)
        ):
            continue
        match event:
            case CallHeld(inferred=False) if stage is not Stage.ON_HOLD:
                stage = Stage.ON_HOLD
                holds.append(Hold(event.began))
            case AgentAnswered() | HoldResumed() if stage is Stage.ON_HOLD:
                stage = Stage.TALKING
                holds[-1] = replace(holds[-1], ended=event.at)
            case CallerHungUp() | LeftQueue() | WentElsewhere():
                if stage is Stage.ON_HOLD:
                    holds[-1] = replace(holds[-1], ended=event.at)
                return History(Stage.ENDED, wait, tuple(holds))
            case _:
                pass
    return History(stage, wait, tuple(holds))
