"""What becomes of who is told when something that the service needs dies: one outage after the other, each with a Prometheus and an
Alertmanager of its own, all at the same time. The figures are those of the service's own metrics, told what the outage does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.facts import ContentHeard
from holdsvc.calls.model import ContentId, Kind, QueueName
from holdsvc.engine.metrics import Metrics
from holdsvc.ports import Totals
from tests.engine.test_watching import Clock
from tests.ops.pager import Door, Pager, a_door
from tests.ops.sooner import alertmanager, as_shipped, prometheus, stood_still, without_mutes
from tests.ops.test_exposition import session
from tests.plans import NOON

QUEUE = QueueName("support")
PLATFORMS = ("twilio", "vonage")
CALLERS = 5  # on hold all the time
PAGES, TICKETS = "pages", "tickets"  # the shipped receivers
ATTEMPTS = 3
LATEST = 40.0  # minutes until somebody must have been told
AFTERWARDS = 6.0  # minutes in which something more might come: a group waits five
UNMUTED = "unmuted"  # beside the name of an outage: the same without a single inhibit rule


class Doing(Struct, frozen=True):
    """How a replica is doing, as far as it can be seen from outside."""

    away: frozenset[str] = frozenset()  # of store, ledger, speech
    heard: float = 1.0  # of the time that callers wait
    answer: float = 0.01  # seconds to a webhook's answer
    commit: float = 0.001
    lookup: tuple[str, float] = ("hit", 0.02)
    fault: bool = False
    webhooks: bool = True


WELL = Doing()


class Outage(Struct, frozen=True):
    """`receiver` is told of `alert`. `apart`: minutes from one replica to the next until they notice. `well`: minutes before."""

    name: str
    receiver: str
    alert: str
    bad: Doing = WELL
    replicas: int = 1
    gone: int = 0  # of these: nobody answers there any more
    apart: float = 0.0
    well: float = 6.0
    lasts: float = 12.0
    times: float = 90.0  # faster than it would be


OUTAGES = (
    # All that a store can do to the figures: webhooks of two platforms slow, silence, faults, a slow journal, a log that stays.
    Outage(
        "store",
        PAGES,
        "HoldsvcStoreAway",
        Doing(frozenset({"store", "ledger"}), heard=0.0, answer=2.0, commit=0.3, fault=True),
        replicas=3,
        apart=2.0,
    ),
    # By design tickets: callers are served without, and nothing is lost by waiting for the morning.
    Outage("ledger", TICKETS, "HoldsvcPartAway", Doing(frozenset({"ledger"}))),
    Outage("recogniser", TICKETS, "HoldsvcPartAway", Doing(frozenset({"speech"}))),
    Outage("directory", TICKETS, "HoldsvcFailingLookups", Doing(lookup=("error", 5.0)), lasts=17.0),
    Outage("one of three", TICKETS, "HoldsvcReplicaDown", replicas=3, gone=1),
    Outage("two of three", PAGES, "HoldsvcFewReplicas", replicas=3, gone=2),
    Outage("the way in", PAGES, "HoldsvcSilentPlatform", Doing(webhooks=False), well=12.0, lasts=22.0),
)


class Replica:
    """Its metrics, told at each scrape what happened since the last one."""

    def __init__(self) -> None:
        self.doing, self.leads = WELL, False
        self._metrics, self._lock, self._last = Metrics("1.2.3", Clock()), Lock(), time.monotonic()
        callers = [session(PLATFORMS[0], QUEUE) for _ in range(CALLERS)]
        self._metrics.start_from(Totals(), lambda: callers, (QUEUE,))
        self._metrics.waits.reports = lambda: self.leads

    def scraped(self, path: str, body: bytes) -> bytes:
        with self._lock:
            now = time.monotonic()
            self._happens(now - self._last)
            self._last = now
            return self._metrics.exposition()

    def _happens(self, seconds: float) -> None:
        metrics, doing = self._metrics, self.doing
        for part in ("store", "ledger", "speech"):
            metrics.degraded(part, part in doing.away)
        heard = ContentHeard(
            at=NOON,
            queue=QUEUE,
            content=ContentId("x"),
            kind=Kind.MUSIC,
            shelf="",
            from_second=0.0,
            until_second=seconds * CALLERS * doing.heard,
        )
        metrics.facts(session(PLATFORMS[0], QUEUE), [heard])
        metrics.committed(doing.commit)
        metrics.looked_up("crm", *doing.lookup)
        for platform in PLATFORMS if doing.webhooks else ():
            metrics.webhook_answered(platform, "wait", doing.answer)
            if doing.fault:
                metrics.webhook_rejected(platform, "fault")


def live_through(outage: Outage, folder: Path, pager: Pager, receiver: str) -> None:
    """Until it is over; who was told, the pager knows. Where the machine stood still, once more and at half the speed."""
    for attempt in range(ATTEMPTS):
        pager.forget(outage.name)
        pager.forget(f"{outage.name} {UNMUTED}")
        slower = replace(outage, times=outage.times / 2**attempt)
        if not stood_still_in(slower, folder / str(attempt), pager, receiver):
            return
    raise AssertionError(f"{outage.name}: the machine stood still, {ATTEMPTS} times")


def stood_still_in(outage: Outage, folder: Path, pager: Pager, receiver: str) -> bool:
    minute = 60.0 / outage.times
    with watched(outage, folder, receiver) as (replicas, doors, base):
        replicas[0].leads = True
        time.sleep(outage.well * minute)
        began = time.monotonic()
        for door in doors[: outage.gone]:
            door.close()
        if outage.gone:
            replicas[-1].leads = True
        become(replicas, outage.bad, outage.apart * minute)
        pager.wait_for(outage.name, outage.receiver, "firing", outage.alert, LATEST * minute)
        time.sleep(max(0.0, began + outage.lasts * minute - time.monotonic()))

        replicas[0].leads = not outage.gone
        for door in doors:
            door.open()
        become(replicas, WELL, outage.apart * minute)
        pager.wait_for(outage.name, outage.receiver, "resolved", outage.alert, LATEST * minute)
        time.sleep(AFTERWARDS * minute)
        return stood_still(base, [door.address for door in doors[outage.gone :]])


@contextmanager
def watched(outage: Outage, folder: Path, receiver: str) -> Iterator[tuple[list[Replica], list[Door], str]]:
    with ExitStack() as stack:
        enter = stack.enter_context
        replicas = [Replica() for _ in range(outage.replicas)]
        doors = [enter(a_door(replica.scraped)) for replica in replicas]
        names = {outage.name: as_shipped, f"{outage.name} {UNMUTED}": without_mutes}
        who = [
            enter(alertmanager(folder / f"told{n}", f"{receiver}/{quote(name)}", outage.times, changed))
            for n, (name, changed) in enumerate(names.items())
        ]
        yield (
            replicas,
            doors,
            enter(prometheus(folder / "prometheus", [one.address for one in doors], who, outage.times)),
        )


def become(replicas: list[Replica], doing: Doing, apart: float) -> None:
    for number, replica in enumerate(replicas):
        time.sleep(apart if number else 0.0)
        replica.doing = doing
