"""`/api/v1/outbox`: what subscribers are still to be told, and what they could not be told. What a message says is not shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus

import msgspec
from aiohttp import web
from msgspec import Struct

from holdsvc.engine.letters import Do, see_to
from holdsvc.errors import ConfigError
from holdsvc.ports import Letter
from holdsvc.web.access import Access, access
from holdsvc.web.answers import answer, refuse
from holdsvc.web.house import HOUSE
from holdsvc.web.routes import ApiRoute

MOST_SHOWN = 1000


class WaitingLetter(Struct, frozen=True):
    key: str
    to: str
    kind: str
    call: str  # platform/call
    tries: int  # that failed
    fault: str  # of the last one
    died: datetime | None  # None: it is still being tried


class Letters(Struct, frozen=True):
    waiting: int
    dead: int
    letters: tuple[WaitingLetter, ...]  # the dead first, 1,000 at the most


class SeeTo(Struct, frozen=True, forbid_unknown_fields=True):
    """One of the two says which."""

    do: Do
    key: str = ""  # this one
    to: str = ""  # all that are dead for this subscriber


class SeenTo(Struct, frozen=True):
    letters: int


@access(Access.TOKEN)
async def outbox(request: web.Request) -> web.StreamResponse:
    box = request.app[HOUSE].store.outbox
    standing = await box.standing()
    return answer(Letters(standing.waiting, standing.dead, shown(await box.letters(MOST_SHOWN))))


@access(Access.TOKEN)
async def see_to_letters(request: web.Request) -> web.StreamResponse:
    house = request.app[HOUSE]
    try:
        wanted = msgspec.json.decode(await request.read(), type=SeeTo)
        done = await see_to(house.store.outbox, wanted.do, wanted.key, wanted.to, house.clock.now().timestamp())
    except msgspec.DecodeError as error:
        refuse(HTTPStatus.BAD_REQUEST, f"the body will not do: {error}")
    except ConfigError as error:
        refuse(HTTPStatus.BAD_REQUEST, str(error))
    return answer(SeenTo(done))


def shown(some: Sequence[Letter]) -> tuple[WaitingLetter, ...]:
    return tuple(
        WaitingLetter(
            key=one.effect.key,
            to=one.effect.to,
            kind=one.effect.kind,
            call=one.effect.call,
            tries=one.tries,
            fault=one.fault,
            died=datetime.fromtimestamp(one.died, UTC) if one.died is not None else None,
        )
        for one in some
    )


ROUTES = (
    ApiRoute("GET", "/api/v1/outbox", outbox, "What subscribers are still to be told, the dead letters first", Letters),
    ApiRoute("POST", "/api/v1/outbox", see_to_letters, "Try dead letters anew, or discard them", SeenTo, body=SeeTo),
)
