"""Daily updates: from text files, recordings, a feed or a JSON endpoint to items that expire. Spoken before anybody calls.

How old an update is, is part of what is said: today, yesterday, so many days ago. So that it is never said wrong, such a recording
expires at midnight, and is spoken anew; and none outlives the update's own limit.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.model import Identity, Kind, Licence
from holdsvc.content.age import aged
from holdsvc.content.banned import banned
from holdsvc.content.feeds import SUFFIXES, refused, room_for
from holdsvc.content.fetch import Fetcher, Limits
from holdsvc.content.fetched import FILES, Kept, State, Text, address_of, item_id
from holdsvc.content.index import Entry
from holdsvc.content.keeper import Desk
from holdsvc.content.texts import feed_texts, files_at, json_texts, text_of, titled
from holdsvc.errors import BadContent, HoldsvcError, OutboundFailed
from holdsvc.ports import Synthesiser

ANSWER = Limits(size=2 << 20, seconds=30.0, idle=10.0)
TEXTS = (".txt", ".md")
SOUNDS = tuple(sorted({*SUFFIXES.values(), ".aiff", ".au"}))
LARGEST_SOUND = 100 << 20
MOST_REMEMBERED = 50  # texts of one source
RECORDED = "sound "  # how keys of recordings begin
NO_VOICE = "nothing can speak it: there is no synthesiser in the settings"


class UpdateSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One of `path` and `url`; with a url, `field` makes it JSON, else it is a feed."""

    path: str = ""  # a file or a folder: .txt and .md are spoken, recordings are played
    url: str = ""
    field: str = ""  # dotted path to the text in a JSON answer, as "today.summary"
    title: str = ""  # "" = the feed's or the file's
    language: str = "en"  # of the text, and of the voice
    shelf: str = "updates"
    hours: float = 24.0  # after which an update is too old to be heard
    most: int = 3  # updates of this source at a time, the newest
    every_minutes: float = 15.0  # between looks
    say_age: bool = True  # begin with when it was said
    timezone: str = "UTC"  # in which that is told
    queues: tuple[str, ...] = ()  # where alone it is heard; () = wherever its shelf is offered
    segment: str = ""  # callers for whom alone it is, as a directory tells it; "" = everybody
    identity: Identity = Identity.VERIFIED  # with a segment: how sure we must be of who is calling
    until: date | None = None  # the last day on which it may be played; None: for ever
    territories: tuple[str, ...] = ()  # where, as DE, AT; () = everywhere
    tags: tuple[str, ...] = ()  # advert, comedy, ...: what queues with a profile never play
    licence: str = "own"
    source: str = ""
    attribution: str = ""


