"""Callers who choose by voice alone: each says a few words, knows what each is to do, and looks whether the service says it did.

A caller who is asked "did you say jazz?" says yes if that was it, and no if not. What is said comes ready made: nothing is
synthesised here.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

import aiohttp
import msgspec
from msgspec import Struct, field

from holdsvc.simulator.hooks import Target
from holdsvc.simulator.ledger import ChoiceMade, Row

FRAME = 0.02  # seconds of sound in a piece of what is said
GLANCE = 0.1  # seconds between two looks at what the service tells of a call
PATIENCE = 4.0  # seconds that a caller waits for something to happen, from the end of a word
BREATH = (1.0, 2.0)  # seconds between what was done and the next word, least and most
BY_VOICE = "voice"


class Line(Protocol):
    """A caller's end of a call. `microphone` is empty when all has been said."""

    microphone: deque[bytes]

    def say(self, sound: bytes) -> None: ...


class Word(Struct, frozen=True):
    text: str
    means: str  # id of the menu's entry
    sound: bytes  # as the line takes it


class Told(Struct, frozen=True):
    """A call as the service tells it. Fields that it has beside these are not looked at."""

    asked: str = ""
    choices: tuple[ChoiceMade, ...] = ()

    @property
    def by_voice(self) -> list[str]:
        return [one.what for one in self.choices if one.via == BY_VOICE]


class Said(Struct):
    """One word and what came of it. `did` is "" where nothing happened in time; `seconds` from the end of the word to its news."""

    text: str
    means: str
    did: str = ""
    asked: str = ""
    seconds: float = 0.0


class Conversation(Struct):
    call: str
    said: list[Said] = field(default_factory=list)


Tell = Callable[[str], Awaitable[Told]]


async def converse(
    call: str, line: Line, words: Sequence[Word], yes: Word, no: Word, tell: Tell, rng: random.Random
) -> Conversation:
    """Say one word after the other, each when it is clear what came of the one before."""
    conversation = Conversation(call)
    for word in words:
        await asyncio.sleep(rng.uniform(*BREATH))
        conversation.said.append(await _say(call, line, word, yes, no, tell))
    return conversation


async def _say(call: str, line: Line, word: Word, yes: Word, no: Word, tell: Tell) -> Said:
    loop, said = asyncio.get_running_loop(), Said(word.text, word.means)
    before = len((await tell(call)).by_voice)
    until = ended = await _spoken(line, word)
    until += PATIENCE
    while loop.time() < until:
        told = await tell(call)
        if len(told.by_voice) > before:
            said.did, said.seconds = told.by_voice[-1], loop.time() - ended
            return said
        if told.asked and not said.asked:
            said.asked = told.asked
            until = PATIENCE + await _spoken(line, yes if told.asked == word.means else no)
        await asyncio.sleep(GLANCE)
    return said


async def _spoken(line: Line, word: Word) -> float:
    """When the last of it was on the line."""
    line.say(word.sound)
    await asyncio.sleep(FRAME * len(line.microphone))
    return asyncio.get_running_loop().time()


def over_http(target: Target, client: aiohttp.ClientSession) -> Tell:
    headers = {"Authorization": f"Bearer {target.api_token}"} if target.api_token else {}

    async def tell(call: str) -> Told:
        async with client.get(f"{target.base.rstrip('/')}/api/v1/calls/{call}", headers=headers) as answer:
            body = await answer.read()
        return msgspec.json.decode(body, type=Told) if answer.status == 200 else Told()

    return tell


def differences(conversations: Sequence[Conversation], rows: Sequence[Row]) -> Iterator[str]:
    """What was done that nobody wanted, and where the log differs from what the callers saw. That a word did nothing is none."""
    logged = {row.call: [one.what for one in row.choices if one.via == BY_VOICE] for row in rows}
    for one in conversations:
        for said in one.said:
            if said.did and said.did != said.means:
                yield f"{one.call}: {said.text!r} means {said.means}, but {said.did} was done"
        done = [said.did for said in one.said if said.did]
        if logged.get(one.call) != done:
            yield f"{one.call}: the caller saw {done} done, the log has {logged.get(one.call)}"
