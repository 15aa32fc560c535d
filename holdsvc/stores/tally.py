"""Sums over the whole log, counted fact by fact, so that they never need to be counted anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from holdsvc.calls.facts import AnyFact, CallbackOffered, ContentChosen, ContentHeard, WaitAmended, WaitBegan, WaitEnded
from holdsvc.calls.model import Outcome
from holdsvc.calls.promise import Came
from holdsvc.ports import Totals

Key = tuple[str, str, str, str]  # name of the sum, and up to three labels
Change = tuple[Key, float]

WAITING = "waiting"  # stands where an outcome would: `became` of an amendment that found the caller waiting still


def changes(platform: str, facts: Sequence[AnyFact]) -> list[Change]:
    """What these facts add to the sums."""
    told: list[Change] = [(("facts", "", "", ""), float(len(facts)))] if facts else []
    for fact in facts:
        rule = RULES.get(type(fact))
        if rule is not None:
            told.extend(rule(platform, fact))
    return told


def began(platform: str, fact: WaitBegan) -> tuple[Change, ...]:
    return ((("offered", "", "", ""), 1.0), (("waiting", "", "", ""), 1.0))


def ended(platform: str, fact: WaitEnded) -> tuple[Change, ...]:
    return (
        *came("came", fact.queue, fact.came, 1.0),
        *came("came_now", fact.queue, fact.came, 1.0),
        (("waiting", "", "", ""), -1.0),
        (("outcome", platform, fact.queue, fact.outcome.value), 1.0),
        (("ended", platform, fact.queue, fact.outcome.value), 1.0),
    )


def amended(platform: str, fact: WaitAmended) -> tuple[Change, ...]:
    was, became = word(fact.was), word(fact.became)
    return (
        *came("came_now", fact.queue, fact.came_was, -1.0),
        *came("came_now", fact.queue, fact.came, 1.0),
        (("amended", fact.queue, was, became), 1.0),
        (stands(platform, fact.queue, was), -1.0),
        (stands(platform, fact.queue, became), 1.0),
    )


def came(name: str, queue: str, when: Came | None, by: float) -> tuple[Change, ...]:
    return (((name, queue, when.value, ""), by),) if when is not None else ()


def chosen(platform: str, fact: ContentChosen) -> tuple[Change, ...]:
    return ((("choice", fact.queue, fact.choice, fact.via.value), 1.0),)


def heard(platform: str, fact: ContentHeard) -> tuple[Change, ...]:
    return ((("content", fact.queue, fact.kind.value, ""), fact.until_second - fact.from_second),)


def offered(platform: str, fact: CallbackOffered) -> tuple[Change, ...]:
    return ((("callback", fact.queue, "offered", ""), 1.0),)


# Any: each rule takes its own kind of fact, which the key beside it vouches for
RULES: Mapping[type, Callable[[str, Any], tuple[Change, ...]]] = {
    WaitBegan: began,
    WaitEnded: ended,
    WaitAmended: amended,
    ContentChosen: chosen,
    ContentHeard: heard,
    CallbackOffered: offered,
}


def word(outcome: Outcome | None) -> str:
    return WAITING if outcome is None else outcome.value


def stands(platform: str, queue: str, outcome: str) -> Key:
    return ("waiting", "", "", "") if outcome == WAITING else ("outcome", platform, queue, outcome)


def add(sums: dict[Key, float], told: Iterable[Change]) -> None:
    for key, value in told:
        sums[key] = sums.get(key, 0.0) + value


def totals(sums: Mapping[Key, float]) -> Totals:
    def named(name: str) -> list[tuple[Key, float]]:
        return [(key, value) for key, value in sums.items() if key[0] == name and value]

    return Totals(
        offered=int(sums.get(("offered", "", "", ""), 0)),
        waiting=int(sums.get(("waiting", "", "", ""), 0)),
        outcomes={key[1:]: int(value) for key, value in named("outcome")},
        ended={key[1:]: int(value) for key, value in named("ended")},
        amendments={key[1:]: int(value) for key, value in named("amended")},
        choices={key[1:]: int(value) for key, value in named("choice")},
        came={key[1:3]: int(value) for key, value in named("came")},
        came_now={key[1:3]: int(value) for key, value in named("came_now")},
        content_seconds={key[1:3]: value for key, value in named("content")},
        callbacks={key[1:3]: int(value) for key, value in named("callback")},
    )