class Update:
    kind = "daily"

    def __init__(
        self,
        name: str,
        settings: UpdateSettings,
        fetcher: Fetcher,
        synthesiser: Synthesiser | None,
    ) -> None:
        """ZoneInfoNotFoundError, ValueError: see `own_faults`."""
        spoken_by = synthesiser.name if synthesiser else ""
        self.address = address_of(msgspec.json.encode(settings).decode(), spoken_by)
        self.name = name
        self.every = settings.every_minutes * 60
        self._limit = timedelta(hours=settings.hours)
        self._zone = zone_of(settings)
        self._settings, self._fetcher, self._synthesiser = settings, fetcher, synthesiser

    async def look(self, state: State, desk: Desk) -> State:
        """What is new is spoken; what is there is spoken anew when its age has changed, be its source in reach or not."""
        trouble: Exception | None = None
        try:
            state = await self._news(state, desk)
        except (OutboundFailed, BadContent, OSError) as error:
            trouble = error
        state = await self._said(state, desk)
        if trouble is not None:
            raise trouble
        return state

    # -- what there is to say -------------------------------------------------------------------------------------

    async def _news(self, state: State, desk: Desk) -> State:
        """The state with the texts as they are now, too old ones among them: what was said once is not new again."""
        settings = self._settings
        if settings.path:
            return await self._files(state, desk)
        asked = {"if-none-match": state.tag, "if-modified-since": state.modified}
        answer, body = await self._fetcher.whole(
            settings.url, ANSWER, {name: value for name, value in asked.items() if value}
        )
        if not answer.fresh:
            return state
        read, where = (json_texts, settings.field) if settings.field else (feed_texts, settings.url)
        texts = await asyncio.to_thread(read, body, where, state.texts, desk.now())
        newest = sorted(texts, key=lambda text: text.at, reverse=True)[:MOST_REMEMBERED]
        return replace(state, texts=tuple(newest), tag=answer.tag, modified=answer.modified)

    async def _files(self, state: State, desk: Desk) -> State:
        found = await asyncio.to_thread(files_at, self._settings.path, (*TEXTS, *SOUNDS))
        texts = [await asyncio.to_thread(text_of, file) for file in found if file.suffix.lower() in TEXTS]
        state = await self._recorded(state, [file for file in found if file.suffix.lower() in SOUNDS], desk)
        return replace(state, texts=tuple(texts))

    def _fresh(self, texts: Iterable[Text], now: datetime) -> Sequence[Text]:
        good = [text for text in texts if text.words and now < text.at + self._limit]
        return sorted(good, key=lambda text: text.at, reverse=True)[: self._settings.most]

    # -- what callers will hear -----------------------------------------------------------------------------------

    async def _recorded(self, state: State, files: Sequence[Path], desk: Desk) -> State:
        """Recordings as they are, copied: whoever replaces one may do so in the middle of a call."""
        found = [(file, *await asyncio.to_thread(recorded, file)) for file in files]
        good = [one for one in found if desk.now() < one[2] + self._limit]
        newest = sorted(good, key=lambda one: one[2], reverse=True)[: self._settings.most]
        wanted = {key for _, key, _ in newest}
        state = replace(
            state,
            kept=tuple(one for one in state.kept if one.key in wanted or not one.key.startswith(RECORDED)),
            refused=tuple(one for one in state.refused if one.key in wanted or not one.key.startswith(RECORDED)),
        )
        for file, key, at in newest:
            if not state.has(key):
                copy = await asyncio.to_thread(copied, file, desk.files, item_id(self.name, key))
                entry = self._entry(key, titled(file), copy.name, at + self._limit)
                state = await desk.show(self._in_order(replace(state, kept=(*state.kept, Kept(key, entry, at)))))
        return state

    async def _said(self, state: State, desk: Desk) -> State:
        """Each text has its sound, as it is to be said now; then whatever else was spoken goes."""
        now = desk.now()
        fresh = self._fresh(state.texts, now)
        wanted = {self._key(text, now): text for text in fresh}
        midnight = self._midnight(now) if fresh and self._settings.say_age else None
        trouble: HoldsvcError | None = None
        for number, (key, text) in enumerate(wanted.items(), 1):
            if state.has(key):
                continue
            desk.tell(f"speaking {number}/{len(wanted)}")
            try:
                state = await self._speak(state, key, text, desk)
            except BadContent as error:
                state = refused(state, key, self._title(text), str(error))
            except OutboundFailed as error:
                trouble = trouble or error
        state = replace(
            state,
            next_at=midnight,
            kept=tuple(one for one in state.kept if trouble or one.key in wanted or one.key.startswith(RECORDED)),
            refused=tuple(one for one in state.refused if one.key in wanted or one.key.startswith(RECORDED)),
        )
        state = await desk.show(self._in_order(state))
        if trouble is not None:
            raise trouble
        return state

    async def _speak(self, state: State, key: str, text: Text, desk: Desk) -> State:
        if self._synthesiser is None:
            raise OutboundFailed(NO_VOICE, why="voice")
        settings, now = self._settings, desk.now()
        if phrase := banned(text.words, settings.language):
            raise BadContent(f'it says "{phrase}", which no caller wants to hear')
        await asyncio.to_thread(room_for, LARGEST_SOUND, desk.files)
        words = f"{aged(text.at, now, settings.language, self._zone)} {text.words}" if settings.say_age else text.words
        draft = desk.files / f".{item_id(self.name, key)}.part"
        await self._synthesiser.speak(words, settings.language, draft)
        file = await asyncio.to_thread(draft.replace, desk.files / f"{item_id(self.name, key)}.wav")
        until = text.at + self._limit
        expires = min(until, self._midnight(now)) if settings.say_age else until
        entry = self._entry(key, self._title(text), file.name, expires)
        return await desk.show(self._in_order(replace(state, kept=(*state.kept, Kept(key, entry, text.at)))))

    def _entry(self, key: str, title: str, file: str, expires: datetime) -> Entry:
        settings = self._settings
        return Entry(
            id=item_id(self.name, key),
            kind=Kind.DAILY,
            shelf=settings.shelf,
            title=(settings.title or title or self.name)[:200],
            file=f"{FILES}/{file}",
            licence=Licence(
                settings.licence,
                settings.source or self.name,
                settings.attribution,
                until=settings.until,
                territories=tuple(one.upper() for one in settings.territories),
            ),
            tags=settings.tags,
            language=settings.language,
            expires=expires,
            segment=settings.segment,
            identity=settings.identity if settings.segment else Identity.NUMBER,
            queues=settings.queues,
        )

    def _in_order(self, state: State) -> State:
        ordered = sorted(state.kept, key=lambda one: one.at, reverse=True)
        return replace(
            state, kept=tuple(replace(one, entry=replace(one.entry, order=at)) for at, one in enumerate(ordered, 1))
        )

    def _key(self, text: Text, now: datetime) -> str:
        """Another one when it is to be said otherwise."""
        age = aged(text.at, now, self._settings.language, self._zone) if self._settings.say_age else ""
        return f"{age} {text.key} {sha256(text.words.encode(errors='surrogatepass')).hexdigest()[:16]}"

    def _title(self, text: Text) -> str:
        return self._settings.title or text.title or self.name

    def _midnight(self, now: datetime) -> datetime:
        local = now.astimezone(self._zone)
        return datetime.combine(local.date() + timedelta(days=1), time(), local.tzinfo).astimezone(UTC)


