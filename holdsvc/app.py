"""The one place where the parts meet: `build` makes the service of settings, a clock and a source of chance."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from msgspec import Struct

from holdsvc import __version__, catalogue
from holdsvc.callers.numbers import PhoneNumbers
from holdsvc.callers.pseudonym import Pseudonyms, key_for
from holdsvc.calls.model import CallerId, PhoneNumber
from holdsvc.calls.service_level import Target
from holdsvc.calls.session import HoldSession
from holdsvc.clock import Clock, SystemClock
from holdsvc.config import Settings, shipped
from holdsvc.content.fetched import FOLDER as FETCHED
from holdsvc.content.fetched import FetchedShelf
from holdsvc.content.keeper import Keeper
from holdsvc.content.library import Library
from holdsvc.content.radio import Radio
from holdsvc.content.ready import ReadySounds
from holdsvc.content.shelf_history import FILE as HISTORY
from holdsvc.content.shelf_history import ShelfHistory
from holdsvc.engine import draining, trail
from holdsvc.engine.ageing import Ageing
from holdsvc.engine.broadcast import Broadcast
from holdsvc.engine.callbacks import Callbacks
from holdsvc.engine.captions import Captions
from holdsvc.engine.floor import Floor, at_once, concerns
from holdsvc.engine.intake import Intake, Recognition
from holdsvc.engine.links import SignedLinks
from holdsvc.engine.lookup import Limits, Lookup
from holdsvc.engine.metrics import Metrics
from holdsvc.engine.movements import Movements
from holdsvc.engine.notices import Notices
from holdsvc.engine.outbound import Outbound
from holdsvc.engine.outbox import Outbox
from holdsvc.engine.own_sounds import OwnSounds
from holdsvc.engine.personal import Personal, good
from holdsvc.engine.plans import PlanBook, zone_of
from holdsvc.engine.roster import Roster
from holdsvc.engine.scrape import Scrape
from holdsvc.engine.streams import Streams
from holdsvc.engine.stretches import Stretches
from holdsvc.engine.together import Together
from holdsvc.errors import BadContent, ConfigError
from holdsvc.ports import Ears
from holdsvc.running import following, letting_go, lines, running, understanding
from holdsvc.speech.recognise.words import FuzzyWords
from holdsvc.stores.airings import FILE as AIRINGS
from holdsvc.stores.airings import AiringLog
from holdsvc.stores.spool import FileSpool, spool_of
from holdsvc.voices import hearing_of, listened, notice_voice, own_voice, quiz_voice
from holdsvc.web import server
from holdsvc.web.access import Access, Guard, access, is_loopback
from holdsvc.web.house import HOUSE, House

log = logging.getLogger(__name__)
FETCHED_AT_ONCE = 16 << 10  # bytes: some 300 KB/s over 50 ms of distance, which is enough for what nobody waits for
Sleep = Callable[[float], Awaitable[None]]
FAREWELLS: web.AppKey[list[Callable[[], Awaitable[None]]]] = web.AppKey("farewells")


class Options(Struct, frozen=True):
    """How this process was started, beside its settings."""

    phone_token: str = ""  # the browser phone is mounted, and signs with this
    insecure: bool = False  # webhooks are not verified; loopback only
    sleep: Sleep = asyncio.sleep
    ingest: bool = True  # prepare behind a green /readyz what is not yet
    fetch: bool = False  # bring in podcasts and updates from outside
    ears: Ears | None = None  # who understands what callers say, instead of whom the settings name
    worker: int = 0  # which of the processes on this machine that serve together
    workers: int = 1
    room: Path | None = None  # where they find each other
    parent: int = -1  # a descriptor that can be read once their parent has died

    @property
    def first(self) -> bool:
        """It does what is done once for a data folder."""
        return self.worker == 0

    def doors(self) -> tuple[Path | None, tuple[Path, ...]]:
        """Ours, and those of the others."""
        if self.room is None:
            return None, ()
        doors = [self.room / str(number) for number in range(self.workers)]
        return doors[self.worker], tuple(one for one in doors if one is not doors[self.worker])


def build(settings: Settings, clock: Clock | None = None, options: Options | None = None) -> web.Application:
    """Everything wired, nothing open yet: the store and the tickers start with the application, and stop with it."""
    clock, options = clock or SystemClock(), options or Options()
    forbid(settings, options)
    folder = data_folder(settings)
    library = open_library(settings, folder, shelf_history(folder) if options.first else None)
    ready = ReadySounds(library)
    base, streams_open = addresses(settings, options)
    notices = Notices(folder / "notices.json", new_id)
    plans = PlanBook(
        ready,
        {"default": settings.queue("default"), **settings.queues},
        streams=streams_open,
        stream_only=catalogue.STREAM_ONLY,
        clock=clock,
        territory=settings.callers.region,
        notices=notices.of,
        hurried=notices.hurried,
        listened=lambda language: options.ears is not None or listened(settings, language),
    )
    metrics, movements = Metrics(__version__, clock), Movements()
    roster = Roster(clock, target(settings), zone_of(settings.queue("default")), movements.expected)
    store = catalogue.store(settings, metrics.committed, clock, metrics.degraded)
    outbound = Outbound(settings.service.allow_outgoing)
    numbers = PhoneNumbers(settings.callers.region)
    late: list[Intake] = []
    together: list[Together] = []
    lookup = Lookup(
        catalogue.directories(settings, numbers, outbound),
        clock,
        lambda ref, contact: late[0].contact_late(ref, contact),
        lambda source, result, seconds: metrics.looked_up(source, result.value, seconds),
        Limits(budget=settings.callers.budget),
    )
    secret = settings.service.secret
    pseudonyms = Pseudonyms(key_for(folder / "callers.key", secret))
    personal = Personal(good(settings.personal), own_voice(settings, folder), spoken_with(plans), clock)
    forget = forgetting(lookup, (roster.forget, personal.forget), pseudonyms)
    recognition = Recognition(
        numbers, pseudonyms.of, lookup.ask, lambda number: together[0].forget(number), personal.take, personal.items
    )
    own = OwnSounds(ready, personal)
    sounds = own if personal.speaks else ready
    spool = None if settings.store.url.startswith("memory:") else FileSpool(spool_of(folder, options.worker))
    offered = (name for name, rules in settings.queues.items() if rules.callback.offer)
    callbacks = Callbacks(store, clock, metrics.callback, options.sleep, offered)
    roster.owing, roster.away = callbacks.owing, metrics.away
    ways, ways_out = catalogue.webhooks(settings, clock)
    wanted, chance = catalogue.subscribers(settings), random.Random()
    outbox = Outbox(store.outbox, ways, wanted, clock, chance, metrics.outbox_tried, options.sleep)
    told = (outbox.facts, callbacks.facts, metrics.facts, lambda *news: together[0].facts(*news), trail.tell)
    intake = Intake(store, plans, recognition, FuzzyWords(), clock, told, spool, movements.of)
    late.append(intake)
    links = SignedLinks(base, key_for(folder / "audio.key", secret), own.address, ready.prompt_hash)
    captions = Captions(sounds, sounds)
    ears = options.ears or catalogue.ears(settings, lambda away: metrics.degraded("speech", away))
    hearing = hearing_of(ears, intake, plans, clock, metrics, captions)
    streams = Streams(
        intake.take_now,
        sounds,
        clock,
        metrics,
        lambda queue: plans.plan(queue).house,
        settings.streams.most,
        sleep=options.sleep,
        captions=captions,
        hearing=hearing,
        kept=intake.settle,
        fellows=catalogue.fellows(store),
    )
    intake.corrected = streams.anew
    tell = at_once(streams, plans.known)
    stretches = Stretches(sounds, personal, catalogue.fellows(store))
    shared = Together(
        catalogue.fellows(store),
        streams,
        roster,
        notices,
        (roster.facts, movements.facts, notices.facts, personal.facts),
        tell,
        lambda posted, queue: concerns(posted, queue, plans.known),
        forget,
        stretches.answer,
    )
    together.append(shared)
    streams.began, notices.changed = shared.begun, shared.board_changed
    keeper, gate = outside(settings, folder, library, clock, options)
    radio = Radio(plans.for_all, library.linear, settings.live.bitrate, random.Random())
    house = House(
        version=__version__,
        public_url=verified_url(settings),
        platforms=catalogue.platforms(settings, options.phone_token, options.insecure),
        intake=intake,
        plans=plans,
        links=links,
        sounds=sounds,
        stretches=stretches,
        store=store,
        roster=roster,
        movements=movements,
        streams=streams,
        broadcast=Broadcast(radio, clock, settings.live.most, options.sleep, AiringLog(folder / AIRINGS).keep),
        metrics=metrics,
        clock=clock,
        notices=notices,
        personal=personal,
        floor=Floor(notices, notice_voice(settings, folder, library), shared.put_up, clock, new_id),
        together=shared,
        callbacks=callbacks,
        outbox=outbox,
        numbers=bool(settings.api.token),
        scrape=Scrape(metrics, shared, store, *options.doors()),
        take_over=settings.streams.take_over and sys.platform != "win32",
        phone=bool(options.phone_token),
        announced=catalogue.announced(settings),
        outside=keeper.report if keeper is not None else tuple,
    )
    guard = Guard(
        settings.api.token, settings.metrics.allow, settings.live.allow, public=bool(settings.service.public_url)
    )
    routes, farewells = phone_line(settings, options, captions)
    application = server.make(house, guard, routes)
    application[FAREWELLS] = [*farewells, streams.close]
    if hearing is not None:
        application.cleanup_ctx.append(understanding(hearing, ears))
    ingest = options.ingest and options.first
    application.cleanup_ctx.append(running(house, library, folder, options.sleep, ingest, keeper))
    if not options.first:
        application.cleanup_ctx.append(following(library, options.sleep))
    if keep_days := settings.ledger.keep_days:
        ageing = Ageing(
            store, clock, keep_days, options.sleep, lambda name: metrics.webhook_rejected(name, "wait_gone")
        )
        intake.refused = ageing.refused
        application.cleanup_ctx.append(letting_go(ageing))
    if house.announced is not None:
        application.cleanup_ctx.append(lines(house, house.announced, settings, options.workers > 1))
    application.on_shutdown.append(lambda _: house.broadcast.close())
    application.on_cleanup.append(lambda _: closed(lookup, (outbound, gate, *ways_out), spool))
    return application


def outside(
    settings: Settings, folder: Path, library: Library, clock: Clock, options: Options
) -> tuple[Keeper | None, Outbound]:
    """Who looks after content from outside, and the gate through which it comes: with its own list of networks, for what a
    directory may be asked from is no business of a feed's."""
    gate = Outbound(settings.fetch.allow, at_once=FETCHED_AT_ONCE)
    if not (options.fetch and options.first):
        return None, gate
    shelf = FetchedShelf(folder / FETCHED)
    sources = catalogue.sources(settings, gate, quiz_voice(settings, folder, library))
    return Keeper(shelf, library, folder / "sound", sources, clock, random.Random(), options.sleep), gate


