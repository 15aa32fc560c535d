"""What really happened: kept by the carrier as it happens, and asked by nobody but the comparison."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum

from msgspec import Struct, field

from holdsvc.simulator.clock import SimClock

SHORT = 5.0  # seconds; who leaves earlier is a short abandon


class End(StrEnum):
    """How a wait really ended, in the carrier's words."""

    ANSWERED = "answered"
    HUNG_UP = "hung up"
    LEFT = "left"  # our <Leave> ran
    SENT_AWAY = "sent away"  # a document ended the call while the caller waited
    MOVED = "moved"  # taken elsewhere over REST
    FAILED = "failed"  # the carrier could not go on
    MISSED = "missed"  # the caller hung up while the agent was being put through


OUTCOMES: dict[End, frozenset[str]] = {
    End.ANSWERED: frozenset({"answered"}),
    End.LEFT: frozenset({"left_by_choice", "callback_taken", "overflowed"}),
    End.SENT_AWAY: frozenset({"left_by_choice", "callback_taken", "overflowed", "failed"}),
    End.MOVED: frozenset({"overflowed", "answered", "unknown"}),
    End.MISSED: frozenset({"answered", "abandoned", "short_abandoned"}),
    End.FAILED: frozenset({"failed", "abandoned", "short_abandoned", "unknown"}),
}


class Wait(Struct):
    queue: str
    began: datetime
    ended: datetime | None = None
    end: End | None = None
    prompt: bool = False  # all that tells of the end reached the service at once: it can know the moment itself
    slack: float = 0.0  # seconds of honest doubt about the end: an agent's phone rang, a greeting was cut short
    keys: list[datetime] = field(default_factory=list)  # on a stream: any of them may have been the wish to leave
    hold: bool = False  # put on hold again by the agent in mid-call

    @property
    def seconds(self) -> float:
        return (self.ended - self.began).total_seconds() if self.ended else 0.0

    def outcomes(self, slack: float, short: float) -> frozenset[str]:
        """The outcomes that the log may give it. Near the threshold of a short abandon both are right."""
        if self.end is not End.HUNG_UP:
            return OUTCOMES[self.end] if self.end else frozenset()
        either = {
            "short_abandoned": self.seconds < short + slack,
            "abandoned": self.seconds >= short - slack,
        }
        return frozenset(word for word, possible in either.items() if possible)


class Call(Struct):
    """One caller's call. `heard` is seconds by URL; `pressed` what was keyed or said, and whether anybody listened."""

    sid: str
    number: str
    began: datetime
    ended: datetime | None = None
    waits: list[Wait] = field(default_factory=list)
    heard: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    pressed: list[tuple[str, bool]] = field(default_factory=list)
    mode: str = "documents"
    at_a_door: bool = True  # of the service, and not waiting behind it yet
    interrupted: str = ""  # what a key or a word stopped, until the next sound
    changed: list[bool] = field(default_factory=list)  # by entry: whether something else was heard after it

    def hears(self, url: str) -> None:
        """A sound begins."""
        if self.interrupted:
            self.changed.append(url != self.interrupted)
            self.interrupted = ""

    def open_wait(self) -> Wait | None:
        return self.waits[-1] if self.waits and self.waits[-1].ended is None else None


class Truth:
    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self.calls: dict[str, Call] = {}
        self.offered = 0  # waits that really began, holds not among them

    def arrive(self, sid: str, number: str) -> Call:
        self.calls[sid] = Call(sid, number, self._clock.now())
        return self.calls[sid]

    def hold(self, call: Call, queue: str, *, aside: bool = False) -> Wait:
        """The caller waits from now on; a wait that is still open goes on instead. `aside`: put on hold by the agent."""
        call.at_a_door = False
        going = call.open_wait()
        if going is not None:
            return going
        call.waits.append(Wait(queue, self._clock.now(), hold=aside))
        self.offered += not aside
        return call.waits[-1]

    def release(self, call: Call, end: End, *, prompt: bool = False, at: datetime | None = None) -> None:
        """The wait is over, in this way, now or since `at`. The first end counts."""
        wait = call.open_wait()
        if wait is not None:
            wait.ended, wait.end, wait.prompt = at or self._clock.now(), end, prompt

    def forget_past(self) -> None:
        """Drop what is over: for a carrier that runs for days and is never asked."""
        self.calls = {sid: call for sid, call in self.calls.items() if call.ended is None}

    def waits(self) -> Iterator[tuple[Call, Wait]]:
        for call in self.calls.values():
            for wait in call.waits:
                if not wait.hold:
                    yield call, wait

    def coming(self) -> int:
        """Calls at a door, which have not begun to wait there as far as the carrier knows."""
        return sum(call.at_a_door and call.ended is None for call in self.calls.values())
