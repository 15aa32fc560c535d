"""The walk's other calls: what is said only where the caller was here before, or a person or the platform gives cause."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from msgspec.structs import replace

from holdsvc.calls.decide import decide
from holdsvc.calls.estimate import Departed, Movement
from holdsvc.calls.events import (
    AgentAnswered,
    CallArrived,
    CallerKnown,
    CallEvent,
    CallHeld,
    ContentEnded,
    Departure,
    DigitPressed,
    LeftQueue,
    StreamClosed,
    StreamOpened,
    UtteranceHeard,
)
from holdsvc.calls.instructions import Instruction
from holdsvc.calls.menu import CALLBACK, SHIPPED, Action, Choice
from holdsvc.calls.model import CallerId, Outcome, Owed, Profile, PromptId, QuizScore
from holdsvc.calls.plan import CallbackOffer, HoldPlan, Media, Notice, offered
from holdsvc.calls.session import HoldSession
from tests.plans import CALL, LEAVE, NOON, QUEUE

NOTICES = {
    "notice_longer_waits": "longer waits",
    "notice_storm": "a storm",
    "notice_outage": "an outage",
    "notice_system": "a slow system",
    "notice_closing": "closing soon",
}
BACK = Choice(CALLBACK, Action.CALLBACK, "6", ("call me back",))
# Seconds from the deed before, by words in its name: what answers something comes in time.
GAPS = {"at once": 4.0, "lets it pass": 12.0, "a minute later": 60.0}
APART = 40.0
Make = Callable[[datetime, str], CallEvent]
Step = tuple[str, Make, HoldPlan]


def calls(plan: HoldPlan) -> Iterator[tuple[CallerKnown, Iterator[Step]]]:
    """Each with what we know of the caller."""
    leave, back = with_key(plan, LEAVE), replace(with_key(plan, BACK), callback=CallbackOffer(30.0))
    yield known(quiz=QuizScore(asked=9, right=3)), quizzing(leave)
    yield known(quiz=QuizScore(asked=60, right=30)), resting(replace(plan, max_wait=50.0))
    yield known(), speaking(plan)
    yield known(), answered(plan)
    yield known(), broken(replace(plan, media=Media.STREAM))
    yield known(), called_back(back)
    yield replace(known(), owed=(Owed(QUEUE, NOON, NOON),)), asking_again(back)
    yield replace(known(), caller=None), hidden(back)


def known(**more: QuizScore) -> CallerKnown:
    return CallerKnown(at=NOON, id="known", caller=CallerId("somebody"), profile=Profile(choice="music", **more))


def with_key(plan: HoldPlan, choice: Choice) -> HoldPlan:
    return replace(plan, menu=offered((*SHIPPED, choice), plan.items, tuple(plan.prompts)))


def quizzing(plan: HoldPlan) -> Iterator[Step]:
    """The score of the days before, what is switched on meanwhile, and out by a key."""
    yield "calls again another day", held, plan
    yield "presses 4: the quiz once more", key("4"), plan
    yield "presses 1: an answer, a wrong one", key("1"), plan
    yield "listens on; this walk has one question", ends, plan
    yield "presses 2 at once: the right one", key("2"), plan
    yield "listens on", ends, plan
    yield "presses 2 at once: the right one again", key("2"), plan
    yield "listens on", ends, plan
    yield "lets it pass", ends, plan
    yield "listens on", ends, plan
    yield "lets it pass", ends, plan
    yield "presses 5: quiet", key("5"), plan
    for prompt, meant in NOTICES.items():
        told = replace(plan, notice=Notice(prompt, PromptId(prompt)))
        yield f"waits on; somebody has switched on: {meant}", held, told
    yield "presses 0: the choices of this queue, which has a key to leave it by", key("0"), plan
    yield "presses 6: out of it", key("6"), plan
    yield "has left, and nothing is set for whoever leaves", left, plan


def resting(plan: HoldPlan) -> Iterator[Step]:
    """The score as far as it is told, and a wait that is nearly over."""
    yield "calls another day", held, plan
    yield "presses 4 at once: the quiz", key("4"), plan
    yield "presses 5: quiet", key("5"), plan
    yield "presses 4 at once: the quiz, and too little of the wait is left", key("4"), plan


def speaking(plan: HoldPlan) -> Iterator[Step]:
    yield "calls another day", held, plan
    yield "says something like podcast", nearly("podcast"), plan
    yield "says yes at once", surely("yes"), plan
    yield "presses 9: the next one", key("9"), plan
    yield "presses 9: the next one, and there is none", key("9"), plan


def answered(plan: HoldPlan) -> Iterator[Step]:
    yield "calls another day", held, plan
    yield "waits behind the twentieth", behind, plan
    yield "a minute later moves up to place 4, and the pace of the queue is known", moved, plan
    yield "a minute later waits on, and the queue has slowed down", slowed, plan
    yield "is answered by a person", lambda at, name: AgentAnswered(at=at, id=name), plan
    yield "is put on hold by that person", lambda at, name: CallHeld(at=at, id=name, began=at, mid_call=True), plan


def called_back(plan: HoldPlan) -> Iterator[Step]:
    yield "calls a queue that calls back", held, plan
    yield "presses 6 at once: to be called back", key("6"), plan
    yield "waits on", held, plan
    yield "presses 6: to be called back", key("6"), plan
    yield "presses 1 at once: that is meant", key("1"), plan


def asking_again(plan: HoldPlan) -> Iterator[Step]:
    yield "calls once more, before the call-back came", held, plan
    yield "presses 6: to be called back", key("6"), plan
    yield "presses 5 at once: rather not", key("5"), plan


def hidden(plan: HoldPlan) -> Iterator[Step]:
    yield "calls it with a hidden number", held, plan
    yield "presses 6: to be called back", key("6"), plan


def broken(plan: HoldPlan) -> Iterator[Step]:
    yield "calls a queue with live sound", lambda at, name: CallArrived(at=at, id=name), plan
    yield "hears it", lambda at, name: StreamOpened(at=at, id=name), plan
    yield "is cut off from the sound", lambda at, name: StreamClosed(at=at, id=name), plan
    yield "gets it back at once", lambda at, name: StreamOpened(at=at, id=name), plan


def key(digit: str) -> Make:
    return lambda at, name: DigitPressed(at=at, id=name, digit=digit)


def nearly(choice: str) -> Make:
    return lambda at, name: UtteranceHeard(at=at, id=name, choice=choice, score=0.5, near=True)


def surely(choice: str) -> Make:
    return lambda at, name: UtteranceHeard(at=at, id=name, choice=choice, score=0.9)


def held(at: datetime, name: str) -> CallEvent:
    return CallHeld(at=at, id=name, began=NOON)


def behind(at: datetime, name: str) -> CallEvent:
    return CallHeld(at=at, id=name, began=NOON, position=30)


def moved(at: datetime, name: str) -> CallEvent:
    return CallHeld(at=at, id=name, began=NOON, position=4)


def slowed(at: datetime, name: str) -> CallEvent:
    return moved(at, name)


def pace(at: datetime, make: Make) -> Movement | None:
    """Somebody has been answered every so often, and three who came before wait still."""
    if make not in EVERY:
        return None
    now, here, every = at.timestamp(), NOON.timestamp(), EVERY[make]
    ends = [now - every * number for number in reversed(range(20))]
    departed = tuple(Departed(end - 3 * every, end, Outcome.ANSWERED) for end in ends)
    return Movement(departed, (here - 30.0, here - 20.0, here - 10.0, here))


EVERY = {moved: 30.0, slowed: 170.0}  # seconds between two answers, where the pace is known


def ends(at: datetime, name: str) -> CallEvent:
    return ContentEnded(at=at, id=name)


def left(at: datetime, name: str) -> CallEvent:
    return LeftQueue(at=at, id=name, why=Departure.CHOICE)


def performed(plan: HoldPlan) -> Iterator[tuple[str, tuple[Instruction, ...]]]:
    """What the caller does, and the turn that follows."""
    for number, (who, steps) in enumerate(calls(plan)):
        now, session = NOON, decide(HoldSession(CALL, QUEUE), who, plan).session
        for place, (deed, make, offer) in enumerate(steps):
            now += gap(deed) if place else timedelta(0)
            there = replace(session, movement=pace(now, make))
            decision = decide(there, make(now, f"{number}.{place}"), offer)
            session = decision.session
            yield deed, decision.instructions


def gap(deed: str) -> timedelta:
    return timedelta(seconds=next((seconds for words, seconds in GAPS.items() if words in deed), APART))