def target(settings: Settings) -> Target:
    """What was agreed on, for the wall and for reports."""
    said = settings.reports
    return Target(said.target_seconds, said.target_share, said.contract, said.short_abandon)


def spoken_with(plans: PlanBook) -> Callable[[HoldSession], str]:
    """The language in which a caller is spoken to."""
    return lambda session: plans.plan(session.queue, platform=session.ref.platform).spoken(session.language)


def forgetting(
    lookup: Lookup, others: tuple[Callable[[CallerId], None], ...], pseudonyms: Pseudonyms
) -> Callable[[PhoneNumber], None]:
    """What the process itself remembers of a caller, beside the store."""

    def forget(number: PhoneNumber) -> None:
        lookup.forget(number)
        for other in others:
            other(pseudonyms.of(number))

    return forget


def forbid(settings: Settings, options: Options) -> None:
    if options.insecure and settings.service.public_url:
        raise ConfigError(
            "service.public_url", "--insecure accepts unsigned webhooks and so never goes with a public URL"
        )
    if options.phone_token and (settings.service.public_url or not is_loopback(settings.service.host)):
        raise ConfigError(
            "service.host", "--phone places calls for whoever opens the page, and so only goes with loopback"
        )
    if options.insecure and not is_loopback(settings.service.host):
        raise ConfigError("service.host", "--insecure accepts unsigned webhooks and so only listens on loopback")


