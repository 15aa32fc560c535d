"""Callers over weeks, pure: lines that play what the core says, on two platforms, and an ear that knows what was really heard.

One line fetches documents and tells nothing of what it played; the other is a stream and tells it exactly. Both serve the same
caller, whose profile is kept between the calls as a store keeps it. The ear is the judge: it never asks the core what was heard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from holdsvc.calls.decide import decide
from holdsvc.calls.events import (
    CallArrived,
    CallerHungUp,
    CallerKnown,
    CallEvent,
    CallHeld,
    ContentEnded,
    DigitPressed,
    Heard,
    HeardUntil,
    StreamClosed,
    StreamOpened,
    UtteranceHeard,
)
from holdsvc.calls.heard import heard_of
from holdsvc.calls.instructions import Play, Say
from holdsvc.calls.memory import remember
from holdsvc.calls.model import CallerId, CallId, CallRef, ContentId, ContentItem, EventId, Kind, Profile, QueueName
from holdsvc.calls.plan import HoldPlan
from holdsvc.calls.session import HoldSession

QUEUE = QueueName("support")
GRID = 10.0  # seconds: documents begin on it
CHECKPOINT = 10.0  # seconds between two words of a stream on what was heard
AN_HOUR = 3600.0  # for which hearing the same item is one play: how exactly its moment is known
SPOKEN = (Kind.PODCAST, Kind.DAILY)
STAYS = "078#x"  # keys that leave the item where it is
numbers = count()


@dataclass
class Stretch:
    """What an ear heard without a break."""

    item: ContentItem
    begin: float
    end: float
    at: datetime
    choice: str
    plan: HoldPlan
    live: bool
    wish: bool  # the caller asked to hear it from its start
    opening: bool  # the first sound of a call
    left: bool = False  # the caller wanted the next one


@dataclass
class Person:
    name: str
    plan: Callable[[datetime, bool], HoldPlan]  # at a moment, for a stream or not
    profile: Profile = field(default_factory=Profile)
    ear: list[Stretch] = field(default_factory=list)
    planned: list[tuple[datetime, ContentItem]] = field(default_factory=list)
    skipped: list[tuple[ContentId, datetime]] = field(
        default_factory=list
    )  # not wanted, perhaps before a second of it was heard


class Line:
    """A call from its beginning on. Time passes by `wait`; the caller acts by `press`, `say` and `hang_up`."""

    def __init__(self, person: Person, at: datetime, *, live: bool) -> None:
        self.person, self.now, self.live = person, at, live
        self.session = HoldSession(CallRef("wire" if live else "papers", CallId(f"call-{next(numbers)}")), QUEUE)
        self.facts: list = []
        self.rest: list[tuple[ContentItem | None, float, float]] = []  # what is still to be played: item, from, until
        self.untold: tuple[ContentId, float, float] | None = None  # on a stream: what was heard and not told yet
        self.opening, self.wish = True, False
        self.checkpoint = at + timedelta(seconds=CHECKPOINT)
        self._tell(CallerKnown, caller=CallerId(person.name), profile=person.profile)
        if live:
            self._tell(CallArrived)
            self._tell(StreamOpened)
        else:
            self._tell(CallHeld, began=at)

    # --- what the caller does ----------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        until = self.now + timedelta(seconds=seconds)
        while (left := (until - self.now).total_seconds()) > 1e-6:
            if not self.rest:
                self._ended()
            elif self.live and self.now >= self.checkpoint:
                self.checkpoint = self.now + timedelta(seconds=CHECKPOINT)
                if heard := self._heard():
                    self._tell(Heard, heard=heard)
            else:
                self._hear(min(left, (self.checkpoint - self.now).total_seconds()) if self.live else left)

    def press(self, digit: str) -> None:
        if digit == "9":
            self._skips()
        self.wish = digit == "*" or (self.wish and digit in STAYS)
        self._tell(DigitPressed, digit=digit, heard=self._heard())

    def say(self, choice: str) -> None:
        self.wish = choice == "back"
        if choice == "next":
            self._skips()
        self._tell(UtteranceHeard, choice=choice, score=0.9, heard=self._heard())

    def _skips(self) -> None:
        ear, content = self.person.ear, self.session.now
        if content is not None:
            self.person.skipped.append((content, self.now))
        if ear:
            ear[-1].left |= ear[-1].item.id == content

    def hang_up(self) -> None:
        if self.live:
            self._tell(StreamClosed, by_caller=True, heard=self._heard())
        else:
            self._tell(CallerHungUp, heard=self._heard())
        self.person.profile = remember(self.person.profile, self.facts)

    # --- the platform ------------------------------------------------------------------------------------------------

    def _tell(self, kind: type[CallEvent], **more: object) -> None:
        event = kind(at=self.now, id=EventId(f"e{next(numbers)}"), **more)
        plan = self.person.plan(self.now, self.live)
        decision = decide(self.session, event, plan)
        self.session = decision.session
        self.facts += decision.facts
        if decision.instructions and not isinstance(event, Heard):
            self._perform(decision.instructions, plan)

    def _perform(self, instructions: tuple, plan: HoldPlan) -> None:
        self.plan, self.rest = plan, []
        for one in instructions:
            if isinstance(one, Say):
                self.rest.append((None, 0.0, plan.seconds_of(one.prompts, one.language)))
            elif isinstance(one, Play):
                item = plan.item(one.content)
                assert item is not None
                until = item.seconds if one.until_second is None else one.until_second
                self.rest.append((item, one.from_second, until))
                self.person.planned.append((self.now, item))

    def _ended(self) -> None:
        """All was played: what comes now?"""
        if self.live:
            self._tell(ContentEnded, heard=self._heard())
        else:
            self._tell(CallHeld, began=self.session.history.wait.began, heard=self._heard(to_its_end=True))
        assert self.rest, "nobody waits in silence"

    def _hear(self, seconds: float) -> None:
        """The ear hears the next of what there is, for so long at most."""
        item, begin, end = self.rest.pop(0)
        step = min(seconds, end - begin)
        if item is not None and step > 0:
            self._listen(item, begin, begin + step)
        self.now += timedelta(seconds=step)
        if begin + step < end - 1e-6:
            self.rest.insert(0, (item, begin + step, end))

    def _listen(self, item: ContentItem, begin: float, end: float) -> None:
        ear = self.person.ear
        if not self.opening and not self.wish and ear[-1].item == item and abs(ear[-1].end - begin) < 1e-6:
            ear[-1].end = end
        else:
            ear.append(
                Stretch(item, begin, end, self.now, self.session.choice, self.plan, self.live, self.wish, self.opening)
            )
        self.opening = self.wish = False
        if self.untold is None or self.untold[0] != item.id or self.untold[2] != begin:
            self.untold = (item.id, begin, end)
        else:
            self.untold = (item.id, self.untold[1], end)

    def _heard(self, *, to_its_end: bool = False) -> HeardUntil | None:
        """What the platform says of what was heard since it last said something."""
        untold, self.untold = self.untold, None
        if not self.live:
            return heard_of(self.session.sent, self.now, to_its_end=to_its_end) if self.session.sent else None
        return HeardUntil(*untold) if untold else None


# --- the judge -----------------------------------------------------------------------------------------------------------


def complaints(person: Person, window: float, rewind: float) -> Iterator[str]:
    """What was heard again without need, and what was not taken up where it had stopped."""
    last: dict[ContentId, Stretch] = {}
    for one in person.ear:
        before = last.get(one.item.id)
        last[one.item.id] = one
        if one.item.kind in (Kind.QUIET, Kind.QUIZ) or one.item.id == one.plan.house or one.wish:
            continue
        if before is None:
            if one.begin > 0:
                yield f"{one.item.id} began at {one.begin:.2f}"
        elif is_over(before):
            if left := left_in_the_bag(person, one, before, last, window):
                yield f"{one.item.id} came again on {one.at:%d %b}, with {left} unheard"
        elif (back := before.end - one.begin) < -1e-6 or back > may_go_back(one, rewind) + 1e-6:
            if one.begin > 0:
                yield f"{one.item.id} stopped at {before.end:.2f} and went on at {one.begin:.2f}"
            elif left := left_in_the_bag(person, one, before, last, window):
                yield f"{one.item.id} began anew on {one.at:%d %b}, with {left} unheard"


def is_over(one: Stretch) -> bool:
    return one.end >= one.item.seconds - 1.0 or (one.left and one.item.kind not in SPOKEN)


def may_go_back(one: Stretch, rewind: float) -> float:
    return (rewind if one.item.kind in SPOKEN else 0.0) + (0.0 if one.live else GRID)


def left_in_the_bag(
    person: Person, one: Stretch, before: Stretch, last: dict[ContentId, Stretch], window: float
) -> int:
    """How many items of the shelf were new to the caller when this one was heard again, within the window."""
    if (one.at - before.at).total_seconds() >= window - AN_HOUR:
        return 0
    choice = one.plan.menu.by_id(one.choice)
    shelf = one.plan.shelf(choice) if choice else ()
    left = 0
    for item in shelf:
        moments = [last[item.id].at] if item.id in last else []
        moments += [at for content, at in person.skipped if content == item.id and at <= one.at]
        left += not moments or (one.at - max(moments)).total_seconds() >= window + AN_HOUR
    return left


def resumed(person: Person) -> Iterator[tuple[Stretch, Stretch]]:
    """Ends and beginnings: what was broken off by hanging up, and the first sound of the next call."""
    for index, one in enumerate(person.ear):
        if one.opening and index:
            before = person.ear[index - 1]
            if (
                not is_over(before)
                and before.item.kind not in (Kind.QUIET, Kind.QUIZ)
                and before.item in one.plan.items
            ):
                yield before, one
