"""What one writes first for AudioSocket: asyncio's streams, a task to hear and a task to speak for each call, a write every 20 ms.

`python -m tests.benchmarks.streams.servers.naive_lines PORT TONE...` with mu-law files for the keys 1, 2, ...; they are made
linear once.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import sys
from pathlib import Path

from holdsvc.audio.g711 import decode

FRAME = 320  # bytes
KEY, SOUND = 0x03, 0x10


class Heard:
    def __init__(self, tones: list[bytes]) -> None:
        self.tones, self.sound, self.at, self.caller = tones, tones[0], 0, b""

    def switch(self, digit: str) -> None:
        self.sound, self.at = self.tones[int(digit) - 1], 0

    def next(self) -> bytes:
        piece = self.sound[self.at : self.at + FRAME]
        self.at = (self.at + FRAME) % (len(self.sound) - FRAME)
        return piece


async def speak(writer: asyncio.StreamWriter, heard: Heard) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        writer.write(struct.pack(">BH", SOUND, FRAME) + heard.next())
        await writer.drain()
        due += 0.02
        await asyncio.sleep(due - loop.time())


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tones: list[bytes]) -> None:
    heard = Heard(tones)
    speaking = asyncio.create_task(speak(writer, heard))
    try:
        while True:
            kind, length = struct.unpack(">BH", await reader.readexactly(3))
            payload = await reader.readexactly(length)
            if kind == SOUND:
                heard.caller = payload
            elif kind == KEY:
                heard.switch(payload.decode())
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        speaking.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await speaking
        writer.close()


async def main(port: str, *files: str) -> None:
    tones = [decode(Path(file).read_bytes()).astype("<i2").tobytes() for file in files]
    server = await asyncio.start_server(
        lambda reader, writer: serve(reader, writer, tones), "127.0.0.1", int(port), backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