def data_folder(settings: Settings) -> Path:
    folder = settings.data_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError("service.data_dir", f"the folder {folder} cannot be made: {error.strerror}") from error
    return folder


def open_library(settings: Settings, folder: Path, history: ShelfHistory | None = None) -> Library:
    """`history` is told what stands on the shelves: by the service, so that those who only look write nothing."""
    media = Path(settings.media.folder).expanduser() if settings.media.folder else shipped("media")
    own = folder / "media"
    if not (media / "index.toml").is_file():
        raise ConfigError("media.folder", f"the shelf in {media} cannot be used: there is no index.toml in it")
    try:
        shelf = FetchedShelf(folder / FETCHED)
        shelf.mend()
        noted = history.note if history is not None else lambda items: None
        return Library.open(media, [media / "prepared", folder / "sound"], own, shelf.folder, shelf.hashes(), noted)
    except BadContent as error:
        raise ConfigError("media.folder", f"the shelf in {media} cannot be used: {error}") from error


def shelf_history(folder: Path) -> ShelfHistory:
    return ShelfHistory(folder / HISTORY, SystemClock().now)


def verified_url(settings: Settings) -> str:
    """What senders sign: configured, or this machine; never what a request says of itself."""
    given = settings.service.public_url.rstrip("/")
    if given and not given.startswith(("http://", "https://")):
        raise ConfigError("service.public_url", f"{given!r} will not do: it begins with https://")
    host = settings.service.host
    return given or f"http://{f'[{host}]' if ':' in host else host}:{settings.service.port}"


