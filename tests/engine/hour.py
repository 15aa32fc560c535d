"""An hour of one caller's line, on a clock that is advanced: the stream engine on the Twilio wire, and a truth beside it.

A caller presses keys: other music, skips, repeats, a podcast, louder, softer. What the platform's end of the line heard is
kept; what it ought to have heard is worked out from the same keys by `Truth`, which knows no player.
`python -m tests.engine.hour` tells of an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import random
import time
from collections.abc import Mapping

import numpy as np
from msgspec import Struct

from holdsvc.audio.formats import RATE
from holdsvc.audio.g711 import encode, linear
from holdsvc.calls.events import ContentEnded, DigitPressed, StreamOpened
from holdsvc.calls.instructions import Listen, Play, Say
from holdsvc.calls.menu import Menu
from holdsvc.calls.model import CallId, CallRef, ContentId, PromptId, QueueName
from holdsvc.content.library import Library
from holdsvc.engine.streams import Streams
from holdsvc.platforms.wires.json_media import Dialect, JsonMedia
from tests.engine.far_end import STEP, FarEnd, Time, settle
from tests.engine.judge import judge

EAR = Listen(Menu(()), "en")
SID = "MZ1"
REF, QUEUE = CallRef("twilio", CallId("CA1")), QueueName("billing")
SOON = 1.5  # seconds before an item's end in which nobody presses: the next is asked for then
MUSIC, CROSSED, PODCAST, NEXT, AGAIN, LOUDER, SOFTER, UNKNOWN, NOTHING = "123456789"
SAID = {
    MUSIC: ("now_music", "resume"),
    CROSSED: (),
    PODCAST: ("now_podcast",),
    NEXT: ("next",),
    AGAIN: ("again",),
    LOUDER: ("louder",),
    SOFTER: ("softer",),
    UNKNOWN: ("not_understood", "control_menu"),
}
MENU = ("control_menu",)
MENU_AT = 5.0  # seconds into the call


class Shelf:
    """What there is to hear; `ducks` are the items that go on under prompts."""

    def __init__(self, sounds: Mapping[str, memoryview], prompts: Mapping[str, memoryview], ducks: set[str]) -> None:
        self.sounds, self.prompts, self.ducks = sounds, prompts, ducks
        self.music = sorted(ducks)
        self.podcasts = sorted(set(sounds) - ducks)

    def content(self, content: str) -> memoryview:
        return self.sounds[content]

    def prompt(self, language: str, prompt: str) -> memoryview:
        return self.prompts[prompt]

    def content_hash(self, content: str) -> str:
        return f"hash of {content}"

    def prompt_hash(self, language: str, prompt: str) -> str:
        return f"hash of {prompt}"


def made_shelf() -> Shelf:
    """Noise of a low band: no two places are alike, and no sample is far from the one before."""
    sounds = {f"music{number}": noise(number, 60 + 17 * number) for number in range(4)}
    podcasts = {f"podcast{number}": noise(10 + number, 70 + 19 * number, pauses=True) for number in range(2)}
    names = {*MENU, *(name for said in SAID.values() for name in said)}
    prompts = {name: noise(20 + number, 0.7 + 0.4 * number, ends=0.03) for number, name in enumerate(sorted(names))}
    return Shelf(sounds | podcasts, prompts, set(sounds))


def noise(seed: int, seconds: float, ends: float = 0.005, pauses: bool = False) -> memoryview:
    count = round(seconds * RATE)
    chance = np.random.default_rng(seed)
    spectrum = np.fft.rfft(chance.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    sound = np.fft.irfft(spectrum * ((hertz > 80) & (hertz < 300)), count)
    sound *= 0.25 / np.abs(sound).max()
    if pauses:  # as talk has them: half a second in five
        place = np.arange(count) / RATE % 5
        sound *= np.clip(np.abs(place - 4.7) * 20 - 4, 0, 1)
    far = np.arange(count)
    return memoryview(encode(linear((sound * np.clip(np.minimum(far, far[::-1]) / (ends * RATE), 0, 1)).astype("f4"))))


def shelf_of(music: Mapping[str, memoryview], talk: Mapping[str, memoryview], library: Library) -> Shelf:
    """With the prompts that ship."""
    names = {*MENU, *(name for said in SAID.values() for name in said)}
    return Shelf({**music, **talk}, {name: library.prompt_sound("en", PromptId(name)) for name in names}, set(music))


# --- what keys mean ----------------------------------------------------------------------------------------------------


class Wish(Struct):
    """What is heard now, and where each item stopped. The house has one by what it is told, the truth one by what was heard."""

    shelf: Shelf
    places: dict[str, int]
    now: str
    gain: float = 0.0

    def press(self, digit: str) -> tuple[str, ...]:
        """The prompts that answer the key; `now`, `places` and `gain` say what goes on behind them."""
        if digit in (MUSIC, CROSSED):
            self.now = after(self.shelf.music, self.now)
        elif digit == PODCAST:
            self.now = after(self.shelf.podcasts, self.now)
        elif digit == NEXT:
            self.follow()
        elif digit == AGAIN:
            self.places[self.now] = 0
        elif digit in (LOUDER, SOFTER):
            self.gain = max(-12.0, min(0.0, self.gain + (6.0 if digit == LOUDER else -6.0)))
        if self.place >= len(self.shelf.sounds[self.now]) - RATE:
            self.places[self.now] = 0
        return SAID[digit]

    def follow(self) -> None:
        self.now = after(self.shelf.music if self.now in self.shelf.ducks else self.shelf.podcasts, self.now)

    def end(self) -> None:
        self.places[self.now] = 0
        self.follow()
        self.places[self.now] = 0

    @property
    def place(self) -> int:
        return self.places.get(self.now, 0)

    def play(self, until: float | None = None) -> Play:
        return Play(ContentId(self.now), self.place / RATE, until, self.gain, self.now in self.shelf.ducks)


def after(names: list[str], now: str) -> str:
    return names[(names.index(now) + 1) % len(names)] if now in names else names[0]


class Answer(Struct, frozen=True):
    instructions: tuple = ()


class House:
    """Answers the stream's questions, from what the stream says that was heard."""

    def __init__(self, shelf: Shelf) -> None:
        self.wish = Wish(shelf, {}, shelf.music[0])
        self.heard: list[tuple[str, int, int]] = []

    async def take(self, ref, queue, events) -> Answer:
        for event in events:
            if event.heard:
                one = event.heard
                self.heard.append((one.content, round(one.from_second * RATE), round(one.until_second * RATE)))
                self.wish.places[one.content] = round(one.until_second * RATE)
        match events[-1]:
            case StreamOpened():
                first = self.wish.play(MENU_AT)
                self.wish.places[self.wish.now] = round(MENU_AT * RATE)
                return Answer((first, says(MENU), self.wish.play(), EAR))
            case DigitPressed(digit=digit):
                if digit == NOTHING:
                    return Answer()
                said = self.wish.press(digit)
                return Answer((*([says(said)] if said else []), self.wish.play(), EAR))
            case ContentEnded():
                self.wish.end()
                return Answer((self.wish.play(), EAR))
        return Answer()


