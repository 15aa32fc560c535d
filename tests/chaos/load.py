"""The platform and its callers: so many calls a second, each of a few seconds, and what became of every one of them.

Half of them wait in documents and half on a stream, as long as there is room. They press keys; some leave by the key for it, some
are answered, the others hang up. Nothing is asked twice by us: what one request gets for an answer counts.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

import aiohttp

from holdsvc.simulator.agents import Agent
from holdsvc.simulator.callers import Crowd
from holdsvc.simulator.carrier import Carrier
from holdsvc.simulator.clock import RealClock
from holdsvc.simulator.habits import Habits
from holdsvc.simulator.hooks import WHOLE_ANSWER, Chaos, Hook, Target
from holdsvc.simulator.leg import Gone, Leg, Pressed
from holdsvc.simulator.run import quantile
from holdsvc.simulator.truth import End
from tests.chaos.cluster import LEAVE
from tests.chaos.diary import Diary, Note
from tests.chaos.hearing import Hearing
from tests.faults.callers import API, PUBLIC
from tests.faults.service import TOKEN
from tests.faults.traffic import Acknowledged

RATE = 50.0  # calls a second
WAITS = (2.0, 8.0)  # seconds that a caller's patience lasts, least and most
MOST_STREAMS = 250  # at once
ON_STREAM = 0.5  # of the calls
LEAVES = 0.1  # of those whose patience ends
KEYS = ("1", "2", "7", "8", "9")  # each is kept as one choice
FIDDLE = 3.0  # mean seconds between two keys
GOODBYE = 2.0  # seconds after the key to leave, before the caller hangs up
FRAME = 0.5  # seconds between two messages of a caller's line: that of a platform sends 50 a second
SERVED = 0.5  # of the callers
PEOPLE = Habits(talk=0.4, wrap=0.05, holds=0.0, rings=(0.02, 0.1), withheld=0.0)
AT_WORK = PEOPLE.talk + PEOPLE.wrap + 0.15  # seconds that a caller takes of an agent's time
NETWORK = Chaos(duplicate=0.02, reorder=0.02, late=1.0, tries=1)
LONG = 1.0  # seconds of silence that are worth telling how they came
TOLD = 3  # of these
TICK = 0.05  # seconds


class Load:
    """`base`: where the platform finds the service. After `run`, all calls are over and `carrier.truth` is whole."""

    def __init__(
        self,
        base: str,
        *,
        rate: float = RATE,
        waits: tuple[float, float] = WAITS,
        most_streams: int = MOST_STREAMS,
        seed: int = 1,
    ) -> None:
        self.acknowledged = Acknowledged()
        self.pressing: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
        self.refused: Counter[str] = Counter()  # hooks that were not answered with 2xx, by step and status
        self.hearing: dict[str, Hearing] = {}
        self.late = 0.0  # seconds by which this process was behind, at the most: they stand in all that it measures
        self.carrier: Carrier
        self._diary = Diary(RealClock().monotonic)
        self._base, self._rate, self._waits, self._most_streams = base, rate, waits, most_streams
        self._rng = random.Random(seed)
        self._legs: set[Leg] = set()
        self._living: set[asyncio.Task[None]] = set()

    async def run(self, until: asyncio.Event) -> None:
        """Callers come until this is set; return when the last of them is over."""
        timeout = aiohttp.ClientTimeout(total=WHOLE_ANSWER)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
        ) as client:
            target = Target(self._base, TOKEN, PUBLIC, API)
            self.carrier = Carrier(
                target, client, RealClock(), rng=self._luck(), chaos=NETWORK, rings=PEOPLE.rings, frame=FRAME
            )
            self.carrier.hooks.watch = self._see
            await self._calls(until)

    async def _calls(self, until: asyncio.Event) -> None:
        number = max(1, round(SERVED * self._rate * AT_WORK))
        agents = [asyncio.create_task(Agent(self.carrier, PEOPLE, self._luck()).work()) for _ in range(number)]
        agents.append(asyncio.create_task(self._mind_ourselves()))
        crowd, clock = Crowd(PEOPLE, self._luck()), self.carrier.clock
        due = clock.monotonic()
        try:
            while not until.is_set():
                due += self._rng.expovariate(self._rate)
                await clock.sleep(due - clock.monotonic())
                self._call(crowd.number())
            await self.carrier.all_over()
        finally:
            for task in (*agents, *self._living):
                task.cancel()
            await asyncio.gather(*agents, *self._living, return_exceptions=True)
            await self.carrier.drop()

    async def _mind_ourselves(self) -> None:
        clock = self.carrier.clock
        while True:
            due = clock.monotonic() + TICK
            await clock.sleep(TICK)
            self.late = max(self.late, clock.monotonic() - due)

    def _call(self, number: str) -> None:
        room = sum(leg.stream is not None for leg in self._legs) < self._most_streams
        mode = "stream" if room and self._rng.random() < ON_STREAM else "documents"
        ear = Hearing(self.carrier.clock.monotonic, lambda words: self._diary.note(leg.sid, words))
        leg = self.carrier.place(number, queue="support", mode=mode, ear=ear)
        self.hearing[leg.sid] = ear
        self._legs.add(leg)
        life = asyncio.create_task(live(leg, self._waits, self._luck()))
        self._living.add(life)
        life.add_done_callback(self._living.discard)
        leg.over.add_done_callback(lambda _: self._over(leg, life))

    def _over(self, leg: Leg, life: asyncio.Task[None]) -> None:
        self._legs.discard(leg)
        life.cancel()
        clock, wait = self.carrier.clock, leg.call.waits[-1] if leg.call.waits else None
        ago = (clock.now() - wait.ended).total_seconds() if wait is not None and wait.ended else 0.0
        ear = self.hearing[leg.sid]
        ear.over(clock.monotonic() - ago)
        if ear.longest < LONG:
            self._diary.forget(leg.sid)

    def _see(self, hook: Hook) -> None:
        self.acknowledged.see(hook)
        said = f"{hook.status or 'no answer'} after {hook.seconds:.1f} s" if hook.answered else "asked"
        self._diary.note(next((value for name, value in hook.fields if name == "CallSid"), ""), f"{hook.step} {said}")
        if hook.answered and not 200 <= hook.status < 300:
            self.refused[f"{hook.step} {hook.status or 'no answer'}"] += 1
        if hook.answered and hook.step == "input" and 200 <= hook.status < 300:
            self.pressing.add((hook.url, hook.fields))  # a repetition is the same key

    def _luck(self) -> random.Random:
        return random.Random(self._rng.random())

    # --- what was seen -----------------------------------------------------------------------------------------------

    @property
    def presses(self) -> Counter[str]:
        """Choices that were keyed into documents and acknowledged, by call."""
        keyed: Counter[str] = Counter()
        for _, pairs in self.pressing:
            fields = dict(pairs)
            keyed[fields["CallSid"]] += len(fields.get("Digits", ""))
        return +keyed

    @property
    def webhooks(self) -> int:
        return sum(self.carrier.hooks.sent.values())

    @property
    def silence(self) -> float:
        """Seconds, of the caller who had the longest."""
        return max((ear.longest for ear in self.hearing.values()), default=0.0)

    def silences(self, happened: Sequence[Note] = ()) -> list[str]:
        """How the longest came about. `happened`: what was done to the machines."""
        longest = sorted(self.hearing.items(), key=lambda heard: -heard[1].longest)[:TOLD]
        return [
            f"{ear.longest:.1f} s, {call}: {self._diary.around(call, ear.since, ear.longest, happened)}"
            for call, ear in longest
            if ear.longest >= LONG
        ]

    @property
    def slowest(self) -> float:
        return max(self.carrier.hooks.seconds, default=0.0)

    @property
    def p99(self) -> float:
        """Seconds from a webhook to its answer."""
        return quantile(self.carrier.hooks.seconds, 0.99)


async def live(leg: Leg, waits: tuple[float, float], rng: random.Random) -> None:
    """One caller: some keys, and then patience is at its end. Whoever talks with an agent stays."""
    clock, left = leg.board.clock, rng.uniform(*waits)
    while (pause := rng.expovariate(1 / FIDDLE)) < left:
        await clock.sleep(pause)
        left -= pause
        leg.signal(Pressed(rng.choice(KEYS)))
    await clock.sleep(left)
    if talks(leg):
        return
    if rng.random() < LEAVES:
        leg.signal(Pressed(LEAVE))
        await clock.sleep(GOODBYE)
    if not talks(leg):
        leg.signal(Gone())


def talks(leg: Leg) -> bool:
    return bool(leg.call.waits) and leg.call.waits[-1].end is End.ANSWERED
