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
TOLD_KEYS = (
    "next",
    "repeat",
    "louder",
    "softer",
    "less_talk",
    "menu",
)  # entries whose keys the menu tells of, in this order
KEYS = {"*": "star", "#": "pound"}  # in the names of prompts
STILL_TOLD = timedelta(seconds=3)  # behind the menu, in which zero is still an answer to it
LATELY = timedelta(seconds=1.5)  # into an offer, in which a key still answers the one before it
A_MINUTE = timedelta(minutes=1)

# What is only confirmed by words. The answer itself is the sound, so the words may be left out.
CONFIRMED = frozenset(
    {Action.PLAY, Action.NEXT, Action.EPISODE, Action.REPEAT, Action.BACK, Action.LOUDER, Action.SOFTER}
)

CHOSEN = frozenset({Action.PLAY, Action.LEAVE})  # what the menu tells of as choices

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
    offered = offers(plan, plan.spoken(session.language))
    if offered and session.offer is not None and session.offer[0] <= event.at <= session.offer[1]:
        session, facts = speak(session, event, answered(session.offer[1], session, event, plan))
        return told(session, plan, "language_set"), facts
    return told(session, plan), ()


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


def told(session: HoldSession, plan: HoldPlan, *first: str) -> HoldSession:
    """Tell the menu in this turn."""
    return say(session, *first, *menu_prompts(plan))


def due(session: HoldSession) -> HoldSession:
    """Tell the menu of our own accord, after a first stretch of content."""
    return replace(session, menu_due=True, told_menu=True)


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
    return bool(menu) and session.saying[-len(menu) :] == menu


def menu_prompts(plan: HoldPlan) -> tuple[PromptId, ...]:
    """The choices, each with its key, then what the other keys do; of those the plan has the prompts whose keys are there."""
    choices = [choice_prompt(choice) for choice in plan.menu.choices if choice.digit and choice.action in CHOSEN]
    choices += ["or_say"] if choices else []
    return tuple(PromptId(prompt) for prompt in (*choices, *(f"control_{name}" for name in TOLD_KEYS)))


def choice_prompt(choice: Choice) -> str:
    """The key to leave by is the queue's own, so that it stands in the name."""
    if choice.action is Action.LEAVE:
        return f"choice_leave_{KEYS.get(choice.digit, choice.digit)}"
    return f"choice_{choice.id}"


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