def says(prompts: tuple[str, ...]) -> Say:
    return Say(tuple(PromptId(prompt) for prompt in prompts), "en")


class Piece(Struct):
    """From `at` on the line until the next piece this is heard: a sound from one of its samples, "" content for a prompt."""

    at: int
    sound: memoryview
    start: int
    stop: int
    content: str
    gain: float
    joint: bool  # something else was cut for it, or it begins in its middle

    @property
    def until(self) -> int:
        return self.at + self.stop - self.start


class Truth:
    """What ought to be heard, sample by sample, from keys and when they were pressed."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf, self.wish = shelf, Wish(shelf, {}, shelf.music[0])
        self.pieces: list[Piece] = []
        self.over: list[tuple[int, int, memoryview]] = []  # prompts over content: from, until
        self.turns: list[int] = [0]  # when something else was begun
        self.turn(0, ())
        self.lay(round(MENU_AT * RATE), MENU)

    def press(self, at: int, digit: str) -> None:
        self.reach(at)
        if digit == NOTHING:
            return
        self.pieces = [one for one in self.pieces if one.at < at]
        last = self.pieces[-1]
        last.stop = min(last.stop, last.start + at - last.at)
        for one in self.pieces:
            if one.at >= self.turns[-1] and one.content == self.wish.now:
                self.wish.places[one.content] = one.stop
        self.over = [(begin, min(end, at), sound) for begin, end, sound in self.over if begin < at]
        before = (last.content, last.stop)
        said = self.wish.press(digit)
        self.turn(at, said, before)

    def turn(self, at: int, said: tuple[str, ...], before: tuple[str, int] = ("", 0)) -> None:
        self.turns.append(at)
        sound = self.shelf.sounds[self.wish.now]
        if self.wish.now in self.shelf.ducks:
            goes_on = before == (self.wish.now, self.wish.place)
            self.piece(at, sound, self.wish.place, self.wish.now, joint=not goes_on)
            self.lay(at, said)
            self.outlast(self.pieces[-1].until)
            return
        for name in said:
            self.piece(at, self.shelf.prompts[name], 0, "", joint=True)
            at = self.pieces[-1].until
        self.piece(at, sound, self.wish.place, self.wish.now, joint=self.wish.place > 0 or not said)

    def piece(self, at: int, sound: memoryview, start: int, content: str, *, joint: bool) -> None:
        gain = self.wish.gain if content else 0.0
        self.pieces.append(Piece(at, sound, start, len(sound), content, gain, joint))

    def lay(self, at: int, said: tuple[str, ...]) -> None:
        for name in said:
            sound = self.shelf.prompts[name]
            self.over.append((at, at + len(sound), sound))
            at += len(sound)

    def outlast(self, until: int) -> None:
        """Where the content ends under a prompt the rest of it is heard alone."""
        for begin, end, sound in self.over:
            if end > until:
                self.piece(max(begin, until), sound, max(0, until - begin), "", joint=False)
        self.over = [(begin, min(end, until), sound) for begin, end, sound in self.over if begin < until]

    def reach(self, at: int) -> None:
        """Items that end before this sample are followed by others."""
        while self.pieces[-1].until <= at:
            until = self.pieces[-1].until
            self.wish.end()
            self.turns.append(until)
            self.piece(until, self.shelf.sounds[self.wish.now], 0, self.wish.now, joint=False)

    def left(self, at: int) -> int:
        """Samples until the item is over, counted from this one; and no prompt may outlast it."""
        self.reach(at)
        return self.pieces[-1].until - at


# --- the line ----------------------------------------------------------------------------------------------------------


class Line(FarEnd):
    """The platform's end, in its own words."""

    def send(self, frame: str | bytes) -> None:
        message = json.loads(frame)
        match message["event"]:
            case "media":
                super().send(f"audio {SID} {base64.b64decode(message['media']['payload']).hex()}")
            case "mark":
                super().send(f"mark {SID} {message['mark']['name']}")
            case "clear":
                super().send(f"clear {SID}")
        self.frames.clear()


