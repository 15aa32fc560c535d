"""What is remembered of a caller: the profile, folded from the facts of one call after the other."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from holdsvc.calls.facts import AnyFact, ContentChosen, ContentHeard, PreferenceSet, WaitAmended, WaitEnded
from holdsvc.calls.model import PastWait, Profile, Via
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
        case ContentHeard():
            return heard(profile, fact)
        case PreferenceSet(what="gain", value=value):
            return replace(profile, gain=value)
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
    latest = put(profile.latest, fact.kind.value, fact.content)
    latest = put(latest, f"{fact.kind}:{fact.shelf}", fact.content)
    return replace(profile, offsets=offsets, latest=latest)


def amended(profile: Profile, fact: WaitAmended) -> Profile:
    others = tuple(wait for wait in profile.waits if abs((wait.began - fact.began).total_seconds()) > 2)
    if fact.ended is None or fact.became is None:
        return replace(profile, waits=others)
    past = PastWait(fact.began, (fact.ended - fact.began).total_seconds(), fact.queue, fact.became)
    return replace(profile, waits=(*others, past)[-MOST_WAITS:])