def recorded(file: Path) -> tuple[str, datetime]:
    """What tells this recording from others, of the same name too; and when it was made."""
    told = file.stat()
    return f"{RECORDED}{file.name} {told.st_mtime_ns} {told.st_size}", datetime.fromtimestamp(told.st_mtime, UTC)


def copied(file: Path, folder: Path, name: str) -> Path:
    size = file.stat().st_size
    if size > LARGEST_SOUND:
        raise BadContent(f"{file.name} has {size >> 20} MB, more than the {LARGEST_SOUND >> 20} MB allowed")
    room_for(size, folder)
    draft = folder / f".{name}.part"
    shutil.copyfile(file, draft)
    return draft.replace(folder / f"{name}{file.suffix.lower()}")


def zone_of(settings: UpdateSettings) -> tzinfo:
    """UTC is there also where the machine has no list of zones."""
    return UTC if settings.timezone == "UTC" else ZoneInfo(settings.timezone)


def own_faults(settings: UpdateSettings) -> Iterator[str]:
    """What is wrong beyond what is so with every source."""
    if bool(settings.path) == bool(settings.url):
        yield "it needs one of path and url"
    if settings.field and not settings.url:
        yield "it names a field of a JSON answer and no url to ask"
    try:
        zone_of(settings)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield f"there is no timezone {settings.timezone!r:.80}; write it as Europe/Madrid"
    if settings.path and Path(settings.path).suffix and Path(settings.path).suffix.lower() not in (*TEXTS, *SOUNDS):
        yield f"a {Path(settings.path).suffix} file can be neither spoken nor played"
