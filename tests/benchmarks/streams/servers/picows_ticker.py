"""A good hand-made server: picows and uvloop, one ticker, all encoded once, of the caller's sound only the first bytes read.

`python picows_ticker.py PORT TONE...` with mu-law files for the keys 1, 2, ...
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from pathlib import Path

import picows
import uvloop

FRAME = 160
SLOTS = 4  # of 5 ms: the callers are spread over 20 ms
MEDIA = b'{"event":"media"'

Tails = list[bytes]  # of each 20 ms what stands behind the prefix


class Caller(picows.WSListener):
    def __init__(self, house: House) -> None:
        self.house = house
        self.tails, self.at, self.prefix = house.tones[0], 0, b""
        self.transport: picows.WSTransport | None = None
        self.slot: set[Caller] | None = None

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        if frame.msg_type != picows.WSMsgType.TEXT:
            return
        text = frame.get_payload_as_memoryview()
        if text[: len(MEDIA)] == MEDIA:
            return
        told = json.loads(bytes(text))
        if told["event"] == "start":
            self.prefix = b'{"event":"media","streamSid":"%s","media":{"payload":"' % told["streamSid"].encode()
            self.slot = self.house.slot()
            self.slot.add(self)
        elif told["event"] == "dtmf":
            self.tails, self.at = self.house.tones[int(told["dtmf"]["digit"]) - 1], 0

    def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
        if self.slot is not None:
            self.slot.discard(self)

    def tick(self) -> None:
        assert self.transport is not None
        self.transport.send(picows.WSMsgType.TEXT, self.prefix + self.tails[self.at])
        self.at = (self.at + 1) % len(self.tails)


class House:
    def __init__(self, tones: list[Tails]) -> None:
        self.tones = tones
        self.slots: list[set[Caller]] = [set() for _ in range(SLOTS)]

    def slot(self) -> set[Caller]:
        return min(self.slots, key=len)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        beat, turn = loop.time(), 0
        while True:
            for caller in tuple(self.slots[turn % SLOTS]):
                caller.tick()
            turn += 1
            beat += 0.02 / SLOTS
            await asyncio.sleep(beat - loop.time())


def cut(sound: bytes) -> Tails:
    return [base64.b64encode(sound[at : at + FRAME]) + b'"}}' for at in range(0, len(sound) - FRAME, FRAME)]


async def main(port: str, *tones: str) -> None:
    house = House([cut(Path(tone).read_bytes()) for tone in tones])
    server = await picows.ws_create_server(lambda _: Caller(house), "127.0.0.1", int(port), backlog=1024)
    async with server:
        await house.run()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
