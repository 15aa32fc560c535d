"""`/api/v1/notices`: what ops have to say to all who wait. On live streams it is heard at once, else with the next document."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus

import msgspec
from aiohttp import web
from msgspec import Struct

from holdsvc.calls.events import NoticePosted
from holdsvc.calls.model import EventId, PromptId
from holdsvc.engine.notices import MOST, Posted, TooMany
from holdsvc.web.access import Access, access
from holdsvc.web.answers import answer, refuse
from holdsvc.web.house import HOUSE, House

MOST_MINUTES = 7 * 24 * 60
PREFIX = "notice_"


class PostNotice(Struct, frozen=True):
    prompt: str  # one of `prompts`
    queue: str = ""  # "" = every queue
    minutes: float = 60.0


class Shown(Struct, frozen=True):
    """A notice that holds. `heard_at_once`: callers on live streams when it was put up; others hear it with their next document."""

    id: str
    queue: str
    prompt: str
    since: datetime
    until: datetime
    heard_at_once: int = 0


class Wording(Struct, frozen=True):
    prompt: str
    text: str  # in the first language that has it
    languages: tuple[str, ...]


class NoticeBoard(Struct, frozen=True):
    notices: tuple[Shown, ...]
    prompts: tuple[Wording, ...]  # what can be put up: recordings whose name begins with notice_


class Withdrawn(Struct, frozen=True):
    id: str


@access(Access.TOKEN)
async def board(request: web.Request) -> web.StreamResponse:
    house = request.app[HOUSE]
    told = tuple(shown(one) for one in house.notices.all(house.clock.now()))
    return answer(NoticeBoard(told, wordings(house)))


@access(Access.TOKEN)
async def post(request: web.Request) -> web.StreamResponse:
    house = request.app[HOUSE]
    try:
        wanted = msgspec.json.decode(await request.read(), type=PostNotice)
    except msgspec.DecodeError as error:
        refuse(HTTPStatus.BAD_REQUEST, f"the body will not do: {error}")
    hold_to_rules(house, wanted)
    now = house.clock.now()
    try:
        posted = house.notices.post(wanted.queue, wanted.prompt, now, now + timedelta(minutes=wanted.minutes))
    except TooMany:
        refuse(HTTPStatus.CONFLICT, f"{MOST} notices hold already; withdraw one first")
    told = await house.streams.interrupt(
        lambda queue: not posted.queue or queue == posted.queue,
        lambda stream, at: NoticePosted(at=at, id=EventId(f"{stream}:{posted.id}")),
    )
    return answer(shown(posted, told), 201)


@access(Access.TOKEN)
async def withdraw(request: web.Request) -> web.StreamResponse:
    name = request.match_info["notice"]
    if not request.app[HOUSE].notices.withdraw(name):
        refuse(HTTPStatus.NOT_FOUND, f"there is no notice {name!r:.80}; those that hold are listed at /api/v1/notices")
    return answer(Withdrawn(name))


def hold_to_rules(house: House, wanted: PostNotice) -> None:
    if wanted.queue and not house.plans.known(wanted.queue):
        refuse(HTTPStatus.NOT_FOUND, f"there is no queue {wanted.queue!r:.80}; the queues are listed at /api/v1/queues")
    if wanted.prompt not in {one.prompt for one in wordings(house)}:
        refuse(
            HTTPStatus.NOT_FOUND,
            f"there is no prompt {wanted.prompt!r:.80} to put up; /api/v1/notices lists those that there are. "
            f"Add one of your own as prompts/<language>/{PREFIX}<name>.opus in the media folder",
        )
    if not 0 < wanted.minutes <= MOST_MINUTES:
        refuse(HTTPStatus.BAD_REQUEST, f"minutes is more than 0 and at most {MOST_MINUTES}")


def wordings(house: House) -> tuple[Wording, ...]:
    """Those that are recorded and ready, with their text in the first language that has it."""
    spoken: dict[PromptId, list[str]] = {}
    for language, prompts in house.plans.prompts().items():
        for name in prompts:
            if name.startswith(PREFIX):
                spoken.setdefault(name, []).append(language)
    return tuple(Wording(name, text(house, spoken[name][0], name), tuple(spoken[name])) for name in sorted(spoken))


def text(house: House, language: str, prompt: PromptId) -> str:
    return house.sounds.caption(house.sounds.prompt_hash(language, prompt))


def shown(posted: Posted, told: int = 0) -> Shown:
    return Shown(posted.id, posted.queue, posted.prompt, posted.since, posted.until, told)
