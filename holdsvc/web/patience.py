"""How long whoever connects may take: for the head of a request, and for its body. Who stands there for longer is sent away.

The framework bounds the time between two requests; the first one could dribble in for as long, or never come to its end. So whoever
is not known yet by a whole head is looked at once in a while.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from holdsvc.web.access import Handler

HEAD_WITHIN = 10.0  # seconds from the connection to the end of the first request's head
BODY_WITHIN = 10.0  # and from there to the end of the body
GLANCE = 1.0  # seconds between two looks
KNOWN: web.AppKey[set[asyncio.BaseProtocol]] = web.AppKey("known", set)  # connections of which a request has come
log = logging.getLogger(__name__)


@web.middleware
async def known(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The head has come. It stands before the guard: whoever is refused was heard as well."""
    request.app[KNOWN].add(request.protocol)
    return await handler(request)


@web.middleware
async def whole(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The body is read before it is looked at. It stands behind the guard."""
    if request.can_read_body:
        try:
            await asyncio.wait_for(request.read(), BODY_WITHIN)
        except TimeoutError:
            answer = web.Response(status=408, text="the rest of your request did not come\n")
            answer.force_close()
            return answer
    return await handler(request)


@asynccontextmanager
async def bounded(runner: web.AppRunner) -> AsyncIterator[None]:
    """For as long as the runner listens."""
    looking = asyncio.create_task(look(runner))
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def look(runner: web.AppRunner) -> None:
    loop, known = asyncio.get_running_loop(), runner.app[KNOWN]
    came: dict[web.RequestHandler, float] = {}
    while True:
        await asyncio.sleep(GLANCE)
        now = loop.time()
        there = runner.server.connections if runner.server is not None else []
        known.intersection_update(there)
        came = {one: came.get(one, now) for one in there if one not in known}
        for one, since in came.items():
            if now >= since + HEAD_WITHIN - GLANCE:  # it came before we first saw it
                log.info("connection_without_a_request")
                one.force_close()
