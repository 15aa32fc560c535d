"""A key at any moment of what is said in documents, through the whole service: over HTTP, with its store.

`test_every_prompt` has every prompt that ships, and streams; it leaves HTTP and the store out.
"""

from __future__ import annotations

import asyncio
import random
from itertools import cycle

from msgspec.structs import replace

from holdsvc import app
from holdsvc.calls.menu import Choice
from holdsvc.calls.model import CallId, CallRef
from holdsvc.simulator.carrier import Carrier
from holdsvc.simulator.clock import VirtualClock
from holdsvc.simulator.hooks import Target
from holdsvc.simulator.leg import Gone, Pressed, Spoke
from tests.engine.test_resumption import a_shelf
from tests.service import TOKEN, running, settings_for

TENTH = 0.1
# Keys that make us say something; ~ is a pause in which content is heard, and 6 no entry of the menu.
TRIGGERS = (*"00123599**7778888#6", "29", "39", "2~12")
PAUSE = 12.0
ENOUGH = 4  # rounds after which a key has said all that it ever will
ANSWERED = 0.05  # seconds in which a document surely comes
PROBES = ("8", "9", "2", "7", "1", "*", "3", "#", "5")  # what is keyed while something is said


class Moments:
    """Which moments of what is said have not been tried yet."""

    def __init__(self, plan) -> None:
        self._plan, self._next = plan, {}
        self._probes = cycle([choice for digit in PROBES if (choice := plan.menu.by_digit(digit))])
        self.tried = 0

    def triggers(self):
        """Round and round, without those that have brought nothing new for a while."""
        fruitless = [0] * len(TRIGGERS)
        while min(fruitless) < ENOUGH:
            for number, trigger in enumerate(TRIGGERS):
                if fruitless[number] < ENOUGH:
                    tried = self.tried
                    yield trigger
                    fruitless[number] = 0 if self.tried > tried else fruitless[number] + 1

    def of(self, saying) -> tuple[float, Choice] | None:
        """The next moment to key something, and what; None if every moment of this was tried."""
        spoken = self._plan.available(saying, "en")
        if self._next.get(saying, 0.0) >= self._plan.seconds_of(spoken, "en"):
            return None
        self._next[saying] = round(self._next.get(saying, 0.0) + TENTH, 1)
        self.tried += 1
        return self._next[saying] - TENTH, next(self._probes)


async def test_a_key_at_every_tenth_of_a_second_of_what_is_said_is_honoured_by_the_whole_service(
    tmp_path, unused_tcp_port
):
    """The whole service on one side; on the other a carrier that runs its documents as Twilio says they are run."""
    clock = VirtualClock()
    rules = settings_for(tmp_path).queues["support"]
    queues = {"support": replace(rules, prompts_per_minute=10**6, shelves=tuple(a_shelf(tmp_path)))}
    options = app.Options(ingest=False, sleep=clock.sleep)
    async with running(tmp_path, unused_tcp_port, clock=clock, options=options, queues=queues) as service:
        house = service.house
        carrier = Carrier(Target(service.base, TOKEN), service.client, clock, rng=random.Random(7))
        driver = asyncio.create_task(clock.run())
        plan = house.plans.plan("support", platform="twilio")
        moments = Moments(plan)
        leg = carrier.place("+15005550123", queue="support")
        ref = CallRef("twilio", CallId(leg.sid))
        await clock.sleep(1.0)

        async def press(digit: str):
            leg.signal(Pressed(digit))
            await clock.sleep(ANSWERED)
            return await house.intake.load(ref)

        for trigger in moments.triggers():
            for digit in trigger:
                if digit == "~":
                    await clock.sleep(PAUSE)
                elif digit == "6":
                    leg.signal(Spoke("banana", 0.2))
                    await clock.sleep(2.0)
                else:
                    await press(digit)
            session = await house.intake.load(ref)
            moment = moments.of(session.saying)
            if moment is None:
                continue
            seconds, probe = moment
            if seconds:
                await clock.sleep(seconds - ANSWERED)
            keyed = clock.now()
            after = await press(probe.digit)

            assert after.choices[-1].what == probe.id, (session.saying, seconds)
            assert abs((after.choices[-1].at - keyed).total_seconds()) < 0.002
        leg.signal(Gone())
        await carrier.all_over()
        driver.cancel()

    assert carrier.findings.all() == ()
    assert moments.tried > 300
