"""A simulation from its first call to its verdict, against a running service or one embedded in the same process."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import chain, repeat

from msgspec.structs import replace

from holdsvc.simulator.agents import Agent
from holdsvc.simulator.callers import Crowd, gaps, start
from holdsvc.simulator.carrier import Carrier
from holdsvc.simulator.clock import RealClock, SimClock, VirtualClock
from holdsvc.simulator.habits import Habits
from holdsvc.simulator.hooks import Chaos, Target, client_session
from holdsvc.simulator.ledger import Books, Row, Samples, Unreadable
from holdsvc.simulator.leg import Gone, Leg
from holdsvc.simulator.staffing import Staffing, measured
from holdsvc.simulator.verdict import (
    REAL,
    VIRTUAL,
    Verdict,
    compare_choices,
    compare_metrics,
    compare_rejected,
    compare_waits,
    conserved,
)
from holdsvc.simulator.view import Progress, curve, waiting

HASTE = 12.0  # how much faster people live in real time unless told otherwise: patience of 5 s on average
STAY = 40.0  # mean seconds in the queue of a demonstration, as patience and agents make it
RUSH = 10.0  # seconds in which a demonstration's first callers come
SERVED = 1.2  # agents for each caller who waits in it
GOODBYE = 2.0  # seconds that the last news of a demonstration's calls may take
STEPS = 50  # moments at which the conservation law is looked at
UNDER_WAY = 2.0  # seconds; what began later than that ago may not have reached a service in real time
PATIENCE_WITH_LOG = 10  # half seconds that the log may lag behind in real time
LAST_HOOKS = 1000  # of which the progress tells how fast they were answered
GLANCE = 0.2  # machine's seconds between two looks at the progress


async def simulate(
    target: Target,
    *,
    calls: int = 500,
    rate: float | None = None,
    duplicate: float = 0.0,
    reorder: float = 0.0,
    forged: float = 0.0,
    tries: int = 2,
    seed: int = 1,
    mode: str = "documents",
    queue: str = "support",
    clock: SimClock | None = None,
    speed: float | None = None,
    habits: Habits = Habits(),  # noqa: B008 frozen
    staffing: Staffing | None = None,
    progress: Callable[[Progress], None] = lambda progress: None,
) -> Verdict:
    """Let so many calls come and go, and compare.

    `rate` is calls a second of the clock; `mode` is documents, stream or mixed; `speed` is how much faster people live than
    in life (1 on a virtual clock, 12 in real time). A virtual clock is the one that the embedded service was built with;
    streams need real time. `forged` is the share of requests that a stranger sends again with a wrong signature; `tries` how
    often a request is sent when the service cannot be reached: more than 2 where it is being killed and started on purpose;
    its metrics are then not compared, for they begin anew each time. `queue` may be several, with commas between them.
    `staffing` is traffic by the textbook, in place of `rate` and `habits`.
    """
    clock = clock or RealClock()
    if clock.virtual and mode != "documents":
        raise ValueError("streams are paced by real time: a virtual clock can only run documents")
    haste = (1.0 if clock.virtual else HASTE) if speed is None else speed
    people = (staffing.habits() if staffing else habits).faster(haste)
    given = staffing.rate * haste if staffing else rate
    async with client_session() as client:
        rng = random.Random(seed)
        chaos = Chaos(duplicate, reorder, people.late, forged, tries)
        carrier = Carrier(target, client, clock, rng=rng, chaos=chaos, rings=people.rings)
        books = Books(target, client, clock)
        pace = given or (0.5 if clock.virtual else 10.0)
        run = _Run(carrier, books, people, rng, calls, pace, mode, queue, progress)
        run.staffing = staffing
        driver = asyncio.create_task(clock.run()) if isinstance(clock, VirtualClock) else None
        try:
            return replace(await run.whole(), speed=haste)
        finally:
            if driver is not None:
                driver.cancel()


async def keep_calling(base: str, token: str, callers: int, *, queue: str = "support", seed: int | None = None) -> None:
    """Callers and agents at life's own pace, about so many callers in the queue, until this is cancelled: then all hang up."""
    habits, rng = Habits(), random.Random(seed)
    async with client_session() as client:
        carrier = Carrier(Target(base, token), client, RealClock(), rng=rng, rings=habits.rings)
        legs: set[Leg] = set()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(max(1, round(callers * SERVED))):
                    agent = Agent(carrier, habits, random.Random(rng.random()))
                    group.create_task(_after_a_talk(agent, carrier, rng.uniform(0.0, habits.talk + habits.wrap)))
                crowd = Crowd(habits, rng)
                for rate in chain([callers / RUSH] * callers, repeat(callers / STAY)):
                    leg = carrier.place(crowd.number(), queue=queue)
                    start(leg, habits, carrier.clock, random.Random(rng.random()))
                    legs = {one for one in legs if not one.over.done()} | {leg}
                    await carrier.clock.sleep(rng.expovariate(rate))
                    carrier.truth.forget_past()
        finally:
            await _send_home(legs, carrier)