def addresses(settings: Settings, options: Options) -> tuple[str, bool]:
    """The base of what we render, and whether streams may be opened: platforms open them only by wss."""
    if settings.service.public_url.startswith("https://"):
        return verified_url(settings), True
    if options.phone_token:
        return verified_url(settings), True
    return "", False


def phone_line(
    settings: Settings, options: Options, captions: Captions
) -> tuple[list[web.RouteDef], list[Callable[[], Awaitable[None]]]]:
    """The browser phone's line, and how it takes leave."""
    if not options.phone_token:
        return [], []
    from holdsvc.simulator.line import Phone, line_routes  # only where the phone is mounted

    phones: set[Phone] = set()
    routes = line_routes(verified_url(settings), options.phone_token, captions=captions.of, phones=phones)
    for route in routes:
        access(Access.TOKEN)(route.handler)

    async def part() -> None:
        await asyncio.gather(*(phone.part() for phone in phones))

    return routes, [part]


async def drain(
    application: web.Application, settings: Settings, at_once: asyncio.Event, hang_up: Callable[[], None]
) -> None:
    """Take no new streams, and let those that there are end by themselves for a while; all else is served as ever."""
    house, window = application[HOUSE], settings.service.drain_seconds
    house.together.ready(False)
    await draining.drain(house.streams, house.plans, window, at_once, house.together.elsewhere, hang_up)


async def take_leave(application: web.Application) -> None:
    """Before it stops to answer: phones of ours hang up and streams end, so that the last news of their calls is still kept."""
    application[HOUSE].streams.draining = True
    for farewell in application[FAREWELLS]:
        await farewell()


async def closed(lookup: Lookup, gates: tuple[Outbound, ...], spool: FileSpool | None) -> None:
    await lookup.close()
    for gate in gates:
        await gate.close()
    if spool is not None:
        await asyncio.to_thread(spool.close)


def new_id() -> str:
    return secrets.token_hex(4)


def new_token() -> str:
    return secrets.token_hex(16)
