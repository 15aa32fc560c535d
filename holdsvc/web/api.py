"""`/api/v1/...`: the calls, the waits, the queues and the content, for agents' screens and for whoever integrates us.

The routes stand in one table, and the OpenAPI description is made from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus

import msgspec
from aiohttp import web
from msgspec import Struct

from holdsvc.calls import asking
from holdsvc.calls.briefing import brief
from holdsvc.calls.estimate import Expected
from holdsvc.calls.events import ReleaseAsked
from holdsvc.calls.history import Hold
from holdsvc.calls.model import Contact, ContentItem, EventId, Identity, Outcome, Owed, PastWait, QueueName
from holdsvc.calls.plan import Media
from holdsvc.calls.record import WaitRecord
from holdsvc.calls.session import Chosen, HoldSession, Listened
from holdsvc.calls.waits import over
from holdsvc.engine.day import Wall
from holdsvc.ports import SourceReport, WaitQuery
from holdsvc.web import callbacks, notices, outbox
from holdsvc.web.access import Access, access
from holdsvc.web.announce import AnnounceCall, Announced, announce
from holdsvc.web.answers import answer, refuse
from holdsvc.web.house import HOUSE, House
from holdsvc.web.routes import ApiRoute, Parameter

MOST_ROWS = 1000


class WaitingCall(Struct, frozen=True):
    call: str
    platform: str
    queue: str
    caller: str | None
    masked: str
    began: datetime | None
    waited_seconds: float
    stage: str
    position: int | None
    hearing: str | None
    expected_seconds: Expected | None  # still to wait; None: not known


class CallContext(Struct, frozen=True):
    """What an agent needs to know of a call, so that nobody has to say it twice."""

    call: str
    platform: str
    queue: str
    stage: str
    caller: str | None
    masked: str
    contact: Contact | None
    identity: Identity  # how sure it is that the contact is the caller: none, number, verified
    language: str
    began: datetime | None
    waited_seconds: float
    outcome: Outcome | None
    hearing: str | None
    asked: str  # the choice of which the caller was asked last whether it was meant, and has not answered; "" for none
    choices: tuple[Chosen, ...]
    listened: tuple[Listened, ...]
    holds: tuple[Hold, ...]
    past: tuple[PastWait, ...]
    earlier: tuple[PastWait, ...]  # waits of this very call, in the queues where it was before
    owed: tuple[Owed, ...]  # call-backs that the caller still waits for
    brief: tuple[str, ...]


class Calls(Struct, frozen=True):
    calls: tuple[WaitingCall, ...]


class Waits(Struct, frozen=True):
    waits: tuple[WaitRecord, ...]
    next: int | None  # give it as `after` for the rows that follow; None: that was all


class QueueOffer(Struct, frozen=True):
    queue: str
    media: str
    language: str
    waiting: int
    choices: tuple[str, ...]
    expected_seconds: Expected | None  # for a caller who came now and had to wait; None: not known


class Queues(Struct, frozen=True):
    queues: tuple[QueueOffer, ...]


class Content(Struct, frozen=True):
    items: tuple[ContentItem, ...]


class Outside(Struct, frozen=True):
    sources: tuple[SourceReport, ...]


class Released(Struct, frozen=True):
    call: str
    released: bool


class ForgetCaller(Struct, frozen=True):
    number: str


class Forgotten(Struct, frozen=True):
    waits: int  # that are anonymous now


@access(Access.TOKEN)
async def calls(request: web.Request) -> web.StreamResponse:
    house = request.app[HOUSE]
    waiting = house.roster.waiting(request.query.get("queue", ""))
    expected = house.movements.expected_by(waiting, house.clock.now())
    return answer(Calls(tuple(waiting_call(house, one, expected.get(one.ref)) for one in waiting)))


@access(Access.TOKEN)
async def call(request: web.Request) -> web.StreamResponse:
    house = request.app[HOUSE]
    session = await find(request)
    return answer(context(house, session, await house.intake.waits(session.ref.whole)))


@access(Access.TOKEN)
async def release(request: web.Request) -> web.StreamResponse:
    """Any number of times: the first releases, the others find it done."""
    house = request.app[HOUSE]
    session = await find(request)
    if house.intake.plan(session).media is not Media.STREAM:
        refuse(
            HTTPStatus.CONFLICT, "this caller waits in the platform's own queue; let an agent take the call from there"
        )
    at = house.clock.now()
    event = ReleaseAsked(at=at, id=EventId(f"{session.ref.call}+release"))
    known = None if session.released else session  # a repetition rests on what is kept now
    taken = await house.intake.take(session.ref, session.queue, (event,), known)
    if taken.session.streaming:
        await house.together.perform(session.ref, taken.instructions)
    return answer(Released(session.ref.call, released=taken.session.released))


async def find(request: web.Request) -> HoldSession:
    """A live call, or one that ended a while ago, by the platform's id; `platform` tells apart where two platforms share one."""
    house, name = request.app[HOUSE], request.match_info["call"]
    session = house.roster.get(name)
    if session is None:
        session = await house.intake.find(name, tuple(house.platforms))
    if session is None:
        refuse(HTTPStatus.NOT_FOUND, f"there is no call {name!r:.80}; live calls are listed at /api/v1/calls")
    return session


