"""`/audio/{signature}/{hash}/{span}.wav`: finite stretches of prepared sound: cacheable, in ranges, the same bytes for all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from aiohttp import web

from holdsvc.audio.formats import wav_mulaw
from holdsvc.audio.player import loudness
from holdsvc.calls.model import QueueName
from holdsvc.web.access import Access, access
from holdsvc.web.house import HOUSE, House

RATE = 8000  # bytes of mu-law a second
LONGEST = 60 * RATE  # bytes of what we ever let anybody ask for at once
FOR_ALL = {"Cache-Control": "public, max-age=31536000, immutable"}
ONE_CALLERS = {"Cache-Control": "private, no-store"}  # nobody on the way keeps it; it is gone here with the call
SPAN = re.compile(r"(?:all|(\d{1,5}(?:\.\d+)?)-(\d{1,5}(?:\.\d+)?))(?:@([+-]\d{1,2}))?")


@access(Access.SIGNED)
async def segment(request: web.Request) -> web.StreamResponse:
    house, part = request.app[HOUSE], request.match_info
    path = f"{part['hash']}/{part['span']}.wav"
    span = SPAN.fullmatch(part["span"])
    if span is None or not house.links.genuine(part["signature"], path):
        raise web.HTTPNotFound
    sound = house.sounds.by_hash(part["hash"])
    if sound is None:
        return meanwhile(request, house, span)
    body, caption = wav_mulaw(cut(sound, span)), house.sounds.caption(part["hash"])
    if house.personal.by_address(part["hash"]) is not None:
        return send(request, body, caption, ONE_CALLERS)
    return send(request, body, caption, {**FOR_ALL, "ETag": f'"{part["signature"]}"'})


def meanwhile(request: web.Request, house: House, span: re.Match[str]) -> web.Response:
    """Another process of ours told somebody to hear what is not prepared here yet: then it is the house track, for as long."""
    start, end, _ = span.groups()
    if house.together.fellows is None or start is None:  # a prompt that is left out is better than one that is music
        raise web.HTTPNotFound
    track = house.plans.plan(QueueName("default")).house
    sound = bytes(house.sounds.content(track))
    size = min(round((float(end) - float(start)) * RATE), LONGEST)
    body = wav_mulaw((sound * (size // len(sound) + 1))[:size])
    return send(request, body, house.sounds.caption(house.sounds.content_hash(track)), ONE_CALLERS)


def cut(sound: memoryview, span: re.Match[str]) -> bytes:
    start, end, gain = span.groups()
    stretch = bytes(sound if start is None else sound[round(float(start) * RATE) : round(float(end) * RATE)])
    return stretch.translate(loudness(float(gain))) if gain else stretch


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
