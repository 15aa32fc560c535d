"""What callers say on live streams: what somebody said is asked of a recogniser, and its answer is news like a key.

Nothing here keeps the sound waiting: with no recogniser, or one that hangs, callers have their keys. A caller's own sound lives
in memory from the first word to the answer, and is neither kept nor shown.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from holdsvc.audio.formats import FRAME, RATE
from holdsvc.audio.utterance import Dropped, Ended, Heard, Utterances
from holdsvc.calls.menu import Menu
from holdsvc.calls.model import CallId, CallRef, QueueName
from holdsvc.clock import Clock
from holdsvc.engine.captions import Understanding
from holdsvc.engine.tokens import Ticket
from holdsvc.errors import Unheard
from holdsvc.ports import Candidate, Certainty, Ears, Recognised, Utterance

PART = "speech"
PATIENCE = 3.0  # seconds that an answer may take; recognisers give up sooner by themselves
AHEAD = 480  # samples by which we look ahead of what should be heard by now: our reckoning may be late by 60 ms
JUMP = 960  # samples by which a frame may come late without being of another time: 120 ms
log = logging.getLogger(__name__)

MenuOf = Callable[
    [CallRef, QueueName], Awaitable[tuple[Menu, str]]
]  # what may be said at this moment, and in which language
CandidatesOf = Callable[[Menu, str], tuple[Candidate, ...]]


class HearingMeter(Protocol):
    def utterance_heard(self, queue: str, result: str, seconds: float | None = None) -> None: ...
    def utterances_asked(self, number: int) -> None: ...
    def echo_suppressed(self, queue: str, seconds: float) -> None: ...
    def degraded(self, part: str, away: bool) -> None: ...


class TimeLine(Protocol):
    """What a caller was sent, as the player has it."""

    def sounding(self, start: int, stop: int) -> bytes: ...


class Sending(Protocol):
    @property
    def player(self) -> TimeLine: ...
    def played(self, now: float) -> int: ...


class Speaker(Protocol):
    """The stream of a caller who said something."""

    ticket: Ticket

    def said(self, choice: str, score: float, *, near: bool) -> None: ...


class Listener:
    """The ear for one stream."""

    __slots__ = ("_came", "_shift", "_suppressed", "_utterances", "waits")

    def __init__(self) -> None:
        self._utterances = Utterances()
        self._came = 0  # samples
        self._shift: int | None = None  # from the caller's samples to our time line
        self._suppressed = 0
        self.waits = False  # for an answer

    def hear(self, payload: bytes, voice: Sending, now: float) -> list[Heard]:
        self._came += len(payload)

        def sent(start: int, stop: int) -> bytes:
            shift = self._shifted(voice.played(now) - self._came) + AHEAD
            return voice.player.sounding(start + shift, stop + shift)

        return self._utterances.hear(payload, sent)

    def suppressed(self) -> float:
        """Seconds of our own sound that would have counted as speech, since the last time."""
        new, self._suppressed = self._utterances.suppressed - self._suppressed, self._utterances.suppressed
        return new * FRAME / RATE

    def _shifted(self, shift: int) -> int:
        """What comes late only seems to be of later on our time line, so that the least counts."""
        if self._shift is None or shift < self._shift or shift > self._shift + JUMP:
            self._shift = shift
        return self._shift


class Hearing:
    """What all streams that listen share."""

    def __init__(
        self,
        ears: Ears,
        menu: MenuOf,
        clock: Clock,
        meter: HearingMeter,
        listens: Callable[[QueueName], bool] = lambda queue: True,
        candidates: CandidatesOf | None = None,
        shown: Callable[[CallId, Understanding], None] = lambda call, what: None,
    ) -> None:
        self.listens = listens
        self._shown = shown  # to whoever looks on
        self.ears, self._menu, self._clock, self._meter = ears, menu, clock, meter
        self._candidates = candidates or words_of
        self._asking: set[asyncio.Task[None]] = set()
        self._away = False

    def listener(self, queue: QueueName) -> Listener | None:
        return Listener() if self.listens(queue) else None

    def came(self, speaker: Speaker, listener: Listener, heard: Heard) -> None:
        """Somebody spoke, or it only seemed so."""
        queue = speaker.ticket.queue
        if seconds := listener.suppressed():
            self._meter.echo_suppressed(queue, seconds)
        if isinstance(heard, Dropped):
            self._meter.utterance_heard(queue, heard.why.value)
        elif isinstance(heard, Ended) and listener.waits:
            self._meter.utterance_heard(queue, "busy")
        elif isinstance(heard, Ended):
            listener.waits = True
            task = asyncio.create_task(self._understand(speaker, listener, heard.pcm))
            self._asking.add(task)
            task.add_done_callback(self._done)
            self._meter.utterances_asked(len(self._asking))

    async def settle(self) -> None:
        """Wait until all that was said has been answered."""
        while self._asking:
            await asyncio.gather(*self._asking)

    async def close(self) -> None:
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        await self.ears.close()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._asking.discard(task)
        self._meter.utterances_asked(len(self._asking))

    async def _understand(self, speaker: Speaker, listener: Listener, pcm: bytes) -> None:
        began, queue = self._clock.monotonic(), speaker.ticket.queue
        try:
            heard, result = await self._ask(speaker.ticket, pcm)
        finally:
            listener.waits = False
        took = self._clock.monotonic() - began
        self._meter.utterance_heard(queue, result, None if heard is None else took)
        self._shown(speaker.ticket.ref.call, understanding(heard, result, took))
        if heard is not None and heard.certainty is not Certainty.NONE:
            speaker.said(heard.choice, heard.score, near=heard.certainty is Certainty.NEAR)

    async def _ask(self, ticket: Ticket, pcm: bytes) -> tuple[Recognised | None, str]:
        """The answer, and what it is called in the metrics. It never raises."""
        try:
            async with asyncio.timeout(PATIENCE):
                menu, language = await self._menu(ticket.ref, ticket.queue)
                if not self.ears.understands(language):
                    return None, "absent"
                heard = await self.ears.recognise(Utterance(pcm, self._candidates(menu, language), language))
        except Unheard as error:
            if error.why != "busy":
                self._told(away=True)  # they say themselves why
            return None, error.why
        except TimeoutError:
            self._told(away=True, reason="late")
            return None, "late"
        except Exception as error:
            self._told(away=True, reason=type(error).__name__)
            return None, "broken"
        self._told(away=False)
        return heard, heard.certainty.value

    def _told(self, *, away: bool, reason: str = "") -> None:
        if away and reason and not self._away:
            log.warning("speech_away", extra={"reason": reason, "heard": "keys work"})
        self._away = away
        self._meter.degraded(PART, away)


def words_of(menu: Menu, language: str) -> tuple[Candidate, ...]:
    """The menu's own words, or its names where it has none."""
    return tuple(Candidate(one.id, one.words or (one.id.replace("_", " "),)) for one in menu.choices)


def understanding(heard: Recognised | None, result: str, took: float) -> Understanding:
    if heard is None:
        return Understanding(result, seconds=took)
    return Understanding(result, heard.choice, heard.score, heard.runner_up, heard.runner_up_score, took)