@access(Access.TOKEN)
async def forget_caller(request: web.Request) -> web.StreamResponse:
    """Erase number, profile and pseudonym; the waits stay, anonymous."""
    try:
        wanted = msgspec.json.decode(await request.read(), type=ForgetCaller)
    except msgspec.DecodeError as error:
        refuse(HTTPStatus.BAD_REQUEST, f"the body will not do: {error}")
    waits = await request.app[HOUSE].intake.forget(wanted.number)
    if waits is None:
        refuse(HTTPStatus.BAD_REQUEST, "that is no telephone number; write it with its country code")
    return answer(Forgotten(waits))


@access(Access.TOKEN)
async def waits(request: web.Request) -> web.StreamResponse:
    query = wait_query(request.query)
    rows = await request.app[HOUSE].store.waits(query)
    more = rows[-1].row if len(rows) == query.most else None
    return answer(Waits(tuple(rows), more))


def wait_query(given: Mapping[str, str]) -> WaitQuery:
    try:
        known = {name: given[name] for name in ("since", "until", "queue", "outcome", "after", "most") if name in given}
        query = msgspec.convert(known, WaitQuery, strict=False)
    except msgspec.ValidationError as error:
        refuse(HTTPStatus.BAD_REQUEST, f"the query will not do: {error}")
    if query.outcome and query.outcome not in list(Outcome):
        refuse(HTTPStatus.BAD_REQUEST, f"outcome is one of {', '.join(Outcome)}")
    if not 1 <= query.most <= MOST_ROWS or query.after < 0:
        refuse(HTTPStatus.BAD_REQUEST, f"most is 1 to {MOST_ROWS}, after is 0 or more")
    return query


@access(Access.TOKEN)
async def queues(request: web.Request) -> web.StreamResponse:
    house = request.app[HOUSE]
    return answer(Queues(tuple(offer(house, name) for name in house.plans.names())))


@access(Access.TOKEN)
async def content(request: web.Request) -> web.StreamResponse:
    return answer(Content(tuple(request.app[HOUSE].plans.items())))


@access(Access.TOKEN)
async def sources(request: web.Request) -> web.StreamResponse:
    return answer(Outside(request.app[HOUSE].outside()))


@access(Access.TOKEN)
async def wall(request: web.Request) -> web.StreamResponse:
    house = request.app[HOUSE]
    return answer(house.roster.wall(house.plans.names()))


def offer(house: House, name: str) -> QueueOffer:
    plan = house.plans.plan(QueueName(name))
    return QueueOffer(
        queue=name,
        media=plan.media.value,
        language=plan.language,
        waiting=len(house.roster.waiting(name)),
        choices=tuple(choice.id for choice in plan.menu.choices),
        expected_seconds=house.movements.expected(QueueName(name), house.clock.now()),
    )


def waiting_call(house: House, session: HoldSession, expected: Expected | None) -> WaitingCall:
    wait = session.history.wait
    return WaitingCall(
        call=session.ref.call,
        platform=session.ref.platform,
        queue=session.queue,
        caller=session.caller,
        masked=session.masked,
        began=wait.began if wait else None,
        waited_seconds=waited(session, house.clock.now()),
        stage=session.history.stage.value,
        position=session.position,
        hearing=session.now,
        expected_seconds=expected,
    )


