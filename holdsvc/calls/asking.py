"""What a word means at this moment. One that was only nearly understood is asked about, once: "did you say jazz?"

"Yes", key 1 or the same word again does it; "no", anything else and silence do not. It never nags: behind a no or silence nothing
is asked for a while, who wants no talk is not asked, and what no recording asks about is not either. "No" shortly after a word
was obeyed takes that back; "no" at any other time, and "stop" always, mean quiet.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls import naming, quizmaster
from holdsvc.calls.controls import may_speak
from holdsvc.calls.events import CallEvent, DigitPressed, UtteranceHeard
from holdsvc.calls.facts import AnyFact, PreferenceSet
from holdsvc.calls.menu import CONFIRM_CALLBACK, Action, Choice, Menu
from holdsvc.calls.model import TALKS, EventId, Kind, PromptId, Talk, Via
from holdsvc.calls.plan import HoldPlan
from holdsvc.calls.session import Asked, Before, HoldSession, put

ANSWER_WITHIN = timedelta(seconds=8)  # behind the question; a platform's own recogniser takes some of it
REST = timedelta(seconds=20)  # behind a no or silence, in which nothing is asked
TAKEN_BACK = timedelta(seconds=8)  # behind what was done on a word, in which "no" is about that
YES_KEY = "1"
SAY_YES = PromptId("say_yes")

YES: Mapping[str, tuple[str, ...]] = {
    "en": ("yes", "yes please", "yeah", "yep", "right", "correct"),
    "es": ("sí", "sí por favor", "eso es", "correcto"),
    "zh": ("是", "是的", "对", "对的"),
    "ru": ("да", "да пожалуйста", "верно", "правильно"),
}
NO: Mapping[str, tuple[str, ...]] = {
    "en": ("no", "nope", "no thanks", "not that"),
    "es": ("no", "no gracias", "eso no"),
    "zh": ("不", "不是", "不对", "不要"),
    "ru": ("нет", "нет спасибо", "не то"),
}


class Wish(Struct, frozen=True):
    """What is to be done: `choice`, or where it is settled what is to be said before the content goes on."""

    session: HoldSession
    choice: Choice | None = None
    via: Via = Via.KEY
    settled: bool = False
    says: tuple[PromptId, ...] = ()


# --- what may be said ----------------------------------------------------------------------------------------------------------


def menu(session: HoldSession, plan: HoldPlan, at: datetime) -> Menu:
    """All that a word may mean: the menu first, then what stands on the shelves, yes to an open question, and no."""
    own = quizmaster.menu(session, plan)
    language = plan.spoken(session.language).partition("-")[0]
    about = open_question(session, at)
    answers = (Choice("yes", Action.YES, words=YES.get(language, ())),) if about else ()
    answers = (*answers, CONFIRM_CALLBACK) if about == CONFIRM_CALLBACK.id else answers
    no = Choice("no", Action.NO, words=NO.get(language, ()))
    return Menu((*own.choices, *answers, no, *naming.choices(session, plan)))


def offered(session: HoldSession, plan: HoldPlan) -> Menu:
    """What a platform that recognises speech itself is to listen for."""
    if session.asked is None or not session.asked.choice or session.latest is None:
        return plan.menu
    answers = [one for one in menu(session, plan, session.latest).choices if one.action in (Action.YES, Action.NO)]
    return Menu((*answers, *plan.menu.choices))


def open_question(session: HoldSession, at: datetime) -> str:
    """The entry that we asked about and wait for an answer to; "" for none."""
    asked = session.asked
    return asked.choice if asked is not None and at <= asked.until else ""


# --- what it means -------------------------------------------------------------------------------------------------------------


def read(session: HoldSession, event: DigitPressed | UtteranceHeard, plan: HoldPlan) -> Wish:
    known = menu(session, plan, event.at)
    via = Via.KEY if isinstance(event, DigitPressed) else Via.VOICE
    choice = known.by_digit(event.digit) if isinstance(event, DigitPressed) else known.by_id(event.choice)
    if about := known.by_id(open_question(session, event.at)):
        return answered(session, event, choice, about, via)
    if isinstance(event, UtteranceHeard) and event.near:
        return nearly(session, event, choice, plan)
    if isinstance(event, UtteranceHeard) and event.choice.startswith(naming.ITEM):
        there = choice is not None and naming.wanted(choice, plan, event.at) is not None
        return Wish(session, choice if there else None, via, settled=not there)
    if choice is not None and choice.action is Action.NO:
        taken = session.before_word is not None and event.at <= session.before_word.until
        return Wish(session, choice if taken else quiet(known), via, settled=not taken and quiet(known) is None)
    return Wish(session, choice, via)


def quiet(known: Menu) -> Choice | None:
    return next((choice for choice in known.choices if choice.kind is Kind.QUIET), None)


def answered(
    session: HoldSession, event: DigitPressed | UtteranceHeard, choice: Choice | None, about: Choice, via: Via
) -> Wish:
    """The question is settled, whatever came; a clear wish for something else is obeyed as ever."""
    yes = event.digit == YES_KEY if isinstance(event, DigitPressed) else choice is not None and confirms(choice, about)
    if about.action is Action.CONFIRM:
        return confirmed(session, event, about, choice, yes=yes)
    if yes:
        return Wish(closed(session, event, event.at), about, Via.VOICE)
    session = closed(session, event, event.at + REST)
    near = isinstance(event, UtteranceHeard) and event.near
    refused = choice is None or choice.action is Action.NO
    if isinstance(event, UtteranceHeard) and (near or refused):
        return Wish(session, settled=True)
    return Wish(session, choice, via)


def confirmed(
    session: HoldSession, event: DigitPressed | UtteranceHeard, about: Choice, choice: Choice | None, *, yes: bool
) -> Wish:
    """The call is at stake: what was only nearly heard is no yes, and a key is no wish for something else."""
    session, via = closed(session, event, event.at), Via.KEY if isinstance(event, DigitPressed) else Via.VOICE
    if isinstance(event, UtteranceHeard) and event.near:
        return Wish(session, settled=True)
    if yes:
        return Wish(session, about, via)
    refused = choice is None or choice.action in (Action.NO, Action.CALLBACK)
    settled = isinstance(event, DigitPressed) or refused
    return Wish(session, None if settled else choice, via, settled=settled)


def confirms(choice: Choice, about: Choice) -> bool:
    return choice.action is Action.YES or choice.id == about.id


def closed(session: HoldSession, event: CallEvent, rests: datetime) -> HoldSession:
    return replace(session, asked=Asked("", event.id, event.at, rests))


def nearly(session: HoldSession, event: UtteranceHeard, choice: Choice | None, plan: HoldPlan) -> Wish:
    """Ask, if that may be asked now. If not, a stream goes on as if nothing was said; a document says that we did not get it."""
    says = question(session, choice, event, plan) if choice is not None else ()
    if choice is None or not says:
        return Wish(session, via=Via.VOICE, settled=session.streaming)
    until = event.at + timedelta(seconds=plan.seconds_of(says, plan.spoken(session.language))) + ANSWER_WITHIN
    return Wish(replace(session, asked=Asked(choice.id, event.id, until, until + REST)), settled=True, says=says)


def question(session: HoldSession, choice: Choice, event: UtteranceHeard, plan: HoldPlan) -> tuple[PromptId, ...]:
    """The prompts that ask about it; none where it is not to be asked about."""
    rests = session.asked is not None and event.at < session.asked.rests
    if rests or session.talk is Talk.NONE or not may_speak(session, event.at, plan):
        return ()
    language = plan.spoken(session.language)
    asks = plan.available((f"did_you_say_{choice.id.replace(':', '_').replace('-', '_')}",), language)
    return (*asks, *plan.available((SAY_YES,), language)) if asks else ()


def concerns(session: HoldSession, event: EventId) -> bool:
    """It was asked about, or answered a question."""
    return session.asked is not None and session.asked.event == event


# --- taking back -----------------------------------------------------------------------------------------------------------------


def remembered(session: HoldSession, was: HoldSession, at: datetime) -> HoldSession:
    """`was` is how it was before a word was obeyed."""
    before = Before(
        at + TAKEN_BACK,
        was.choice,
        was.now,
        was.offset(was.now) if was.now else 0.0,
        was.gain,
        was.talk,
        was.language,
        was.guessed,
    )
    return replace(session, before_word=before)


def take_back(session: HoldSession, event: CallEvent) -> tuple[HoldSession, tuple[AnyFact, ...]]:
    """As it was before the last word was obeyed; nothing is said, for what is heard tells it."""
    was = session.before_word
    if was is None:
        return session, ()
    facts = tuple(preferences(session, was, event.at))
    session = quizmaster.put_aside(session)
    if was.now is not None and session.offset(was.now) != was.offset:
        session = replace(session, offsets=put(session.offsets, was.now, was.offset))
    session = replace(
        session,
        before_word=None,
        choice=was.choice,
        now=was.now,
        rewind=0.0,
        gain=was.gain,
        talk=was.talk,
        language=was.language,
        guessed=was.guessed,
    )
    return session, facts


def preferences(session: HoldSession, was: Before, at: datetime) -> list[AnyFact]:
    facts: list[AnyFact] = []
    if session.gain != was.gain:
        facts.append(PreferenceSet(at=at, what="gain", value=was.gain))
    if session.talk is not was.talk:
        facts.append(PreferenceSet(at=at, what="talk", value=float(TALKS.index(was.talk))))
    if session.language != was.language:
        facts.append(PreferenceSet(at=at, what="language", value=0.0, word=was.language))
    return facts
