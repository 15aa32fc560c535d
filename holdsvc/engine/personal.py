"""Updates for one caller alone ("your order is on its way"): spoken beside the call, heard in it, and gone with it.

What a directory told for them and what was made of it live in this process's memory, for one call: they enter no session, no log,
no shared shelf and no cache. Nobody waits for them: they stand on the caller's shelf when they are ready.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct, field

from holdsvc.calls.facts import AnyFact
from holdsvc.calls.history import Stage
from holdsvc.calls.model import (
    ONE_CALLS_OWN,
    CallerId,
    CallRef,
    Contact,
    ContentId,
    ContentItem,
    Identity,
    Kind,
    Licence,
    Record,
    bare,
)
from holdsvc.calls.personal import fault, fields, filled
from holdsvc.calls.session import HoldSession
from holdsvc.clock import Clock
from holdsvc.errors import BadContent, OutboundFailed
from holdsvc.ports import PersonalVoice

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
APART = "."  # in no name of an update, and a letter that nobody on the way encodes or decodes after it was signed
AT_ONCE = 2  # that are spoken beside each other: calls come first
MOST_WAITING = 100  # for their turn to be spoken; a caller beyond hears none
MOST_BYTES = 64 << 20  # of sound, of all calls together
UNHELD = 600.0  # seconds for which what was told of a call is kept that was not put on hold yet
RATE = 8000  # bytes of mu-law a second
OWN = Licence("own", "told by a directory, for one caller alone")
log = logging.getLogger(__name__)


class PersonalSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """An update for each caller of whose record it speaks."""

    texts: Mapping[str, str] = field(default_factory=dict)  # language -> "Your order {order} {status}."
    title: str = ""  # for whoever looks on; "" = its name
    identity: Identity = Identity.VERIFIED  # how sure we must be of who is calling: verified, or number
    segment: str = ""  # callers for whom alone it is; "" = all
    queues: tuple[str, ...] = ()  # where alone it is heard; () = everywhere
    shelf: str = "updates"


class Spoken(Struct, frozen=True):
    item: ContentItem
    sound: bytes  # mu-law
    address: str  # what names the sound in an address, as hard to guess as a key


class Told(Struct):
    """What there is of one call."""

    since: float
    values: Mapping[str, str]
    caller: CallerId | None = None
    held: bool = False
    begun: set[tuple[str, str]] = field(default_factory=set)  # (update, language)
    spoken: list[Spoken] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class Personal:
    """`language_of`: in which a caller is spoken to."""

    def __init__(
        self,
        updates: Mapping[str, PersonalSettings],
        voice: PersonalVoice | None,
        language_of: Callable[[HoldSession], str],
        clock: Clock,
        new_token: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._updates: Mapping[str, PersonalSettings] = updates if voice else {}
        self._voice, self._language_of, self._clock, self._new_token = voice, language_of, clock, new_token
        self._calls: dict[CallRef, Told] = {}
        self._by_id: dict[str, Spoken] = {}
        self._by_address: dict[str, Spoken] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    @property
    def speaks(self) -> bool:
        """There is something to say, and a voice to say it."""
        return bool(self._updates)

    def __len__(self) -> int:
        """Calls of which something is kept."""
        return len(self._calls)

    # -- what the intake tells ------------------------------------------------------------------------------------

    def take(self, ref: CallRef, contact: Contact) -> Contact:
        """A directory's answer: what it tells for these updates stays here. Returns what may be kept."""
        values = said_of(contact)
        if self._updates and not contact.ambiguous:
            self._forget_unheld()
            before = self._calls.get(ref)
            if before is None or before.values != values:
                self._end(ref)
                self._calls[ref] = Told(self._clock.monotonic(), values)
        elif ref in self._calls:
            self._end(ref)  # a better answer says that it is not known who this is
        return bare(contact)

    def facts(self, session: HoldSession, facts: Sequence[AnyFact]) -> None:
        """A listener: begins to speak what this caller may hear, and forgets all when the wait is over."""
        told = self._calls.get(session.ref)
        if told is None or session.history.stage is Stage.ARRIVED:
            return
        if session.history.stage is not Stage.WAITING:
            self._end(session.ref)
            return
        told.caller, told.held = session.caller, True
        language = self._language_of(session)
        for name, update in self._updates.items():
            if may_hear(update, session) and (name, language) not in told.begun and worded(update, language):
                told.begun.add((name, language))
                self._begin(told, session.ref, name, language)

    def items(self, session: HoldSession) -> tuple[ContentItem, ...]:
        """What is ready and may be heard, as sure as we are of this caller now."""
        told = self._calls.get(session.ref)
        if told is None or not told.spoken:
            return ()
        wanted = {name for name, update in self._updates.items() if may_hear(update, session)}
        return tuple(one.item for one in told.spoken if name_of(one.item) in wanted)

    def forget(self, caller: CallerId) -> None:
        for ref in [ref for ref, told in self._calls.items() if told.caller == caller]:
            self._end(ref)

    async def close(self) -> None:
        tasks = [task for told in self._calls.values() for task in told.tasks]
        for ref in tuple(self._calls):
            self._end(ref)
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- its sound ------------------------------------------------------------------------------------------------

    def by_id(self, content: ContentId) -> Spoken | None:
        return self._by_id.get(content)

    def by_address(self, address: str) -> Spoken | None:
        """None as soon as the wait is over."""
        return self._by_address.get(address)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _begin(self, told: Told, ref: CallRef, name: str, language: str) -> None:
        text = filled(worded(self._updates[name], language), told.values)
        if text is None:
            return
        if self._waiting >= MOST_WAITING:
            log.warning("personal_not_spoken", extra={"update": name, "reason": "too many wait for their turn"})
            return
        task = asyncio.create_task(self._speak(told, ref, name, language, text))
        told.tasks.add(task)
        task.add_done_callback(told.tasks.discard)

    async def _speak(self, told: Told, ref: CallRef, name: str, language: str, text: str) -> None:
        """No word of the text, nor of what a synthesiser says of it, is logged."""
        assert self._voice is not None
        self._waiting += 1
        try:
            async with self._slots:
                sound = await self._voice.speak(text, language)
            if self._calls.get(ref) is told:
                self._keep(told, name, language, sound)
        except (BadContent, OutboundFailed, OSError) as error:
            reason = getattr(error, "why", "") or type(error).__name__
            log.warning("personal_not_spoken", extra={"update": name, "reason": reason, "heard": "all the rest"})
        except Exception as error:
            log.error("personal_not_spoken", extra={"update": name, "reason": type(error).__name__})
        finally:
            self._waiting -= 1

    def _keep(self, told: Told, name: str, language: str, sound: bytes) -> None:
        if sum(len(one.sound) for one in self._by_id.values()) + len(sound) > MOST_BYTES:
            log.warning("personal_not_spoken", extra={"update": name, "reason": "no more room"})
            return
        update = self._updates[name]
        item = ContentItem(
            id=ContentId(f"{name}{APART}{self._new_token()}"),
            kind=Kind.DAILY,
            shelf=update.shelf,
            title=update.title or name,
            seconds=len(sound) / RATE,
            language=language,
            licence=OWN,
            told_as=ContentId(f"{ONE_CALLS_OWN}{name}"),
        )
        spoken = Spoken(item, sound, self._new_token())
        told.spoken.append(spoken)
        self._by_id[item.id] = self._by_address[spoken.address] = spoken

    def _end(self, ref: CallRef) -> None:
        told = self._calls.pop(ref, None)
        if told is None:
            return
        for task in told.tasks:
            task.cancel()
        for one in told.spoken:
            self._by_id.pop(one.item.id, None)
            self._by_address.pop(one.address, None)
        told.spoken.clear()
        told.values = {}

    def _forget_unheld(self) -> None:
        """Calls that were told of and never put on hold: nobody will say that they are over."""
        old = self._clock.monotonic() - UNHELD
        for ref, told in tuple(self._calls.items()):
            if told.since > old:
                return
            if not told.held:
                self._end(ref)


