"""`/phone`, `/wall` and their static files. The pages are empty frames: what they show comes through the API."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from holdsvc.web.access import Access, access
from holdsvc.web.house import HOUSE

PAGES = Path(__file__).parent / "pages"
KINDS = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
}


SHOWN = {path.name: path for path in PAGES.iterdir() if path.suffix in KINDS}  # nothing else is ever read


def page(name: str) -> web.Response:
    return web.Response(body=SHOWN[name].read_bytes(), headers={"Content-Type": KINDS[SHOWN[name].suffix]})


@access(Access.PAGE)
async def front(request: web.Request) -> web.StreamResponse:
    """The address alone: to the phone where there is one, else to the wallboard."""
    raise web.HTTPFound("/phone" if request.app[HOUSE].phone else "/wall")


@access(Access.PAGE)
async def phone(request: web.Request) -> web.StreamResponse:
    if not request.app[HOUSE].phone:
        raise web.HTTPNotFound(
            text="The browser phone is off: start with `holdsvc demo`, or `holdsvc serve --phone`.\n"
        )
    return page("phone.html")


@access(Access.TOKEN)
async def phone_settings(request: web.Request) -> web.StreamResponse:
    house = request.app[HOUSE]
    modes = ["documents", "stream"]
    return web.json_response(
        {"voice": house.streams.hearing is not None, "queues": list(house.plans.names()), "modes": modes}
    )


@access(Access.PAGE)
async def wall(request: web.Request) -> web.StreamResponse:
    return page("wall.html")


@access(Access.PAGE)
async def notices(request: web.Request) -> web.StreamResponse:
    return page("notices.html")


@access(Access.PUBLIC)
async def static(request: web.Request) -> web.StreamResponse:
    name = request.match_info["name"]
    if name not in SHOWN:
        raise web.HTTPNotFound
    return page(name)


@access(Access.PUBLIC)
async def favicon(request: web.Request) -> web.StreamResponse:
    return page("favicon.svg")
