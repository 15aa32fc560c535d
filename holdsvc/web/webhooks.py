"""`/hooks/{platform}/{step}`: verify, parse, decide, keep, answer. Whatever fails, a genuine request gets an answer that plays."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from urllib.parse import parse_qsl

from aiohttp import web
from msgspec.structs import replace

from holdsvc.calls.briefing import brief
from holdsvc.calls.instructions import Brief, Instruction, OpenStream
from holdsvc.calls.model import CallId, CallRef, QueueName
from holdsvc.engine.intake import Taken
from holdsvc.errors import BadWebhook, Unverified
from holdsvc.ports import Destination, Platform, Reply, Report, Scene, WebhookRequest
from holdsvc.web.access import Access, access
from holdsvc.web.house import HOUSE, House

MOST_BODY = 64 * 1024  # bytes; a genuine form is a few hundred
ANSWER_WITHIN = 1.5  # seconds; the strictest platform gives up after two or three
NEWS_WITHIN = 10.0  # where nobody on the line waits: an answer says that it is kept, and platforms give it fifteen
BODY_WITHIN = 10.0  # seconds; a platform sends its few hundred bytes at once
LONGEST_NAME = 64  # characters of a queue's name
NOBODY = CallRef("", CallId(""))
log = logging.getLogger(__name__)


@access(Access.SIGNED)
async def hook(request: web.Request) -> web.StreamResponse:
    house, step = request.app[HOUSE], request.match_info["step"]
    platform = house.platforms.get(request.match_info["platform"])
    if platform is None or step not in platform.steps:
        raise web.HTTPNotFound
    began = house.clock.monotonic()
    try:
        incoming = await read(request, house, step)
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    try:
        reply = await answer(house, platform, incoming)
    except Unverified as refused:
        house.metrics.webhook_rejected(platform.name, refused.reason)
        log.warning("webhook_refused", extra={"platform": platform.name, "step": step, "reason": refused.reason})
        raise web.HTTPForbidden(text="") from refused
    house.metrics.webhook_answered(platform.name, step, house.clock.monotonic() - began)
    return web.Response(body=reply.body, status=reply.status, headers={"Content-Type": reply.content_type})


async def read(request: web.Request, house: House, step: str) -> WebhookRequest:
    return WebhookRequest(
        step=step,
        method=request.method,
        url=f"{house.public_url}{request.raw_path}",
        query=request.raw_path.partition("?")[2],
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await asyncio.wait_for(request.read(), BODY_WITHIN),
        at=house.clock.now(),
    )


async def answer(house: House, platform: Platform, incoming: WebhookRequest) -> Reply:
    verified = platform.verify(incoming)
    try:
        if len(incoming.body) > MOST_BODY:
            raise BadWebhook("too_large")
        report = platform.parse(verified)
        if report is None:
            return platform.render(NOBODY, (), scene(house, incoming, QueueName("default"), 0))
        if not house.plans.known(report.queue):
            house.metrics.webhook_rejected(platform.name, "unknown_queue")
        for doubt in report.doubts:
            house.metrics.webhook_rejected(platform.name, doubt)
            log.warning("webhook_doubted", extra={"platform": platform.name, "reason": doubt})
        return await in_time(house, platform, incoming, report)
    except BadWebhook as error:
        house.metrics.webhook_rejected(platform.name, error.reason)
        log.warning("webhook_not_understood", extra={"platform": platform.name, "reason": error.reason})
    except TimeoutError:
        house.metrics.webhook_rejected(platform.name, "late")
        log.error("webhook_late", extra={"platform": platform.name, "step": incoming.step, "heard": "house music"})
    except Exception:
        house.metrics.webhook_rejected(platform.name, "fault")
        log.exception("webhook_fault", extra={"platform": platform.name, "step": incoming.step, "heard": "house music"})
    queue = named_queue(incoming)
    return platform.fallback(scene(house, incoming, queue, 0), house.plans.plan(queue).house)


async def in_time(house: House, platform: Platform, incoming: WebhookRequest, report: Report) -> Reply:
    """Raise `TimeoutError` where it takes too long: then it goes on, and is put by for the case that we die meanwhile."""
    deciding = asyncio.ensure_future(decided(house, platform, incoming, report))
    within = NEWS_WITHIN if incoming.step in platform.can.news else ANSWER_WITHIN
    try:
        return await asyncio.wait_for(asyncio.shield(deciding), within)
    except TimeoutError:
        house.intake.goes_on(deciding)
        await house.intake.unkept.note(report)
        raise


def named_queue(incoming: WebhookRequest) -> QueueName:
    """The queue that our own addresses name, so that even a fallback keeps the caller in it."""
    named = dict(parse_qsl(incoming.query)).get("queue", "")
    return QueueName(named if named.isprintable() and 0 < len(named) <= LONGEST_NAME else "default")


async def decided(house: House, platform: Platform, incoming: WebhookRequest, report: Report) -> Reply:
    if not report.events:
        todo = (Brief(head_of(house, report.queue)),)
        return platform.render(report.ref, todo, scene(house, incoming, report.queue, 0))
    if report.stream and not house.plans.begins_streams:
        report = replace(report, stream=False)
    taken = await house.intake.report(report)
    if taken.repeated:
        house.metrics.webhook_repeated(platform.name)
    return platform.render(report.ref, taken.instructions, await set_scene(house, incoming, taken))


def head_of(house: House, queue: QueueName) -> tuple[str, ...]:
    """What an agent who asks for the next caller is told."""
    waiting = house.roster.waiting(queue)
    return brief(waiting[0], house.clock.now()) if waiting else ()


async def set_scene(house: House, incoming: WebhookRequest, taken: Taken) -> Scene:
    session = taken.session
    room = not house.streams.full or house.together.elsewhere()  # else the platform's own queue must do
    opens = room and opens_stream(taken.instructions)
    token = await house.streams.tickets.issue(session.ref, session.queue) if opens else ""
    turn = house.intake.unkept.turn(session)
    return replace(scene(house, incoming, session.queue, turn, token), wait=session.ref.wait)


def opens_stream(todo: Sequence[Instruction]) -> bool:
    return any(isinstance(one, OpenStream) for one in todo)


def scene(house: House, incoming: WebhookRequest, queue: QueueName, turn: int, token: str = "") -> Scene:
    rules = house.plans.rules(queue)
    return Scene(
        step=incoming.step,
        queue=queue,
        turn=turn,
        at=incoming.at,
        links=house.links,
        seconds_of=house.sounds.prompt_seconds,
        length_of=house.sounds.content_seconds,
        token=token,
        streams=bool(token),
        segment=rules.segment_seconds,
        hand_over=rules.hand_over if rules.hand_over != Destination() else Destination(enqueue=queue),
        departures=rules.departures,
    )
