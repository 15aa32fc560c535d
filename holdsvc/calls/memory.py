"""What is remembered of a caller: the profile, folded from the facts of one call after the other."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from holdsvc.calls.facts import (
    AnyFact,
    ContentChosen,
    ContentHeard,
    ContentSkipped,
    PreferenceSet,
    QuizAnswered,
    WaitAmended,
    WaitEnded,
)
from holdsvc.calls.model import ONE_CALLS_OWN, ORDERED, TALKS, Kind, PastWait, Profile, Via
from holdsvc.calls.quiz import Answered, scored
from holdsvc.calls.rotation import played
from holdsvc.calls.session import put

MOST_WAITS = 20
MOST_OFFSETS = 200


def remember(profile: Profile, facts: Iterable[AnyFact]) -> Profile:
    for fact in facts:
        profile = with_fact(profile, fact)
    return profile


def with_fact(profile: Profile, fact: AnyFact) -> Profile:
    match fact:
        case ContentChosen(choice=choice, via=Via.KEY | Via.VOICE) if plays(choice):
            return replace(profile, choice=choice)
        case ContentHeard(content=content) | ContentSkipped(content=content) if content.startswith(ONE_CALLS_OWN):
            return profile  # it was of that call alone
        case ContentHeard():
            return heard(profile, fact)
        case ContentSkipped():
            return skipped(profile, fact)
        case QuizAnswered():
            came = Answered(fact.question, fact.result, fact.key, fact.late)
            return replace(profile, quiz=scored(profile.quiz, came, fact.at))
        case PreferenceSet(what="gain", value=value):
            return replace(profile, gain=value)
        case PreferenceSet(what="talk", value=value):
            return replace(profile, talk=TALKS[int(value) % len(TALKS)])
        case PreferenceSet(what="language", word=word):
            return replace(profile, language=word)
        case WaitEnded():
            past = PastWait(fact.began, fact.seconds, fact.queue, fact.outcome)
            return replace(profile, waits=(*profile.waits, past)[-MOST_WAITS:])
        case WaitAmended():
            return amended(profile, fact)
        case _:
            return profile


def plays(choice: str) -> bool:
    return choice.partition(":")[0] in ("music", "podcast", "daily", "quiz", "quiet")


def heard(profile: Profile, fact: ContentHeard) -> Profile:
    offsets = put(profile.offsets, fact.content, fact.until_second)[-MOST_OFFSETS:]
    latest = profile.latest
    for shelf in (fact.kind.value, f"{fact.kind}:{fact.shelf}"):
        if (shelf, fact.content) not in latest:
            latest = put(latest, shelf, fact.content)
    plays = profile.plays if fact.kind is Kind.QUIET else played(profile.plays, fact.content, fact.at)
    return replace(profile, offsets=offsets, latest=latest, plays=plays)


def skipped(profile: Profile, fact: ContentSkipped) -> Profile:
    """An episode keeps the place where it stopped; of a piece of music that is not wanted there is nothing to go on with."""
    profile = replace(profile, plays=played(profile.plays, fact.content, fact.at))
    if fact.kind in ORDERED:
        return profile
    return replace(profile, offsets=put(profile.offsets, fact.content, 0.0)[-MOST_OFFSETS:])


def amended(profile: Profile, fact: WaitAmended) -> Profile:
    others = tuple(wait for wait in profile.waits if abs((wait.began - fact.began).total_seconds()) > 2)
    if fact.ended is None or fact.became is None:
        return replace(profile, waits=others)
    past = PastWait(fact.began, (fact.ended - fact.began).total_seconds(), fact.queue, fact.became)
    return replace(profile, waits=(*others, past)[-MOST_WAITS:])
