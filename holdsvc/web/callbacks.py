"""`/api/v1/callbacks`: what is owed to callers who hung up on our promise, for the dialler or the desk that keeps it.

The service itself calls nobody.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus

import msgspec
from aiohttp import web
from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.callback import LONGEST_NAME, OPEN, Attempt, Callback, State, Wish
from holdsvc.calls.model import CallerId, Contact, PhoneNumber
from holdsvc.errors import CallbackRefused
from holdsvc.ports import CallbackQuery
from holdsvc.web.access import Access, access
from holdsvc.web.answers import answer, refuse
from holdsvc.web.house import HOUSE, House


class OwedCall(Struct, frozen=True):
    """A call-back. `began` is when the wait began whose place it keeps; those with the earlier one come first."""

    id: str
    queue: str
    state: State
    began: datetime
    asked: datetime
    ahead: int | None  # callers on the line and call-backs with an earlier place; None: it is over
    number: str | None  # for whoever bears the API token
    masked: str
    caller: str | None
    language: str
    contact: Contact | None
    platform: str
    call: str  # the call that asked for it: its context is at /api/v1/calls/{call}
    attempts: tuple[Attempt, ...]
    until: datetime | None  # while it is being called: then it is owed again
    ended: datetime | None
    reason: str  # why it was withdrawn


class OwedCalls(Struct, frozen=True):
    callbacks: tuple[OwedCall, ...]


class MoveCallback(Struct, frozen=True, forbid_unknown_fields=True):
    state: State  # calling, reached, given_up, withdrawn, or owed to hand it back
    by: str = ""  # who calls; who says so may ask for the same one again


@access(Access.TOKEN)
async def callbacks(request: web.Request) -> web.StreamResponse:
    house = request.app[HOUSE]
    state, queue = request.query.get("state", ""), request.query.get("queue", "")
    if state not in ("", "open", *State):
        refuse(HTTPStatus.BAD_REQUEST, f"state is one of open, {', '.join(State)}")
    query = CallbackQuery(state=state, queue=queue, at=house.clock.now())
    return answer(OwedCalls(await shown(house, await house.store.callbacks(query))))


@access(Access.TOKEN)
async def move_callback(request: web.Request) -> web.StreamResponse:
    """The first who is `calling` has it; saying the same again is answered as the first time."""
    house, id = request.app[HOUSE], request.match_info["callback"]
    try:
        wanted = msgspec.json.decode(await request.read(), type=MoveCallback)
    except msgspec.DecodeError as error:
        refuse(HTTPStatus.BAD_REQUEST, f"the body will not do: {error}")
    if len(wanted.by) > LONGEST_NAME:
        refuse(HTTPStatus.BAD_REQUEST, f"by has at most {LONGEST_NAME} characters")
    try:
        moved = await house.callbacks.move(id, Wish(wanted.state, house.clock.now(), wanted.by))
    except CallbackRefused as refused:
        refuse(HTTPStatus.CONFLICT, str(refused))
    if moved is None:
        refuse(HTTPStatus.NOT_FOUND, f"there is no call-back {id!r:.40}; they are listed at /api/v1/callbacks")
    return answer((await shown(house, [moved]))[0])


async def shown(house: House, some: Sequence[Callback]) -> tuple[OwedCall, ...]:
    callers = list(dict.fromkeys(one.caller for one in some if one.caller is not None))
    numbers = await house.store.numbers(callers) if house.numbers else {}
    queues: set[str] = {one.queue for one in some if one.open}
    places = {queue: line(house, queue) for queue in queues}
    return tuple(owed_call(spoken(house, one), numbers, places) for one in some)


def spoken(house: House, one: Callback) -> Callback:
    """Who chose no language heard the queue's own."""
    return one if one.language else replace(one, language=house.plans.rules(one.queue).language)


def line(house: House, queue: str) -> list[datetime]:
    """When all began to wait who wait for somebody of this queue, on the line or for a call."""
    waits = [one.history.wait.began for one in house.roster.waiting(queue) if one.history.wait]
    return sorted([*waits, *(one.began for one in house.callbacks.open() if one.queue == queue)])


def owed_call(
    one: Callback, numbers: Mapping[CallerId, PhoneNumber], places: Mapping[str, Sequence[datetime]]
) -> OwedCall:
    number = numbers.get(one.caller) if one.caller is not None else None
    return OwedCall(
        id=one.id,
        queue=one.queue,
        state=one.state,
        began=one.began,
        asked=one.asked,
        ahead=bisect_left(places[one.queue], one.began) if one.state in OPEN else None,
        number=number.e164 if number is not None else None,
        masked=one.masked,
        caller=one.caller,
        language=one.language,
        contact=one.contact,
        platform=one.ref.platform,
        call=one.ref.call,
        attempts=one.attempts,
        until=one.until,
        ended=one.ended,
        reason=one.reason,
    )
