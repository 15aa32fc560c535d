"""`POST /api/v1/calls/announce`: a call is on hold over there, and will connect in a moment with this id."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

import msgspec
from aiohttp import web
from msgspec import Struct

from holdsvc.calls.events import CallArrived, CallerIdentified, CallEvent
from holdsvc.calls.model import CallId, CallRef, EventId, Identity, QueueName
from holdsvc.engine.tokens import LIFE
from holdsvc.errors import BadWebhook, UnknownCall, Unverified
from holdsvc.ports import Report
from holdsvc.web.access import Access, access
from holdsvc.web.house import HOUSE, House

FORM = "application/x-www-form-urlencoded"  # what a dialplan sends most easily
LONGEST_NAME, LONGEST_NUMBER, LONGEST_ACCOUNT = 64, 256, 200  # characters


class AnnounceCall(Struct, frozen=True, forbid_unknown_fields=True):
    queue: str = "default"
    caller: str = ""  # the number, as the telephone system writes it
    identity: Identity | None = None  # "verified": you have asked the caller, and this is whom the number belongs to
    account: str = ""  # which account you asked about, as your directory names it; "" = the number's
    uuid: str = ""  # as the call will name itself; hard to guess, for it is the token as well. "" = we make one


class Announced(Struct, frozen=True):
    call: str  # the id to connect with, and our name for the call from now on
    seconds: float  # within which to connect


@access(Access.TOKEN)
async def announce(request: web.Request) -> web.StreamResponse:
    """The wait begins now. Asked again before the call has connected, it is the same call, and its time begins anew."""
    house = request.app[HOUSE]
    platform = house.announced
    if platform is None:
        raise UnknownCall("no calls are announced here: audiosocket.port is not set")
    wanted = asked(request.content_type, await request.read())
    if house.streams.full and not house.together.elsewhere():
        why = "this service is being stopped" if house.streams.draining else "all streams are taken"
        raise refusal(web.HTTPServiceUnavailable, why)
    ref, queue = CallRef(platform.name, CallId(identity(wanted.uuid))), QueueName(wanted.queue)
    taken = await house.intake.report(
        Report(ref, queue, news(wanted, ref, house), caller=wanted.caller, wait=1, stream=True)
    )
    if taken.session.streaming or taken.session.outcome is not None:
        raise refusal(web.HTTPConflict, "this call has been here: each uuid is good for one")
    try:
        await house.streams.tickets.issue(ref, taken.session.queue, ref.call)
    except Unverified as used:
        raise refusal(web.HTTPConflict, "this call has been here: each uuid is good for one") from used
    body = msgspec.json.encode(Announced(ref.call, LIFE))
    return web.Response(body=body, content_type="application/json", charset="utf-8")


def news(wanted: AnnounceCall, ref: CallRef, house: House) -> tuple[CallEvent, ...]:
    at = house.clock.now()
    arrived = CallArrived(at=at, id=EventId(f"{ref.call}+announced"))
    if wanted.identity is None:
        return (arrived,)
    told = EventId(f"{ref.call}+{wanted.identity}")
    return CallerIdentified(at=at, id=told, level=wanted.identity, account=wanted.account), arrived


def asked(kind: str, body: bytes) -> AnnounceCall:
    try:
        if kind == FORM:
            wanted = msgspec.convert(dict(parse_qsl(body.decode(), keep_blank_values=True)), AnnounceCall)
        else:
            wanted = msgspec.json.decode(body, type=AnnounceCall)
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError) as error:
        raise BadWebhook("bad_announcement", f"the body will not do: {error}") from error
    if not wanted.queue.isprintable() or not 0 < len(wanted.queue) <= LONGEST_NAME:
        raise BadWebhook("bad_queue", "that is no name of a queue")
    if len(wanted.account) > LONGEST_ACCOUNT:
        raise BadWebhook("bad_account", "that is no account")
    if len(wanted.caller) > LONGEST_NUMBER:
        raise BadWebhook("bad_caller", "that is no telephone number")
    return wanted


def identity(given: str, make: Callable[[], UUID] = uuid4) -> str:
    if not given:
        return str(make())
    try:
        return str(UUID(given))
    except ValueError as error:
        raise BadWebhook("bad_uuid", "uuid is to look like 0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0") from error


def refusal(kind: type[web.HTTPException], sentence: str) -> web.HTTPException:
    return kind(text=msgspec.json.encode({"error": sentence}).decode(), content_type="application/json")
