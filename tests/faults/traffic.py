"""Callers, agents and their carrier against a service that goes away and comes back, and a record of what it acknowledged."""

from __future__ import annotations

import asyncio
import random
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import aiohttp
from msgspec import Struct, field

from holdsvc.simulator.agents import Agent
from holdsvc.simulator.callers import Crowd, gaps, start
from holdsvc.simulator.carrier import Carrier
from holdsvc.simulator.clock import RealClock
from holdsvc.simulator.habits import Habits
from holdsvc.simulator.hooks import Chaos, Hook, Target, client_session
from tests.faults.service import TOKEN

PEOPLE = Habits(patience=3.0, fiddle=0.5, talk=2.0, wrap=0.5, hold=1.0, rings=(0.05, 0.3), late=1.0)
DUPLICATE = 0.1
TRIES = 60  # Twilio can be told to try again; so often that no start of the service is too slow
AGENTS = 12
GIVEN_UP = {"abandoned", "short_abandoned"}
RESULTS = {
    "bridged": {"answered"},
    "redirected-from-bridged": {"answered"},
    "hangup": GIVEN_UP,
    "leave": {"left_by_choice"},
}
TURN = re.compile(rb"[?;&]turn=(\d+)")


class Kept(Struct, frozen=True):
    """What the file says of one call."""

    rows: int
    outcome: str | None
    version: int


class Acknowledged(Struct):
    """What the service answered 200 to, by call. An answer to that says: it is kept."""

    began: set[str] = field(default_factory=set)  # the caller waits
    ended: dict[str, set[str]] = field(default_factory=dict)  # outcomes that the news of the end allow
    version: dict[str, int] = field(default_factory=dict)  # of the session, as the answer's links tell
    hooks: int = 0
    under_way: int = 0

    def see(self, hook: Hook) -> None:
        self.under_way += -1 if hook.answered else 1
        if not hook.answered or hook.status != 200:
            return
        self.hooks += 1
        fields = dict(hook.fields)
        call = fields.get("CallSid", "")
        versions = [int(turn) for turn in TURN.findall(hook.body)]
        if versions:
            self.version[call] = max(self.version.get(call, 0), *versions)
        if hook.step == "wait":
            self.began.add(call)
        ends = outcomes(hook.step, fields)
        talked = hook.step == "status" and "answered" in self.ended.get(
            call, ()
        )  # the end of the talk, not of the wait
        if ends and call in self.began and not talked:
            self.ended.setdefault(call, set()).update(ends)

    def lost(self, kept: dict[str, Kept]) -> list[str]:
        """What was acknowledged and is not there, in words; and what is there twice."""
        nothing = Kept(0, None, 0)
        found = []
        for call in sorted(self.began | self.version.keys()):
            have = kept.get(call, nothing)
            if have.version < self.version.get(call, 0):
                found.append(f"{call}: version {self.version[call]} was acknowledged, {have.version} is kept")
            if call in self.began and have.rows != 1:
                found.append(f"{call}: its wait was acknowledged, {have.rows} rows are kept")
            if call in self.ended and have.outcome not in self.ended[call]:
                found.append(f"{call}: the end was acknowledged as {sorted(self.ended[call])}, {have.outcome} is kept")
        return found


def outcomes(step: str, fields: dict[str, str]) -> set[str]:
    """What this news of an end may come to in the log; empty for any other news."""
    if step == "agent" and fields.get("DequeingCallSid"):
        return {"answered"}
    if step == "left":
        return RESULTS.get(fields.get("QueueResult", ""), set())
    if step == "status" and fields.get("CallStatus") == "completed":
        return GIVEN_UP
    return set()


def read(file: Path) -> dict[str, Kept]:
    """By call, with SQLite alone: none of our own code that might hide what is wrong."""
    with closing(sqlite3.connect(file)) as db:
        rows = db.execute(
            "SELECT s.call, count(w.row), max(w.outcome), max(s.version)"
            " FROM sessions s LEFT JOIN waits w ON w.call = s.call GROUP BY s.call"
        ).fetchall()
    return {call: Kept(*rest) for call, *rest in rows}


class Traffic:
    """So many calls in documents mode, at a steady rate, until the last is over."""

    def __init__(self, base: str, calls: int, rate: float, seed: int, queues: Sequence[str] = ("support",)) -> None:
        self.acknowledged = Acknowledged()
        self.sent = asyncio.Event()  # set by each request that goes out
        self.coming = asyncio.Event()  # callers come while it is set
        self.coming.set()
        self._target = Target(base, TOKEN)
        self._calls, self._rate, self._queues = calls, rate, queues
        self._rng = random.Random(seed)
        self.carrier: Carrier

    async def run(self) -> None:
        async with client_session() as client:
            await self._run(client)

    async def _run(self, client: aiohttp.ClientSession) -> None:
        chaos = Chaos(DUPLICATE, DUPLICATE, PEOPLE.late, tries=TRIES)
        self.carrier = Carrier(self._target, client, RealClock(), rng=self._luck(), chaos=chaos, rings=PEOPLE.rings)
        self.carrier.hooks.watch = self._see
        agents = [asyncio.create_task(Agent(self.carrier, PEOPLE, self._luck()).work()) for _ in range(AGENTS)]
        try:
            crowd = Crowd(PEOPLE, self._luck())
            for gap in gaps(self._rate, self._calls, self._luck()):
                await asyncio.sleep(gap)
                await self.coming.wait()
                leg = self.carrier.place(crowd.number(), queue=self._rng.choice(self._queues))
                start(leg, PEOPLE, self.carrier.clock, self._luck())
            await self.carrier.all_over()
        finally:
            for agent in agents:
                agent.cancel()
            await asyncio.gather(*agents, return_exceptions=True)

    def _luck(self) -> random.Random:
        return random.Random(self._rng.random())

    def _see(self, hook: Hook) -> None:
        self.acknowledged.see(hook)
        if not hook.answered:
            self.sent.set()
