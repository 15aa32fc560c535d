"""`/audio/{signature}/{hash}/{span}.wav`: finite stretches of prepared sound: cacheable, in ranges, the same bytes for all."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from aiohttp import web

from holdsvc.audio.formats import RATE, SILENCE, wav_mulaw
from holdsvc.calls.model import QueueName
from holdsvc.engine.stretches import LONGEST, seconds_of
from holdsvc.web.access import Access, access
from holdsvc.web.house import HOUSE, House

FOR_ALL = {"Cache-Control": "public, max-age=31536000, immutable"}
ONE_CALLERS = {"Cache-Control": "private, no-store"}  # nobody on the way keeps it; it is gone here with the call
HARDLY = bytes([SILENCE]) * (RATE // 10)


@access(Access.SIGNED)
async def segment(request: web.Request) -> web.StreamResponse:
    house, part = request.app[HOUSE], request.match_info
    path = f"{part['hash']}/{part['span']}.wav"
    if not house.links.genuine(part["signature"], path):
        raise web.HTTPNotFound
    found = await house.stretches.find(path)
    if found is None and house.together.fellows is None:
        raise web.HTTPNotFound
    if found is None:
        return send(request, *meanwhile(house, seconds_of(path)), ONE_CALLERS)
    kept = ONE_CALLERS if found.own else {**FOR_ALL, "ETag": f'"{part["signature"]}"'}
    return send(request, found.wav, found.caption, kept)


def meanwhile(house: House, seconds: float | None) -> tuple[bytes, str]:
    """Another process of ours told somebody to hear what nobody has at this moment: the house track, for as long. A prompt is
    left out, for music is none; but it is no error, after which some platforms play nothing more."""
    if seconds is None:
        return wav_mulaw(HARDLY), ""
    track = house.plans.plan(QueueName("default")).house
    sound = bytes(house.sounds.content(track))
    size = min(round(seconds * RATE), LONGEST)
    body = wav_mulaw((sound * (size // len(sound) + 1))[:size])
    return body, house.sounds.caption(house.sounds.content_hash(track))


def send(request: web.Request, body: bytes, caption: str, kept: Mapping[str, str]) -> web.Response:
    headers = {
        "Content-Type": "audio/wav",
        "Accept-Ranges": "bytes",
        "X-Holdsvc-Caption": quote(caption, safe=" "),
        **kept,
    }
    if "ETag" in kept and request.headers.get("If-None-Match") == kept["ETag"]:
        return web.Response(status=304, headers=headers)
    if "Range" not in request.headers:
        return web.Response(body=body, headers=headers)
    return partial(request, body, headers)


def partial(request: web.Request, body: bytes, headers: dict[str, str]) -> web.Response:
    try:
        wanted = request.http_range
    except ValueError:
        return web.Response(body=body, headers=headers)
    start, stop, _ = wanted.indices(len(body))
    if start >= stop:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{len(body)}"})
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(body)}"
    return web.Response(status=206, body=body[start:stop], headers=headers)