def context(house: House, session: HoldSession, known: Sequence[HoldSession]) -> CallContext:
    """`known`: all waits of the call."""
    wait, now = session.history.wait, house.clock.now()
    return CallContext(
        call=session.ref.call,
        platform=session.ref.platform,
        queue=session.queue,
        stage=session.history.stage.value,
        caller=session.caller,
        masked=session.masked,
        contact=session.contact,
        identity=session.identity,
        language=session.language,
        began=wait.began if wait else None,
        waited_seconds=waited(session, now),
        outcome=session.outcome,
        hearing=session.now,
        asked=asking.open_question(session, now),
        choices=session.choices,
        listened=session.listened,
        holds=session.history.holds,
        past=session.past,
        earlier=tuple(past for one in known if one.ref.wait < session.ref.wait and (past := over(one))),
        owed=session.owed,
        brief=brief(session, now),
    )


def waited(session: HoldSession, now: datetime) -> float:
    wait = session.history.wait
    return round(((wait.ended or now) - wait.began).total_seconds(), 3) if wait else 0.0


ROUTES = (
    ApiRoute(
        "GET",
        "/api/v1/calls",
        calls,
        "Calls waiting, the longest first",
        Calls,
        (Parameter("queue", "only this queue"),),
    ),
    ApiRoute("GET", "/api/v1/calls/{call}", call, "A call's context for the agent", CallContext),
    ApiRoute(
        "POST",
        "/api/v1/calls/announce",
        announce,
        "A call is on hold and will connect over AudioSocket with this id",
        Announced,
        body=AnnounceCall,
        refusals=(
            ("404", "AudioSocket is off"),
            ("409", "this id has been used"),
            ("503", "all streams are taken"),
        ),
    ),
    ApiRoute(
        "POST",
        "/api/v1/calls/{call}/release",
        release,
        "An agent is ready: end the stream, hand the caller over",
        Released,
        refusals=(("409", "the call is on no stream of ours"),),
    ),
    ApiRoute(
        "GET",
        "/api/v1/waits",
        waits,
        "The wait log, oldest first, in pages",
        Waits,
        (
            Parameter("since", "began at or after, ISO 8601"),
            Parameter("until", "began before, ISO 8601"),
            Parameter("queue", "only this queue"),
            Parameter("outcome", "only this outcome"),
            Parameter("after", "the `next` of the page before", "integer"),
            Parameter("most", f"rows in a page, 1 to {MOST_ROWS}", "integer"),
        ),
    ),
    ApiRoute(
        "GET",
        "/api/v1/callbacks",
        callbacks.callbacks,
        "Call-backs that callers asked for, in the order in which their waits began",
        callbacks.OwedCalls,
        (Parameter("state", "only open ones, or only this state"), Parameter("queue", "only this queue")),
    ),
    ApiRoute(
        "POST",
        "/api/v1/callbacks/{callback}",
        callbacks.move_callback,
        "Take it to call, or say what became of it",
        callbacks.OwedCall,
        body=callbacks.MoveCallback,
        refusals=(("404", "no such call-back"), ("409", "somebody else is calling, or it is over")),
    ),
    *outbox.ROUTES,
    ApiRoute("POST", "/api/v1/callers/forget", forget_caller, "Erase a caller", Forgotten, body=ForgetCaller),
    ApiRoute("GET", "/api/v1/queues", queues, "The queues and what they offer", Queues),
    ApiRoute("GET", "/api/v1/notices", notices.board, "Words from the floor that hold now", notices.NoticeBoard),
    ApiRoute(
        "POST",
        "/api/v1/notices",
        notices.post,
        "Say something to all who wait, once to each; a typed text is spoken first, then it holds",
        notices.Shown,
        body=notices.PostNotice,
        refusals=(
            ("404", "no such queue or prompt"),
            ("409", "too many notices hold already, or there is no synthesiser to speak a text"),
        ),
    ),
    ApiRoute(
        "POST",
        "/api/v1/notices/hurry",
        notices.hurry,
        "Keep documents short for a while, so that what is put up is heard in some seconds",
        notices.Hurried,
        body=notices.Hurry,
        refusals=(("404", "no such queue"),),
    ),
    ApiRoute(
        "DELETE",
        "/api/v1/notices/{notice}",
        notices.withdraw,
        "Withdraw a notice; who has not heard it will not",
        notices.Withdrawn,
    ),
    ApiRoute("GET", "/api/v1/content", content, "What can be played now, with its licence", Content),
    ApiRoute("GET", "/api/v1/sources", sources, "Podcasts and updates: how far they are, and their faults", Outside),
    ApiRoute("GET", "/api/v1/wall", wall, "The wallboard's figures", Wall),
)
