"""When what a turn tells is to be heard: measured on the turn as it was made, so that nothing in front of it is forgotten.

A key may answer what was told last: a question of the quiz, the offer of another language. From when on it does, and until when,
hangs on all that is said before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls import controls, quiz, quizmaster
from holdsvc.calls.instructions import Instruction, Listen, Play, Say
from holdsvc.calls.plan import HoldPlan
from holdsvc.calls.session import HoldSession


class Stretch(Struct, frozen=True):
    """Something of a turn, in seconds from the turn's beginning."""

    what: Say | Play
    begins: float
    ends: float


def laid(session: HoldSession, turn: Sequence[Instruction], at: datetime, plan: HoldPlan) -> HoldSession:
    """The session after a turn that begins to be heard now. What leads away or only listens to nobody changes nothing."""
    if not any(isinstance(one, Listen) for one in turn):
        return session
    told = [one for one in stretches(turn, plan) if isinstance(one.what, Say)]
    session = replace(session, talks_until=moment(at, told[-1].ends) if told else None)
    return asked(offered(session, told, at, plan), told, at, plan)


def stretches(turn: Sequence[Instruction], plan: HoldPlan) -> Iterator[Stretch]:
    passed = 0.0
    for one in turn:
        if isinstance(one, Say | Play):
            until = passed + seconds(one, plan)
            yield Stretch(one, passed, until)
            passed = until


def seconds(one: Say | Play, plan: HoldPlan) -> float:
    if isinstance(one, Say):
        return plan.seconds_of(one.prompts, one.language)
    item = plan.item(one.content)
    until = one.until_second if one.until_second is not None else item.seconds if item else one.from_second
    return max(0.0, until - one.from_second)


def offered(session: HoldSession, told: Sequence[Stretch], at: datetime, plan: HoldPlan) -> HoldSession:
    """Where the turn tells the menu: in which time zero does not tell it again, but means another language.

    Told because it was asked for, zero at any moment of it means that it is not understood; else only the offers at its end.
    """
    language = plan.spoken(session.language)
    menu = plan.available(controls.menu_prompts(plan), language)
    place = next((place for place, one in enumerate(told) if menu and ends_with(one.what, menu)), None)
    if place is None:
        return session
    last = told[min(place + len(controls.offers(plan, language)), len(told) - 1)]
    begins = 0.0 if controls.tells_menu(session, plan) else told[place].ends
    return replace(session, offer=(moment(at, begins), moment(at, last.ends) + controls.STILL_TOLD))


def asked(session: HoldSession, told: Sequence[Stretch], at: datetime, plan: HoldPlan) -> HoldSession:
    """Where the turn begins a question of the quiz, or its answer: that is not heard before what is said in front of it."""
    if session.quiz.since != at or not quizmaster.playing(session, plan):
        return session
    shelf = quizmaster.shelf_of(session, plan)
    own = plan.available(quiz.prompts(session.quiz, shelf), shelf.language)
    begins = next((one.begins for one in told if own and ends_with(one.what, own)), 0.0)
    return replace(session, quiz=replace(session.quiz, since=moment(at, begins)))


def ends_with(what: Say | Play, prompts: tuple[str, ...]) -> bool:
    return isinstance(what, Say) and what.prompts[-len(prompts) :] == prompts


def moment(at: datetime, seconds: float) -> datetime:
    return at + timedelta(seconds=seconds)
