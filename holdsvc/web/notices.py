"""`/api/v1/notices`: what ops have to say to all who wait. On live streams it is heard at once, else behind the present piece."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus

import msgspec
from aiohttp import web
from msgspec import Struct, field
from msgspec.structs import replace

from holdsvc.calls.model import PromptId
from holdsvc.engine.audience import Audience, audiences, waiting
from holdsvc.engine.floor import NO_VOICE, TYPED, Draft, Unsayable
from holdsvc.engine.notices import MOST, Posted, TooMany
from holdsvc.web.access import Access, access
from holdsvc.web.answers import answer, refuse
from holdsvc.web.house import HOUSE, House

MOST_MINUTES = 7 * 24 * 60
MOST_HURRIED = 12 * 60  # minutes
PREFIX = "notice_"
LIVE, SPEAKING, FAILED = "live", "speaking", "failed"


class PostNotice(Struct, frozen=True):
    prompt: str = ""  # one of `prompts`; or
    texts: Mapping[str, str] = field(default_factory=dict)  # language -> words, to be spoken first
    queue: str = ""  # "" = every queue
    minutes: float = 60.0


class Hurry(Struct, frozen=True):
    """For so long, documents are short in a queue: what is put up then is heard in some seconds; 0 minutes ends it."""

    queue: str = ""  # "" = every queue
    minutes: float = 30.0


class Hurried(Struct, frozen=True):
    queue: str
    until: datetime


class Shown(Struct, frozen=True):
    """A notice that holds, or is on its way. All numbers are callers, counted now."""

    id: str
    queue: str
    prompt: str
    text: str  # in the first language that has it
    since: datetime
    until: datetime
    state: str = LIVE  # live; speaking: it goes live when it has been spoken; failed: it will not
    fault: str = ""  # why it failed
    heard_at_once: int = 0  # live streams that were interrupted when it was put up; in the answer to that alone
    told: int = (
        0  # since it was put up, those who have gone included; counted when their document or stream begins with it
    )
    waiting: int = 0  # wait and will be told
    waiting_live: int = 0  # of these on live streams, that is now
    within: int = 0  # seconds within which the others do: what they hear at the moment is played to its end
    left_out: int = 0  # wait and will not be told: they want no talk, or it is not there in their language


class Wording(Struct, frozen=True):
    prompt: str
    text: str  # in the first language that has it
    languages: tuple[str, ...]


class Waiting(Struct, frozen=True):
    """Who waits in a queue now, and would hear a word that was put up now; counted over the calls."""

    queue: str
    live: int  # at once
    later: int  # when what they hear is over
    within: int  # seconds until the last of these
    left_out: int  # want no talk


class NoticeBoard(Struct, frozen=True):
    notices: tuple[Shown, ...]
    prompts: tuple[Wording, ...]  # what can be put up: recordings whose name begins with notice_
    languages: tuple[str, ...]  # in which a text may be typed; () where there is no synthesiser
    waiting: tuple[Waiting, ...] = ()  # queues in which nobody waits are left out
    cannot_type: str = ""  # why
    hurried: tuple[Hurried, ...] = ()  # queues in which documents are short at present, since a word may come


class Withdrawn(Struct, frozen=True):
    id: str


@access(Access.TOKEN)
async def board(request: web.Request) -> web.StreamResponse:
    house = request.app[HOUSE]
    listening = listeners(house)
    told = (shown(house, one, listening) for one in house.notices.all(house.clock.now()))
    coming = (drafted(one) for one in house.floor.drafts)
    languages = tuple(house.plans.prompts()) if house.floor.speaks else ()
    why = "" if house.floor.speaks else f"{NO_VOICE}."
    return answer(NoticeBoard((*told, *coming), wordings(house), languages, queues(house), why, hurries(house)))


@access(Access.TOKEN)
async def post(request: web.Request) -> web.StreamResponse:
    house = request.app[HOUSE]
    try:
        wanted = msgspec.json.decode(await request.read(), type=PostNotice)
    except (msgspec.DecodeError, RecursionError) as error:
        refuse(HTTPStatus.BAD_REQUEST, f"the body will not do: {error}")
    hold_to_rules(house, wanted)
    span = timedelta(minutes=wanted.minutes)
    try:
        if wanted.texts:
            return answer(drafted(house.floor.write(wanted.queue, wanted.texts, span)), HTTPStatus.ACCEPTED)
        posted, told = await house.floor.put_up(wanted.queue, wanted.prompt, span)
    except Unsayable as error:
        refuse(HTTPStatus.BAD_REQUEST if house.floor.speaks else HTTPStatus.CONFLICT, str(error))
    except TooMany:
        refuse(HTTPStatus.CONFLICT, f"{MOST} notices hold already; withdraw one first")
    return answer(replace(shown(house, posted, listeners(house)), heard_at_once=told), HTTPStatus.CREATED)


@access(Access.TOKEN)
async def hurry(request: web.Request) -> web.StreamResponse:
    house = request.app[HOUSE]
    try:
        wanted = msgspec.json.decode(await request.read(), type=Hurry)
    except (msgspec.DecodeError, RecursionError) as error:
        refuse(HTTPStatus.BAD_REQUEST, f"the body will not do: {error}")
    must_be_known(house, wanted.queue)
    if not 0 <= wanted.minutes <= MOST_HURRIED:
        refuse(
            HTTPStatus.BAD_REQUEST,
            f"minutes is 0 to {MOST_HURRIED}; a queue that is always in a hurry has segment_seconds",
        )
    until = house.clock.now() + timedelta(minutes=wanted.minutes)
    house.notices.hurry(wanted.queue, until)
    return answer(Hurried(wanted.queue, until))


@access(Access.TOKEN)
async def withdraw(request: web.Request) -> web.StreamResponse:
    name = request.match_info["notice"]
    if not request.app[HOUSE].floor.drop(name):
        refuse(HTTPStatus.NOT_FOUND, f"there is no notice {name!r:.80}; those that hold are listed at /api/v1/notices")
    return answer(Withdrawn(name))


def must_be_known(house: House, queue: str) -> None:
    if queue and not house.plans.known(queue):
        refuse(HTTPStatus.NOT_FOUND, f"there is no queue {queue!r:.80}; the queues are listed at /api/v1/queues")


def hold_to_rules(house: House, wanted: PostNotice) -> None:
    must_be_known(house, wanted.queue)
    if not 0 < wanted.minutes <= MOST_MINUTES:
        refuse(HTTPStatus.BAD_REQUEST, f"minutes is more than 0 and at most {MOST_MINUTES}")
    if bool(wanted.prompt) == bool(wanted.texts):
        refuse(HTTPStatus.BAD_REQUEST, "it takes one of prompt and texts")
    if wanted.prompt and wanted.prompt not in {one.prompt for one in wordings(house)}:
        refuse(
            HTTPStatus.NOT_FOUND,
            f"there is no prompt {wanted.prompt!r:.80} to put up; /api/v1/notices lists those that there are. "
            f"Add one of your own as prompts/<language>/{PREFIX}<name>.opus in the media folder",
        )


def queues(house: House) -> tuple[Waiting, ...]:
    found = waiting(house.roster.live(), house.clock.now())
    return tuple(
        Waiting(queue, one.at_once, one.later, one.within, one.left_out) for queue, one in sorted(found.items())
    )


def hurries(house: House) -> tuple[Hurried, ...]:
    return tuple(Hurried(queue, until) for queue, until in house.notices.hurries(house.clock.now()).items())


def wordings(house: House) -> tuple[Wording, ...]:
    """Those that are recorded and ready, with their text in the first language that has it."""
    spoken = languages_of(house)
    recorded = sorted(name for name in spoken if name.startswith(PREFIX))
    return tuple(Wording(name, text(house, spoken[name][0], name), tuple(spoken[name])) for name in recorded)


def languages_of(house: House) -> dict[PromptId, list[str]]:
    spoken: dict[PromptId, list[str]] = {}
    for language, prompts in house.plans.prompts().items():
        for name in prompts:
            if name.startswith((PREFIX, TYPED)):
                spoken.setdefault(name, []).append(language)
    return spoken


def text(house: House, language: str, prompt: PromptId) -> str:
    return house.sounds.caption(house.sounds.prompt_hash(language, prompt))


def listeners(house: House) -> Mapping[str, Audience]:
    return audiences(house.roster.live(), house.intake.plan, house.clock.now())


def shown(house: House, posted: Posted, listening: Mapping[str, Audience]) -> Shown:
    prompt, audience = PromptId(posted.prompt), listening.get(posted.id, Audience())
    languages = languages_of(house).get(prompt, [])
    return Shown(
        posted.id,
        posted.queue,
        posted.prompt,
        text(house, languages[0], prompt) if languages else "",
        posted.since,
        posted.until,
        told=max(house.notices.told(posted.id), audience.told),
        waiting=audience.at_once + audience.later,
        waiting_live=audience.at_once,
        within=audience.within,
        left_out=audience.left_out,
    )


def drafted(draft: Draft) -> Shown:
    words, state = next(iter(draft.texts.values()), ""), FAILED if draft.fault else SPEAKING
    return Shown(draft.id, draft.queue, "", words, draft.since, draft.since + draft.span, state, draft.fault)