async def _after_a_talk(agent: Agent, carrier: Carrier, seconds: float) -> None:
    """The agents have talks behind them, so that callers wait from the first minute on."""
    await carrier.clock.sleep(seconds)
    await agent.work()


async def _send_home(legs: set[Leg], carrier: Carrier) -> None:
    """Everybody hangs up, and the service hears of it, if it can soon."""
    for leg in legs:
        leg.signal(Gone())
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(carrier.all_over(), GOODBYE)
    await carrier.drop()


class _Run:
    def __init__(
        self,
        carrier: Carrier,
        books: Books,
        habits: Habits,
        rng: random.Random,
        calls: int,
        rate: float,
        mode: str,
        queue: str,
        progress: Callable[[Progress], None],
    ) -> None:
        self._carrier = carrier
        self._books = books
        self._habits = habits
        self._rng = rng
        self._calls = calls
        self._rate = rate
        self._mode = mode
        self._queues = tuple(name.strip() for name in queue.split(","))
        self._progress = progress
        self._differences: list[str] = []
        self._steps = 0
        self._over = 0
        self._told = 0.0  # machine's seconds at the last look at the progress
        self._begun = carrier.clock.monotonic()
        self.staffing: Staffing | None = None

    async def whole(self) -> Verdict:
        # A service that is killed on purpose counts from nothing again: then only its log can be compared.
        before = None if self._carrier.hooks.bears_outages else await self._samples()
        count = self.staffing.agents if self.staffing else self._habits.agents(self._rate, self._calls)
        agents = [
            Agent(self._carrier, self._habits, random.Random(self._rng.random()), self._queues) for _ in range(count)
        ]
        working = [asyncio.create_task(agent.work()) for agent in agents]
        beside = [*working, *([asyncio.create_task(self._watch(before))] if before else [])]
        clock, result = self._carrier.clock, None
        begun = clock.monotonic()
        try:
            await self._traffic()
            until = clock.monotonic()
            await self._carrier.all_over()
            if self.staffing:
                result = measured(self._carrier.truth, [agent.shift for agent in agents], clock, begun, until)
        finally:
            for task in beside:
                task.cancel()
            faults = [fault for fault in await asyncio.gather(*beside, return_exceptions=True) if fault]
        for fault in faults:
            if isinstance(fault, Exception):
                raise fault
        return replace(await self._judge(before), measured=result)

    async def _traffic(self) -> None:
        crowd = Crowd(self._habits, self._rng)
        for gap in gaps(self._rate, self._calls, self._rng):
            await self._carrier.clock.sleep(gap)
            mode = self._rng.choice(("documents", "stream")) if self._mode == "mixed" else self._mode
            queue = self._queues[0] if len(self._queues) == 1 else self._rng.choice(self._queues)
            leg = self._carrier.place(crowd.number(), queue=queue, mode=mode)
            leg.over.add_done_callback(self._one_over)
            start(leg, self._habits, self._carrier.clock, random.Random(self._rng.random()))
            self._tell()

    def _one_over(self, _: asyncio.Future[None]) -> None:
        self._over += 1
        self._tell()

    def _tell(self) -> None:
        """Now and then, and at the end: a look costs as much as there are calls."""
        moment = RealClock().monotonic()
        if self._over < self._calls and moment - self._told < GLANCE:
            return
        truth, clock = self._carrier.truth, self._carrier.clock
        ended = Counter(str(wait.end) for _, wait in truth.waits() if wait.ended is not None)
        p99 = 1000 * quantile(self._carrier.hooks.seconds[-LAST_HOOKS:], 0.99)
        counts = (len(truth.calls), self._over, self._calls)
        since = clock.monotonic() - self._begun  # a real clock counts from the machine's start
        self._progress(Progress(*counts, since, waiting(truth, self._queues), dict(ended), p99, curve(truth)))
        self._told = RealClock().monotonic()

    async def _watch(self, before: Samples) -> None:
        """Look at the conservation law while calls come and go."""
        clock, truth = self._carrier.clock, self._carrier.truth
        pause = self._calls / self._rate / STEPS
        while True:
            await clock.sleep(pause)
            recent = clock.now() - timedelta(seconds=0 if clock.virtual else UNDER_WAY)
            least = sum(wait.began <= recent for _, wait in truth.waits())
            now = await self._samples()
            most = truth.offered + (0 if clock.virtual else truth.coming())
            broken = conserved(before, now, least, most) if now else None
            self._steps += 1
            if broken:
                self._differences.append(f"at {clock.now():%H:%M:%S} {broken}")

    async def _samples(self) -> Samples | None:
        try:
            return await self._books.samples()
        except Unreadable as reason:
            self._differences.append(str(reason))
            return None

    async def _judge(self, before: Samples | None) -> Verdict:
        """The comparison; in real time the log may need a moment for the last calls."""
        rows: list[Row] = []
        found: list[str] = []
        for attempt in range(1 if self._carrier.clock.virtual else PATIENCE_WITH_LOG):
            if attempt:
                await asyncio.sleep(0.5)
            rows, found = await self._compare(before)
            if not found:
                break
        return self._verdict(rows, found)

    async def _compare(self, before: Samples | None) -> tuple[list[Row], list[str]]:
        truth = self._carrier.truth
        try:
            rows = [row for row in await self._books.rows() if row.call in truth.calls]
            if self._carrier.clock.virtual:
                found = list(compare_waits(truth, rows, VIRTUAL))
            else:
                found = list(compare_waits(truth, rows, REAL, self._carrier.hooks.delays))
            found += compare_choices(truth)
            if before is not None:
                after = await self._books.samples()
                found += compare_metrics(before, after, rows)
                found += compare_rejected(before, after, self._carrier.hooks.forged)
        except Unreadable as reason:
            return [], [str(reason)]
        return rows, found

    def _verdict(self, rows: list[Row], found: list[str]) -> Verdict:
        truth = self._carrier.truth
        ends = Counter(str(wait.end) for _, wait in truth.waits())
        ends["held again"] = sum(wait.hold for call in truth.calls.values() for wait in call.waits)
        return Verdict(
            calls=len(truth.calls),
            waits=sum(1 for _ in truth.waits()),
            outcomes=dict(ends),
            exact=sum(wait.prompt for _, wait in truth.waits()),
            amended=sum(row.amended for row in rows),
            differences=(*self._differences, *found),
            findings=self._carrier.findings.all(),
            figures=self._figures(),
            steps=self._steps,
        )

    def _figures(self) -> dict[str, float]:
        hooks, figures = self._carrier.hooks, self._carrier.figures
        heard = sum(sum(call.heard.values()) for call in self._carrier.truth.calls.values())
        waited = sum(wait.seconds for call in self._carrier.truth.calls.values() for wait in call.waits)
        return {
            "hooks": float(sum(hooks.sent.values())),
            "repeated": float(hooks.repeated),
            "delayed": float(hooks.delayed),
            "unreached": float(hooks.retried),
            "forged": float(hooks.forged),
            "answer p50 ms": 1000 * quantile(hooks.seconds, 0.5),
            "answer p99 ms": 1000 * quantile(hooks.seconds, 0.99),
            "share of waiting with sound": round(heard / waited, 3) if waited else 0.0,
            "first sound p99 ms": 1000 * quantile(figures.first_sound, 0.99),
            "switch p99 ms": 1000 * quantile(figures.switches, 0.99),
            "stream gaps": float(figures.gaps),
        }


def quantile(values: list[float], share: float) -> float:
    """The value that this share of them does not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
