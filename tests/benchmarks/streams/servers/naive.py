"""What one writes first: aiohttp, a task for each call, every message parsed, JSON and base64 made anew every 20 ms.

`python naive.py PORT TONE...` with mu-law files for the keys 1, 2, ...
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import sys
from pathlib import Path

from aiohttp import WSMsgType, web

FRAME = 160
TONES = web.AppKey("tones", list[bytes])


class Heard:
    def __init__(self, tones: list[bytes]) -> None:
        self.tones, self.sound, self.at, self.caller = tones, tones[0], 0, b""

    def switch(self, digit: str) -> None:
        self.sound, self.at = self.tones[int(digit) - 1], 0

    def next(self) -> bytes:
        piece = self.sound[self.at : self.at + FRAME]
        self.at = (self.at + FRAME) % (len(self.sound) - FRAME)
        return piece


async def speak(socket: web.WebSocketResponse, stream: str, heard: Heard) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    while not socket.closed:
        payload = base64.b64encode(heard.next()).decode()
        await socket.send_str(json.dumps({"event": "media", "streamSid": stream, "media": {"payload": payload}}))
        due += 0.02
        await asyncio.sleep(due - loop.time())


async def serve(request: web.Request) -> web.WebSocketResponse:
    socket, heard = web.WebSocketResponse(compress=False), Heard(request.app[TONES])
    await socket.prepare(request)
    speaking: asyncio.Task[None] | None = None
    async for message in socket:
        if message.type is not WSMsgType.TEXT:
            continue
        told = json.loads(message.data)
        if told["event"] == "start":
            speaking = asyncio.create_task(speak(socket, told["streamSid"], heard))
        elif told["event"] == "media":
            heard.caller = base64.b64decode(told["media"]["payload"])
        elif told["event"] == "dtmf":
            heard.switch(told["dtmf"]["digit"])
    if speaking is not None:
        speaking.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await speaking
    return socket


def main(port: str, *tones: str) -> None:
    application = web.Application()
    application[TONES] = [Path(tone).read_bytes() for tone in tones]
    application.router.add_get("/media", serve)
    web.run_app(application, host="127.0.0.1", port=int(port), access_log=None, print=None, backlog=1024)


if __name__ == "__main__":
    main(*sys.argv[1:])
