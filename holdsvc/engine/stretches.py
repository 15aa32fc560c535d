"""Finite stretches of prepared sound, as addresses name them: cut here, or by another process of ours that has the sound.

Each machine brings in podcasts and updates for itself: an episode may be ready on one and not yet on another, or be another file
there, with other advertising in it. Whoever was told an address by one machine and asks another hears what was promised.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict

import msgspec
from msgspec import Struct

from holdsvc.audio.formats import MAX_SEGMENT, RATE, wav_mulaw
from holdsvc.audio.player import loudness
from holdsvc.engine.personal import Personal
from holdsvc.ports import Fellows, Sounds

LONGEST = int(MAX_SEGMENT) * RATE  # bytes of what we ever let anybody ask for at once
MOST_BORROWED = 24  # stretches of others that are remembered, of half a megabyte at most: all callers hear the same
MOST_HANDED = 1 << 20  # bytes of what another process is given
PATH = re.compile(r"([^/]+)/(?:all|(\d{1,5}(?:\.\d+)?)-(\d{1,5}(?:\.\d+)?))(?:@([+-]\d{1,2}))?\.wav")
log = logging.getLogger(__name__)


class Stretch(Struct, frozen=True, array_like=True):
    wav: bytes
    caption: str = ""
    own: bool = False  # one caller's alone: nobody on the way keeps it


pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(Stretch).decode


class Stretches:
    """`fellows` None: there are no other processes."""

    def __init__(self, sounds: Sounds, personal: Personal, fellows: Fellows | None = None) -> None:
        self._sounds, self._personal, self._fellows = sounds, personal, fellows
        self._borrowed: OrderedDict[str, Stretch] = OrderedDict()
        self._asked: dict[str, asyncio.Task[Stretch | None]] = {}

    async def find(self, path: str) -> Stretch | None:
        """What an address names, signed by us, behind its signature. None: nobody has it, or could say so in time."""
        found = self.here(path) or self._borrowed.get(path)
        return found if found is not None or self._fellows is None else await self._elsewhere(path, self._fellows)

    def here(self, path: str) -> Stretch | None:
        named = PATH.fullmatch(path)
        sound = self._sounds.by_hash(named[1]) if named else None
        if named is None or sound is None:
            return None
        own = self._personal.by_address(named[1]) is not None
        return Stretch(wav_mulaw(cut(sound, named)), self._sounds.caption(named[1]), own)

    def answer(self, asked: bytes) -> bytes | None:
        """For another process of ours. It has looked at the signature."""
        found = self.here(asked.decode(errors="replace"))
        return pack(found) if found is not None and len(found.wav) <= MOST_HANDED else None

    async def _elsewhere(self, path: str, fellows: Fellows) -> Stretch | None:
        """Asked once for all who want the same at this moment, whoever of them hangs up."""
        asked = self._asked.get(path)
        if asked is None:
            asked = self._asked[path] = asyncio.create_task(self._borrow(path, fellows))
            asked.add_done_callback(lambda _: self._asked.pop(path))
        return await asyncio.shield(asked)

    async def _borrow(self, path: str, fellows: Fellows) -> Stretch | None:
        given = await fellows.ask(path.encode())
        if given is None:
            log.warning("sound_not_here", extra={"sound": path.partition("/")[0], "heard": "the house track"})
            return None
        try:
            found = unpack(given)
        except msgspec.MsgspecError as error:  # of another version of ours
            log.warning("sound_unreadable", extra={"reason": str(error), "heard": "the house track"})
            return None
        if not found.own:
            self._borrowed[path] = found
            if len(self._borrowed) > MOST_BORROWED:
                self._borrowed.popitem(last=False)
        return found


def seconds_of(path: str) -> float | None:
    """How long a stretch of content lasts by its address; None for a prompt, which is always whole."""
    named = PATH.fullmatch(path)
    return float(named[3]) - float(named[2]) if named is not None and named[2] is not None else None


def cut(sound: memoryview, named: re.Match[str]) -> bytes:
    _, start, end, gain = named.groups()
    stretch = bytes(sound if start is None else sound[round(float(start) * RATE) : round(float(end) * RATE)])
    return stretch.translate(loudness(float(gain))) if gain else stretch