def faults(name: str, update: PersonalSettings) -> Iterator[str]:
    """What is wrong with it, each a sentence without its beginning; such an update is left out, and the service serves."""
    if not SLUG.fullmatch(name):
        yield f"the name {name!r:.80} is not made of at most 60 of a-z, 0-9, dash and underscore"
    if not update.texts:
        yield 'it has no texts; write them as texts = { en = "Your order {order} {status}." }'
    for language, text in update.texts.items():
        if not LANGUAGE.fullmatch(language):
            yield f"its language {language!r:.40} is not a tag such as en or de-CH"
        if why := fault(text):
            yield f"its text in {language:.40} {why}"
    if update.identity is Identity.NONE:
        yield 'nothing of a record is told to whom nobody knows; identity is "verified" or "number"'


def good(updates: Mapping[str, PersonalSettings]) -> Mapping[str, PersonalSettings]:
    """Those without a fault; the others are named in the log, and by `holdsvc check`."""
    found = {name: next(faults(name, update), "") for name, update in updates.items()}
    for name, why in found.items():
        if why:
            log.warning("personal_left_out", extra={"update": name, "reason": why, "heard": "everything else"})
    return {name: update for name, update in updates.items() if not found[name]}


def fields_of(updates: Mapping[str, PersonalSettings]) -> tuple[str, ...]:
    """What directories are to tell for these, beside what every contact has."""
    named = {name for update in updates.values() for text in update.texts.values() for name in fields(text)}
    return tuple(sorted(named - set(Contact.__struct_fields__)))


def may_hear(update: PersonalSettings, session: HoldSession) -> bool:
    if not session.identity.reaches(update.identity) or session.contact is None:
        return False
    if update.segment and session.contact.segment != update.segment:
        return False
    return not update.queues or session.queue in update.queues


def worded(update: PersonalSettings, language: str) -> str:
    """In this language, wherever it is spoken so: "en-US" will do for "en". "" for none."""
    short = language.partition("-")[0]
    others = (text for of, text in update.texts.items() if of.partition("-")[0].lower() == short.lower())
    return update.texts.get(language) or next(others, "")


def name_of(item: ContentItem) -> str:
    return item.id.partition(APART)[0]


def said_of(contact: Contact) -> Mapping[str, str]:
    """What a text may speak of: a field without a value is no field."""
    told = {"name": contact.name, "account": contact.account, "segment": contact.segment, "note": contact.note}
    told |= dict(contact.more) if isinstance(contact, Record) else {}
    return {name: value for name, value in told.items() if value}
