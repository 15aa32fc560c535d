"""What callers set for themselves, at any moment, and what we remember of it: loudness, how much we say, and in which language."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from holdsvc.calls.events import CallEvent
from holdsvc.calls.facts import AnyFact, PreferenceSet
from holdsvc.calls.instructions import Say
from holdsvc.calls.menu import Action, Choice
from holdsvc.calls.model import TALKS, Kind, PromptId, Talk
from holdsvc.calls.plan import HoldPlan
from holdsvc.calls.session import HoldSession

GAIN_STEP, LEAST_GAIN, MOST_GAIN = 6.0, -12.0, 6.0  # decibels
ANSWERED = {Talk.FULL: "more_talk", Talk.WHEN_MOVED: "less_talk", Talk.NONE: "no_talk"}
STILL_TOLD = timedelta(seconds=3)  # behind the menu, in which zero is still an answer to it
LATELY = timedelta(seconds=1.5)  # into an offer, in which a key still answers the one before it
A_MINUTE = timedelta(minutes=1)

# What is only confirmed by words. The answer itself is the sound, so the words may be left out.
CONFIRMED = frozenset(
    {Action.PLAY, Action.NEXT, Action.EPISODE, Action.REPEAT, Action.BACK, Action.LOUDER, Action.SOFTER}
)

Changed = tuple[HoldSession, tuple[AnyFact, ...]]


def say(session: HoldSession, *prompts: str) -> HoldSession:
    return replace(session, saying=tuple(PromptId(prompt) for prompt in prompts))


def louder(session: HoldSession, event: CallEvent) -> Changed:
    return adjust(session, event, GAIN_STEP, "louder", "loudest")


def softer(session: HoldSession, event: CallEvent) -> Changed:
    return adjust(session, event, -GAIN_STEP, "softer", "softest")


def adjust(session: HoldSession, event: CallEvent, step: float, done: str, at_its_end: str) -> Changed:
    gain = min(MOST_GAIN, max(LEAST_GAIN, session.gain + step))
    if gain == session.gain:
        return say(session, at_its_end), ()
    return say(replace(session, gain=gain), done), (PreferenceSet(at=event.at, what="gain", value=gain),)


def less_talk(session: HoldSession, event: CallEvent) -> Changed:
    """One step less; after nothing, everything again."""
    step = (TALKS.index(session.talk) + 1) % len(TALKS)
    talk = TALKS[step]
    return say(replace(session, talk=talk), ANSWERED[talk]), (
        PreferenceSet(at=event.at, what="talk", value=float(step)),
    )


def menu(session: HoldSession, event: CallEvent, plan: HoldPlan) -> Changed:
    """The choices; while they are told, the same key means that they are not understood: in the next language."""
    if session.offer is not None and session.offer[0] <= event.at <= session.offer[1] and len(plan.languages) > 1:
        session, facts = speak(session, event, answered(session.offer[1], session, event, plan))
        return told(session, event, plan, "language_set"), facts
    return told(session, event, plan), ()


def language(session: HoldSession, choice: Choice, event: CallEvent, plan: HoldPlan) -> Changed:
    wish = choice.id.partition(":")[2] or next_language(session, plan)
    session, facts = speak(session, event, wish)
    return say(session, "language_set"), facts


def speak(session: HoldSession, event: CallEvent, language: str) -> Changed:
    session = replace(session, language=language, guessed=False)
    return session, (PreferenceSet(at=event.at, what="language", value=0.0, word=language),)


def next_language(session: HoldSession, plan: HoldPlan) -> str:
    known = plan.languages
    if not known:
        return plan.language
    return known[(known.index(plan.spoken(session.language)) + 1) % len(known)]


def told(session: HoldSession, event: CallEvent, plan: HoldPlan, *first: str) -> HoldSession:
    """Tell the menu in this turn."""
    session = say(session, *first, *menu_prompts(plan))
    language = plan.spoken(session.language)
    seconds = plan.seconds_of(plan.available(session.saying, language), language)
    return replace(session, offer=(event.at, event.at + timedelta(seconds=seconds) + offered_for(plan, language)))


def due(session: HoldSession, event: CallEvent, plan: HoldPlan) -> HoldSession:
    """Tell the menu of our own accord, after a first stretch of content. Zero answers the languages offered at its end."""
    language = plan.spoken(session.language)
    before = plan.menu_after + plan.seconds_of(plan.available(menu_prompts(plan), language), language)
    begins = event.at + timedelta(seconds=before)
    return replace(session, menu_due=True, told_menu=True, offer=(begins, begins + offered_for(plan, language)))


def offers(plan: HoldPlan, language: str) -> tuple[Say, ...]:
    """To those who did not understand the menu: how to have it in theirs, each in its own words."""
    others = (one for one in plan.languages if one != language)
    return tuple(Say(prompts, one) for one in others if (prompts := plan.available(("language_offer",), one)))


def answered(until: datetime, session: HoldSession, event: CallEvent, plan: HoldPlan) -> str:
    """The language whose offer zero answers, of those that end shortly before `until`; before the first of them, the next one."""
    language = plan.spoken(session.language)
    begins, wish = until - offered_for(plan, language), next_language(session, plan)
    for offer in offers(plan, language):
        if event.at < begins + LATELY:
            break
        wish = offer.language
        begins += timedelta(seconds=plan.seconds_of(offer.prompts, offer.language))
    return wish


def offered_for(plan: HoldPlan, language: str) -> timedelta:
    seconds = sum(plan.seconds_of(offer.prompts, offer.language) for offer in offers(plan, language))
    return timedelta(seconds=seconds) + STILL_TOLD


def tells_menu(session: HoldSession, plan: HoldPlan) -> bool:
    """The present turn begins with the menu."""
    menu = menu_prompts(plan)
    return session.saying[-len(menu) :] == menu


def menu_prompts(plan: HoldPlan) -> tuple[PromptId, ...]:
    choices = [
        f"choice_{choice.id}" for choice in plan.menu.choices if choice.digit and choice.action is not Action.NEXT
    ]
    return tuple(PromptId(prompt) for prompt in (*choices, "or_say", "controls"))


def measured(session: HoldSession, choice: Choice | None, at: datetime, plan: HoldPlan) -> HoldSession:
    """Keep to how much the caller wants to hear of us, and to how much the queue allows."""
    if choice is not None and (choice.action not in CONFIRMED or choice.kind is Kind.QUIZ):
        return session  # asked for in so many words
    if not session.saying:
        return session
    if session.talk is Talk.NONE or not may_speak(session, at, plan):
        return replace(session, saying=())
    return spoken(session, at, plan)


def may_speak(session: HoldSession, at: datetime, plan: HoldPlan) -> bool:
    return sum(moment > at - A_MINUTE for moment in session.spoke) < plan.prompts_per_minute


def spoken(session: HoldSession, at: datetime, plan: HoldPlan) -> HoldSession:
    most = max(1, plan.prompts_per_minute)
    return replace(session, spoke=(*session.spoke, at)[-most:])
