"""The words that stand in labels of metrics: each set is closed, and so small that a scrape of fifty queues keeps its bound.

What is folded together here stands apart in the wait log and its reports.
"""

from __future__ import annotations

from collections.abc import Iterator

from holdsvc.calls.menu import SHIPPED, Action
from holdsvc.calls.model import Outcome

OTHER = "other"  # what is none of a set's words: the bound holds although somebody forgot one
WAITING = "waiting"  # where an outcome is named: there is none yet

# Why webhooks and sockets are turned away, or answered with the default plan.
REASONS = frozenset(
    {
        # who sends is not whom the request claims, or nobody can tell
        "missing_signature", "bad_signature", "bad_body_hash", "no_secret", "unknown_algorithm", "no_webhooks",
        "token_unknown", "token_expired", "token_used", "token_of_another_platform", "another_call",
        "unknown_identity", "unsigned_identity",
        # what was sent has no meaning
        "unknown_step", "no_call", "bad_call", "unknown_queue", "too_large", "too_long", "bad_frame", "broken_frames",
        "bad_start", "bad_digit", "bad_sound", "unknown_kind", "unknown_sound", "no_sequence",
        # a stream that never begins, tells nothing or too much, or whose network takes nothing
        "no_start", "idle", "too_many_frames", "takes_nothing", "streams_full", "not_allowed",
        "too_many_unnamed",
        # it is of a wait that left the log by its age
        "wait_gone",
        # it is our own fault
        "late", "fault", "failed",
    }
)  # fmt: skip

# Whose length the rules, the alerts and the dashboards ask for. A histogram is 19 series for each of its labels.
MEASURED = frozenset({Outcome.ANSWERED, Outcome.ABANDONED, Outcome.SHORT_ABANDONED, Outcome.UNKNOWN})
ENDINGS = (*(one.value for one in Outcome if one in MEASURED), OTHER)

# The ends between which late news often tells: who was answered or gave up, and when.
OFTEN = frozenset({Outcome.ANSWERED.value, Outcome.ABANDONED.value, Outcome.SHORT_ABANDONED.value})

PLAYS = frozenset(one.id for one in SHIPPED if one.action is Action.PLAY)
CHOICES = frozenset(one.id for one in SHIPPED) | {Action.LEAVE.value}


def reason(word: str) -> str:
    return word if word in REASONS else OTHER


def measured(outcome: Outcome) -> str:
    return outcome.value if outcome in MEASURED else OTHER


def entry(choice: str) -> str:
    """A genre counts as music, a language as language: with fifty queues each name in a label is a hundred series."""
    name = choice.partition(":")[0]
    return name if name in CHOICES else OTHER


def chosen(choice: str) -> str:
    """The entry that a caller had chosen to hear."""
    name = entry(choice)
    return name if name in PLAYS else OTHER


def changes(was: str, became: str) -> Iterator[tuple[str, str]]:
    """How a change of a wait's end is counted: as it is, or, if it hardly ever happens, as taken back and then told anew.

    Either way ends as first told and these together are the log's. Each of the 81 in a label would be 4,000 series.
    """
    if WAITING in (was, became) or (became in OFTEN and was in OFTEN | {Outcome.UNKNOWN.value}):
        yield was, became
    else:
        yield was, WAITING
        yield WAITING, became
