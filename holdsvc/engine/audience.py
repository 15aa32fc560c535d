"""Who hears a word from the floor, and when: counted over the calls that wait at this moment, never guessed from a setting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from math import ceil

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.notices import heard as was_told
from holdsvc.calls.notices import listens, reaches
from holdsvc.calls.plan import HoldPlan
from holdsvc.calls.session import HoldSession

JOINT = 2.0  # seconds from the end of a document's sound to the next document's; platforms take one or two


class Audience(Struct, frozen=True):
    """Callers who wait now. `within`: seconds after which the last of `later` hears it, if no one else is quicker."""

    told: int = 0  # of those who wait; others were told and have gone since
    at_once: int = 0  # on live streams, not told yet
    later: int = 0  # in documents: what they hear is played to its end first
    within: int = 0
    left_out: int = 0  # want to hear nothing of us, or speak a language in which it is not recorded


def audiences(
    sessions: Iterable[HoldSession], plan_of: Callable[[HoldSession], HoldPlan], now: datetime
) -> Mapping[str, Audience]:
    """By the id of the notice that holds for them."""
    found: dict[str, Audience] = {}
    for session in sessions:
        plan = plan_of(session)
        if plan.notice is not None:
            found[plan.notice.id] = with_one(found.get(plan.notice.id, Audience()), session, plan, now)
    return found


def waiting(sessions: Iterable[HoldSession], now: datetime) -> Mapping[str, Audience]:
    """By queue, who would hear a word that was put up now, were it there in every language."""
    found: dict[str, Audience] = {}
    for session in sessions:
        before = found.get(session.queue, Audience())
        found[session.queue] = reached(before, session, now) if listens(session) else left_out(before)
    return found


def with_one(audience: Audience, session: HoldSession, plan: HoldPlan, now: datetime) -> Audience:
    if plan.notice is not None and was_told(session, plan.notice.id):
        return replace(audience, told=audience.told + 1)
    return reached(audience, session, now) if reaches(session, plan) else left_out(audience)


def left_out(audience: Audience) -> Audience:
    return replace(audience, left_out=audience.left_out + 1)


def reached(audience: Audience, session: HoldSession, now: datetime) -> Audience:
    if session.streaming:
        return replace(audience, at_once=audience.at_once + 1)
    return replace(audience, later=audience.later + 1, within=max(audience.within, ceil(rest(session, now))))


def rest(session: HoldSession, now: datetime) -> float:
    """Seconds until the next document, as far as the present one tells."""
    if session.sent is None:
        return JOINT
    return max(JOINT, session.sent.seconds - (now - session.sent.at).total_seconds() + JOINT)
