"""What the routes work with: the parts of the house, put together by `app`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web
from msgspec import Struct

from holdsvc.clock import Clock
from holdsvc.engine.broadcast import Broadcast
from holdsvc.engine.callbacks import Callbacks
from holdsvc.engine.floor import Floor
from holdsvc.engine.intake import Intake
from holdsvc.engine.links import SignedLinks
from holdsvc.engine.metrics import Metrics
from holdsvc.engine.movements import Movements
from holdsvc.engine.notices import Notices
from holdsvc.engine.outbox import Outbox
from holdsvc.engine.personal import Personal
from holdsvc.engine.plans import PlanBook
from holdsvc.engine.roster import Roster
from holdsvc.engine.scrape import Scrape
from holdsvc.engine.streams import Streams
from holdsvc.engine.stretches import Stretches
from holdsvc.engine.together import Together
from holdsvc.ports import LinePlatform, Platform, Sounds, SourceReport, Store


class House(Struct, frozen=True):
    version: str
    public_url: str  # what platforms sign and fetch; "" where relative addresses must do
    platforms: Mapping[str, Platform]
    intake: Intake
    plans: PlanBook
    links: SignedLinks
    sounds: Sounds
    stretches: Stretches
    store: Store
    roster: Roster
    movements: Movements
    streams: Streams
    broadcast: Broadcast
    metrics: Metrics
    clock: Clock
    notices: Notices
    personal: Personal
    floor: Floor
    together: Together
    callbacks: Callbacks
    outbox: Outbox
    scrape: Scrape
    take_over: bool = False  # the engine has the sockets of streams to itself, where that can be
    numbers: bool = False  # who asks the API bears its token, and may see callers' numbers
    phone: bool = False  # the browser phone is mounted
    announced: LinePlatform | None = None  # whose calls are announced through the API; None: nobody's
    outside: Callable[[], tuple[SourceReport, ...]] = tuple  # how it stands with content that comes from outside


HOUSE: web.AppKey[House] = web.AppKey("house", House)
