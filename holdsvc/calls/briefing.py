"""The context of a call, for the agent who takes it: who, since when, what was promised, heard and chosen, what was tried before.

For the agent's ear and screen only. A caller number alone proves nobody's identity, and the sentences say so where it matters.
"""

from __future__ import annotations

from datetime import datetime

from holdsvc.calls.memory import plays
from holdsvc.calls.model import Identity, Outcome
from holdsvc.calls.position import EXACT
from holdsvc.calls.promise import spoken
from holdsvc.calls.session import HoldSession

ENDINGS = {
    Outcome.ABANDONED: "gave up",
    Outcome.SHORT_ABANDONED: "gave up at once",
    Outcome.ANSWERED: "was answered",
    Outcome.LEFT_BY_CHOICE: "left the queue by choice",
    Outcome.CALLBACK_TAKEN: "took a call-back",
    Outcome.OVERFLOWED: "was moved on",
    Outcome.FAILED: "was lost to a fault",
}


def brief(session: HoldSession, now: datetime) -> tuple[str, ...]:
    return tuple(
        sentence
        for sentence in (
            who(session),
            waited(session, now),
            promised(session),
            wait_told(session, now),
            owed(session, now),
            tried(session),
            liked(session),
        )
        if sentence
    )


def who(session: HoldSession) -> str:
    contact, said = session.contact, verified(session)
    if contact is None:
        return said
    if contact.ambiguous:
        return " ".join(("Several records share this number.", said)).strip()
    parts = [contact.name, f"account {contact.account}" if contact.account else "", contact.segment, contact.note]
    told = ", ".join(part for part in parts if part)
    if session.identity is Identity.VERIFIED:
        return f"Verified: {told}." if told else "The caller was verified."
    return " ".join(part for part in (f"By the number: {told}." if told else "", said) if part)


def verified(session: HoldSession) -> str:
    """What the contact centre has verified, where that is not whom the number belongs to."""
    if session.told_level is not Identity.VERIFIED:
        return ""
    return f"Verified for account {session.told_account}." if session.told_account else "The caller was verified."


def waited(session: HoldSession, now: datetime) -> str:
    wait = session.history.wait
    if wait is None:
        return ""
    return f"Waited {spoken_duration(((wait.ended or now) - wait.began).total_seconds())}."


def promised(session: HoldSession) -> str:
    """What the caller counts on."""
    match session.promised:
        case None:
            return ""
        case 1:
            return "Was told to be next."
        case place if place <= EXACT:
            return f"Was told to be number {place}."
        case _:
            return f"Was told not to be among the first {EXACT}."


def wait_told(session: HoldSession, now: datetime) -> str:
    """How long it was to take, and took from then on."""
    wait = session.history.wait
    if not session.waits_told or wait is None:
        return ""
    first = session.waits_told[0]
    since = ((wait.ended or now) - first.at).total_seconds()
    longer = ", and then that it takes longer" if session.waits_told[-1].longer else ""
    return f"Was told {spoken(first.span)}{longer}; waited {spoken_duration(since)} from then on."


def owed(session: HoldSession, now: datetime) -> str:
    """A call-back that was promised in an earlier call."""
    if not session.owed:
        return ""
    ago = spoken_duration((now - session.owed[-1].asked).total_seconds())
    return f"Is owed a call-back, promised {ago} ago."


def tried(session: HoldSession) -> str:
    if not session.past:
        return ""
    last = session.past[-1]
    ending = ENDINGS.get(last.outcome, "ended unknown")
    times = "once" if len(session.past) == 1 else f"{len(session.past)} times"
    return f"Called {times} before; last time {ending} after {spoken_duration(last.seconds)}."


def liked(session: HoldSession) -> str:
    own = [chosen.what for chosen in session.choices if chosen.via in ("key", "voice")]
    picked = [what.replace(":", ", ") for what in own if plays(what)]
    return f"Chose {picked[-1].replace('_', ' ')}." if picked else ""


def spoken_duration(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    parts = [count(minutes, "minute") if minutes else "", count(rest, "second") if rest or not minutes else ""]
    return " ".join(part for part in parts if part)


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
