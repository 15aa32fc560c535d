"""The web application: every route in one place, behind one guard.

The guard refuses a route that does not say who may ask. Answers of ours carry the headers that keep a browser safe.
"""

from __future__ import annotations

import logging
from http import HTTPStatus

from aiohttp import web

from holdsvc.errors import HoldsvcError
from holdsvc.web import api, audio, events, frames, health, live, media, openapi, patience, webhooks
from holdsvc.web.access import Access, Guard, Handler, access_of
from holdsvc.web.house import HOUSE, House

MOST_BODY = 2 * 1024 * 1024  # bytes; a genuine webhook that is absurdly large is still verified, answered and counted
GUARD: web.AppKey[Guard] = web.AppKey("guard", Guard)
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
log = logging.getLogger(__name__)


def make(house: House, guard: Guard, more: list[web.RouteDef] | None = None) -> web.Application:
    application = web.Application(middlewares=MIDDLEWARES, client_max_size=MOST_BODY)
    application[HOUSE], application[GUARD], application[events.BOARD] = house, guard, events.Board()
    application[patience.KNOWN] = set()
    application.add_routes([*routes(), *(more or [])])
    application.on_response_prepare.append(uncached)
    application.on_response_prepare.append(last_of_its_connection)
    return application


def routes() -> list[web.RouteDef]:
    return [
        web.post("/hooks/{platform}/{step}", webhooks.hook),
        web.get("/hooks/{platform}/{step}", webhooks.hook),
        web.get("/media/{platform}/{token}", media.open_stream),
        web.get("/audio/{signature}/{hash}/{span}.wav", audio.segment),
        web.get("/audio/live/{shelf}", live.live),
        web.get("/healthz", health.healthz),
        web.get("/readyz", health.readyz),
        web.get("/metrics", health.metrics),
        web.get("/api/openapi.json", openapi.openapi),
        web.get("/api/v1/events", events.events),
        *(web.route(one.method, one.path, one.handler) for one in api.ROUTES),
        web.get("/", frames.front),
        web.get("/phone", frames.phone),
        web.get("/phone/settings", frames.phone_settings),
        web.get("/wall", frames.wall),
        web.get("/notices", frames.notices),
        web.get("/static/{name}", frames.static),
        web.get("/favicon.ico", frames.favicon),
    ]


@web.middleware
async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    kind = access_of(request.match_info.handler) if request.match_info.http_exception is None else Access.PUBLIC
    if not request.app[GUARD].admits(request, kind):
        log.warning("request_refused", extra={"path": request.path[:100], "access": str(kind)})
        raise web.HTTPForbidden(
            text="Not for you: send the API token as a bearer token, or ask from the machine itself.\n"
        )
    return await handler(request)


@web.middleware
async def safe_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as error:
        error.headers.update(HEADERS)
        raise
    if not response.prepared:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
    return response


@web.middleware
async def plain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Our own errors become their status, everything unforeseen a 500 that tells nothing but is in the log."""
    try:
        return await handler(request)
    except HoldsvcError as error:
        return web.json_response({"error": str(error)}, status=error.status)
    except (web.HTTPException, ConnectionError):
        raise
    except Exception:
        log.exception("request_failed", extra={"path": request.path[:100]})
        return web.json_response({"error": "something went wrong on our side; it is in the log"}, status=500)


async def uncached(request: web.Request, response: web.StreamResponse) -> None:
    if request.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-cache")
    elif not request.path.startswith("/audio/"):
        response.headers.setdefault("Cache-Control", "no-store")


async def last_of_its_connection(request: web.Request, response: web.StreamResponse) -> None:
    """While we are being stopped: the next request of whoever asks, a balancer perhaps, finds its way elsewhere."""
    if request.app[HOUSE].streams.draining and response.status != HTTPStatus.SWITCHING_PROTOCOLS:
        response.force_close()
        response.headers["Connection"] = "close"


MIDDLEWARES = (patience.known, safe_headers, guarded, plain_errors, patience.whole)
