"""What ops say to all who wait: put up at once where it is recorded; typed, it is spoken beside the calls and put up when ready."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.events import NoticePosted
from holdsvc.calls.model import EventId, PromptId
from holdsvc.clock import Clock
from holdsvc.engine.notices import EVERYWHERE, MOST, Notices, Posted, TooMany
from holdsvc.engine.streams import Streams
from holdsvc.errors import BadContent, OutboundFailed
from holdsvc.ports import NoticeVoice

TYPED = "typed_"  # how the prompts begin that were typed
MOST_DRAFTS = 20  # that are spoken or were not to be spoken
LINGER = timedelta(
    hours=1
)  # for which a prompt stays when its notice is over, and the word that a text could not be spoken
NO_VOICE = "there is no synthesiser in the settings (synthesiser.command), so that only what is recorded can be put up"
log = logging.getLogger(__name__)


class Draft(Struct, frozen=True):
    """A typed text on its way. With a fault it will not be put up."""

    id: str
    queue: str
    texts: Mapping[str, str]  # language -> words
    span: timedelta  # for which it is to hold
    since: datetime
    fault: str = ""


class Unsayable(Exception):
    """The sentence says why."""


def concerns(posted: Posted, queue: str, known: Callable[[str], bool]) -> bool:
    return posted.queue in (queue if known(queue) else "default", EVERYWHERE)


def at_once(streams: Streams, known: Callable[[str], bool]) -> Callable[[Posted], Awaitable[int]]:
    """Interrupt the streams that a notice is for. Queues that are not `known` behave as the default queue does."""

    async def tell(posted: Posted) -> int:
        return await streams.interrupt(
            lambda queue: concerns(posted, queue, known),
            lambda stream, at: NoticePosted(at=at, id=EventId(f"{stream}:{posted.id}")),
        )

    return tell


class Floor:
    """`tell` lets a notice be heard at once where that can be; how many callers that were."""

    def __init__(
        self,
        notices: Notices,
        voice: NoticeVoice | None,
        tell: Callable[[Posted], Awaitable[int]],
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self.notices = notices
        self._voice, self._tell, self._clock, self._new_id = voice, tell, clock, new_id
        self._drafts: dict[str, Draft] = {}
        self._speaking: dict[str, asyncio.Task[None]] = {}
        self._one_at_a_time = asyncio.Lock()
        self._needed = {one.prompt: one.until + LINGER for one in notices.all(clock.now())}

    @property
    def speaks(self) -> bool:
        return self._voice is not None

    @property
    def drafts(self) -> tuple[Draft, ...]:
        now = self._clock.now()
        return tuple(one for one in self._drafts.values() if not one.fault or now - one.since < LINGER)

    async def put_up(self, queue: str, prompt: str, span: timedelta) -> tuple[Posted, int]:
        """What is ready. Raise `TooMany`."""
        now = self._clock.now()
        before = {one.prompt for one in self.notices.all(now) if one.queue == queue}
        posted = self.notices.post(queue, prompt, now, now + span)
        self._needed |= dict.fromkeys(before, now + LINGER)
        self._needed[prompt] = posted.until + LINGER
        return posted, await self._tell(posted)

    def write(self, queue: str, texts: Mapping[str, str], span: timedelta) -> Draft:
        """A text that is to be spoken and put up. Raise `Unsayable` or `TooMany`; what goes wrong later stands in the draft."""
        if self._voice is None:
            raise Unsayable(NO_VOICE)
        for language, text in texts.items():
            if fault := self._voice.fault(text, language):
                raise Unsayable(f"the text in {language:.40} will not do: {fault}")
        self._make_room()
        draft = Draft(self._new_id(), queue, dict(texts), span, self._clock.now())
        self._drafts[draft.id] = draft
        task = self._speaking[draft.id] = asyncio.create_task(self._speak(self._voice, draft))
        task.add_done_callback(lambda _: self._speaking.pop(draft.id, None))
        return draft

    def drop(self, name: str) -> bool:
        """Take down a notice, or give up a draft. False if there is none of that id."""
        if self._drafts.pop(name, None) is not None:
            if task := self._speaking.get(name):
                task.cancel()
            return True
        now = self._clock.now()
        self._needed |= {one.prompt: now + LINGER for one in self.notices.all(now) if one.id == name}
        return self.notices.withdraw(name)

    async def tidy(self) -> None:
        """Forget what was spoken for notices that are over."""
        now = self._clock.now()
        self._needed = {prompt: until for prompt, until in self._needed.items() if until > now}
        if self._voice is None:
            return
        try:
            await asyncio.to_thread(self._voice.tidy, set(self._needed))
        except (BadContent, OSError) as error:
            log.warning("notices_untidy", extra={"reason": str(error), "heard": "all the same"})

    async def close(self) -> None:
        tasks = list(self._speaking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _make_room(self) -> None:
        self._drafts = {one.id: one for one in self.drafts}
        failed = [one.id for one in self._drafts.values() if one.fault]
        while len(self._drafts) >= MOST_DRAFTS and failed:
            del self._drafts[failed.pop(0)]
        if len(self._drafts) >= MOST_DRAFTS or len(self.notices.all(self._clock.now())) >= MOST:
            raise TooMany

    async def _speak(self, voice: NoticeVoice, draft: Draft) -> None:
        prompt = PromptId(f"{TYPED}{draft.id}")
        try:
            async with self._one_at_a_time:
                await self.tidy()
                await voice.speak(prompt, draft.texts)
            await self.put_up(draft.queue, prompt, draft.span)
        except (BadContent, OutboundFailed, OSError) as error:
            self._failed(draft, f"it could not be spoken: {error}")
        except TooMany:
            self._failed(draft, f"{MOST} notices hold already; withdraw one first")
        except Exception as error:
            log.exception("notice_not_spoken", extra={"notice": draft.id})
            self._failed(draft, f"it could not be spoken ({type(error).__name__}); the log says more")
        else:
            self._drafts.pop(draft.id, None)

    def _failed(self, draft: Draft, fault: str) -> None:
        if draft.id in self._drafts:
            log.warning("notice_refused", extra={"notice": draft.id, "reason": fault})
            self._drafts[draft.id] = replace(draft, fault=fault, since=self._clock.now())