class Quiet:
    """Counts what went wrong."""

    def __init__(self) -> None:
        self.underruns = self.cuts = 0

    def stream_opened(self, wire: str) -> None: ...
    def stream_closed(self, wire: str) -> None: ...
    def stream_late(self, wire: str, seconds: float, blocks: int = 1) -> None: ...
    def stream_switched(self, wire: str, seconds: float) -> None: ...

    def stream_underrun(self, wire: str) -> None:
        self.underruns += 1

    def stream_cut(self, wire: str) -> None:
        self.cuts += 1


class Tape(Struct):
    heard: bytes
    truth: Truth
    house: House
    keys: str
    underruns: int


async def record(shelf: Shelf, seconds: float, presses: int, keys: str = "123456789", seed: int = 1) -> Tape:
    chance = random.Random(seed)
    clock, house, truth, counts = Time(), House(shelf), Truth(shelf), Quiet()
    streams = Streams(house.take, shelf, clock, counts, lambda queue: ContentId(shelf.music[0]))
    wire, far = JsonMedia(Dialect("twilio")), Line(clock)
    token = streams.tokens.issue(REF, QUEUE)
    stream = streams.open(streams.tokens.redeem("twilio", token), wire, far)
    stream.hear(json.dumps({"event": "start", "streamSid": SID, "sequenceNumber": "1", "start": {"callSid": "CA1"}}))
    await settle()
    moments = sorted(chance.sample(range(round(seconds / STEP)), presses))
    pressed, sequence, step = "", 1, 0
    while len(far.heard) < seconds * RATE:
        step += 1
        clock.seconds = 1000.0 + step * STEP
        far.play()
        while far.marks:
            stream.hear(json.dumps({"event": "mark", "streamSid": SID, "mark": {"name": far.marks.pop(0)}}))
        if step % 50 == 0:
            stream.hear('{"event":"media","media":{"track":"inbound","payload":""}}')
        streams.turn(clock.monotonic())
        if streams._answering:
            await settle()
        if moments and step >= moments[0] and truth.left(len(far.heard)) > SOON * RATE and len(far.heard):
            moments.pop(0)
            sequence += 1
            digit = chance.choice(keys)
            pressed += digit
            truth.press(len(far.heard), digit)
            stream.hear(json.dumps(
                {"event": "dtmf", "streamSid": SID, "sequenceNumber": str(sequence), "dtmf": {"digit": digit}}
            ))  # fmt: skip
            await settle()
    stream.hear(json.dumps({"event": "stop", "streamSid": SID, "sequenceNumber": "0"}))
    await settle()
    truth.reach(len(far.heard))
    return Tape(bytes(far.heard), truth, house, pressed, counts.underruns + counts.cuts)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=60)
    options.add_argument("--presses", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    began = time.process_time()
    tape = asyncio.run(record(made_shelf(), 60 * chosen.minutes, chosen.presses, seed=chosen.seed))
    verdict = judge(tape.heard, tape.truth)
    print(f"{verdict.samples / RATE:.0f} s heard, {len(tape.keys)} keys, {len(tape.truth.over)} prompts over music")
    print(
        f"{verdict.alone} samples of one sound alone ({verdict.alone / verdict.samples:.1%}), {len(verdict.wrong)} wrong"
    )
    print(f"content out of its place under {len(verdict.misplaced)} prompts, {len(verdict.silent)} silences of ours")
    print(f"{len(verdict.clicks)} clicks, greatest step {verdict.step:.3f}; {tape.underruns} underruns")
    print(f"{time.process_time() - began:.1f} s of CPU")


if __name__ == "__main__":
    main()
