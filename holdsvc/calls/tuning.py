"""Which item a caller hears, and from where in it: tuning in to a shelf, going on, next, again, back.

Offsets move only by what was heard; here they are only set to the start, where an item is to be heard anew.
"""

from __future__ import annotations

from datetime import datetime
from sys import intern

from msgspec.structs import replace

from holdsvc.calls.airing import airs
from holdsvc.calls.menu import Choice
from holdsvc.calls.model import ORDERED, ContentItem, Kind
from holdsvc.calls.plan import HoldPlan, stands_on
from holdsvc.calls.rotation import Past, in_order, played, seed_of, shuffled
from holdsvc.calls.session import MOST_BACK, HoldSession, put

NEARLY_OVER = 1.0  # seconds before its end at which an item counts as heard
AT_ITS_START = 5.0  # seconds of an item in which "again" means the one before, as on any player


def tune_in(
    session: HoldSession, choice: Choice, plan: HoldPlan, at: datetime, *, opening: bool = False
) -> HoldSession:
    """Go to where this caller stopped on the choice's shelf, or to the next item if that one was over.

    `opening`: it is the first thing that the caller hears.
    """
    session = replace(session, choice=choice.id, before=(), ahead=())
    place = plan.item(content) if (content := session.place(choice.id)) else None
    if (
        place
        and stopped(session, place)
        and airs(place, at.astimezone(plan.fresh.zone))
        and told(place, session, choice, plan)
    ):
        return enter(session, place, plan)
    return enter(session, fresh(session, choice, plan, at, opening=opening), plan)


def go_on(session: HoldSession, plan: HoldPlan, at: datetime) -> HoldSession:
    """The item from where it stopped; when it has been heard to its end, the next one."""
    item = plan.item(session.now) if session.now else None
    if item is not None and not finished(session, item):
        return session
    if item is not None and item.kind is Kind.QUIET:
        return anew(session, item)
    return onward(session, item, plan, at)


def skip(session: HoldSession, item: ContentItem, plan: HoldPlan, at: datetime) -> HoldSession:
    """The next one instead of this, which counts as heard."""
    if item.kind is Kind.QUIET:
        return session
    session = replace(session, plays=played(session.plays, item.id, at))
    if item.kind not in ORDERED:
        session = anew(session, item)
    return onward(session, item, plan, at)


def next_chapter(session: HoldSession, item: ContentItem, lead: float) -> float | None:
    """Where the next chapter begins; None without one. Asked for at the start of a chapter, next means the next piece.

    `lead`: seconds that may be heard before that start, where a chapter was asked for and taken up earlier than it begins.
    """
    at = session.offset(item.id)
    begins = [chapter.begins for chapter in item.chapters if chapter.begins > 0]
    if any(-lead < at - one <= AT_ITS_START for one in begins):
        return None
    return next((one for one in begins if at < one < item.seconds - NEARLY_OVER), None)


def again(session: HoldSession, item: ContentItem) -> HoldSession:
    return replace(anew(session, item), rewind=0.0)


def at_its_start(session: HoldSession, item: ContentItem) -> bool:
    return session.offset(item.id) <= AT_ITS_START


def back(session: HoldSession, item: ContentItem, plan: HoldPlan) -> HoldSession | None:
    """To the start of the one before; None if there is none. What is left here comes next."""
    before = plan.item(session.before[-1]) if session.before else earlier(session, item, plan)
    if before is None:
        return None
    ahead = (*session.ahead, item.id)[-MOST_BACK:]
    session = replace(session, before=session.before[:-1], ahead=ahead)
    return again(enter(session, before, plan), before)


def finished(session: HoldSession, item: ContentItem) -> bool:
    return session.offset(item.id) >= item.seconds - NEARLY_OVER


def stopped(session: HoldSession, item: ContentItem) -> bool:
    """It was broken off, and can be taken up."""
    return 0 < session.offset(item.id) < item.seconds - NEARLY_OVER


# --- inside --------------------------------------------------------------------------------------------------------------


def onward(session: HoldSession, item: ContentItem | None, plan: HoldPlan, at: datetime) -> HoldSession:
    """To what the caller went back from, as far as it was not heard to its end; else to the next item of the shelf."""
    choice = plan.menu.by_id(session.choice)
    if item is not None:
        session = replace(session, before=(*session.before, item.id)[-MOST_BACK:])
    while session.ahead:
        *ahead, content = session.ahead
        session = replace(session, ahead=tuple(ahead))
        found = plan.item(content)
        if found is not None and (stopped(session, found) or all(content != heard for heard, _ in session.plays)):
            return enter(session, found, plan)
    found = fresh(session, choice, plan, at) if choice else None
    alone = found is not None and found == item and found.told_as  # what is one caller's own is not told twice in a row
    return enter(session, None if alone else found, plan)


def fresh(
    session: HoldSession, choice: Choice, plan: HoldPlan, at: datetime, *, opening: bool = False
) -> ContentItem | None:
    shelf = plan.shelf(choice)
    caller = session.caller or f"{session.ref.platform}/{session.ref.call}"
    past = Past(session.plays, seed_of(caller, choice.id), at, opening)
    if choice.kind not in ORDERED:
        return shuffled(shelf, past, plan.fresh)
    place = session.place(choice.id) if choice.kind is Kind.PODCAST else None
    return in_order(understood(shelf, plan.spoken(session.language), plan.language), past, plan.fresh, place)


def told(item: ContentItem, session: HoldSession, choice: Choice, plan: HoldPlan) -> bool:
    """It stands there, and is what this caller understands: the language may have changed since it was broken off."""
    if not stands_on(item, choice):
        return False
    return choice.kind not in ORDERED or item in understood(
        plan.shelf(choice), plan.spoken(session.language), plan.language
    )


def understood(shelf: tuple[ContentItem, ...], *languages: str) -> tuple[ContentItem, ...]:
    """What is told in the first of these languages in which there is something; everything, if there is in none."""
    for language in languages:
        base = language.partition("-")[0]
        if told := tuple(item for item in shelf if item.language.partition("-")[0] in (base, "zxx")):
            return told
    return shelf


def enter(session: HoldSession, item: ContentItem | None, plan: HoldPlan) -> HoldSession:
    """Make this the item that is heard: an episode from where it stopped, a little earlier; None: the house track."""
    if item is None:
        item = plan.item(plan.house)
        if item is None:
            return replace(session, now=plan.house, rewind=0.0)
        return replace(anew(session, item) if finished(session, item) else session, now=item.id, rewind=0.0)
    if not stopped(session, item) and session.offset(item.id):
        session = anew(session, item)
    places = session.places
    for shelf in (item.kind.value, intern(f"{item.kind}:{item.shelf}")):  # one text for all callers
        if (shelf, item.id) not in places:
            places = put(places, shelf, item.id)
    speech = item.kind in ORDERED and session.now != item.id
    return replace(session, now=item.id, places=places, rewind=plan.rewind if speech else 0.0)


def anew(session: HoldSession, item: ContentItem) -> HoldSession:
    return replace(session, offsets=put(session.offsets, item.id, 0.0)) if session.offset(item.id) else session


def earlier(session: HoldSession, item: ContentItem, plan: HoldPlan) -> ContentItem | None:
    """Of what has an order, the one before it on the shelf, though it was not heard in this call."""
    choice = plan.menu.by_id(session.choice)
    shelf = plan.shelf(choice) if choice and item.kind in ORDERED else ()
    shelf = understood(shelf, item.language)
    at = next((index for index, one in enumerate(shelf) if one.id == item.id), 0)
    return shelf[at - 1] if at else None
