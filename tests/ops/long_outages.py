"""Each dependency of three replicas really dies, one after the other: `python -m tests.ops.long_outages`, some five minutes.

Prints who was told what, and ends with an error where that is not one notice and one end for each.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from threading import Event, Thread
from urllib.parse import quote

from msgspec import Struct

from tests.faults.replicas import SECRET
from tests.faults.service import HOST, Service
from tests.ops.outages import LATEST, PAGES, TICKETS
from tests.ops.pager import Door, Pager, a_door, a_pager
from tests.ops.real_outages import calls, started, without_content
from tests.ops.sooner import alertmanager, prometheus
from tests.stores.postgres_server import PostgresServer, new_database
from tests.stores.postgres_server import one_server as one_postgres
from tests.stores.redis_server import RedisServer, one_node

NAME = "three replicas"  # the outage's name at the pager
REPLICAS = 3
WELL, CALM = 6.0, 6.0  # minutes before the first, and after each
WORKER = b"holdsvc.speech.worker"


class Death(Struct, frozen=True):
    what: str
    receiver: str
    alert: str
    kill: Callable[[], None]
    mend: Callable[[], None]


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--times", type=float, default=30.0, help="faster than it would be")
    given.add_argument("--without-speech", action="store_true", help="where the extra [voice] is not installed")
    words = given.parse_args()
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        pager, receiver = stack.enter_context(a_pager())
        return lived_through(stack, Path(folder), pager, receiver, words.times, speech=not words.without_speech)


def lived_through(stack: ExitStack, folder: Path, pager: Pager, receiver: str, times: float, *, speech: bool) -> int:
    minute = 60.0 / times
    redis, postgres = stack.enter_context(one_node()), stack.enter_context(one_postgres())
    crm = stack.enter_context(a_door(lambda path, body: b'{"results": []}'))
    services = replicas(folder, redis, postgres, crm, speech=speech)
    for service in services:
        stack.callback(service.kill)
        started(service)
    for service in services:
        stack.enter_context(calls(service.base))
    where = [f"{HOST}:{service.port}" for service in services]
    told = stack.enter_context(alertmanager(folder / "told", f"{receiver}/{quote(NAME)}", times))
    stack.enter_context(prometheus(folder / "prometheus", where, [told], times))
    time.sleep(WELL * minute)

    wrong = [
        one.what for one in deaths(stack, redis, postgres, crm, services, speech=speech) if not once(one, pager, minute)
    ]
    print(f"told once each: {not wrong}{', but for ' + ', '.join(wrong) if wrong else ''}")
    return 1 if wrong else 0


def deaths(
    stack: ExitStack,
    redis: RedisServer,
    postgres: PostgresServer,
    crm: Door,
    services: list[Service],
    *,
    speech: bool,
) -> Iterator[Death]:
    def start(number: int) -> None:
        for one in services[:number]:
            started(one)

    def kill(number: int) -> None:
        for one in services[:number]:
            one.kill()

    yield Death("the directory", TICKETS, "HoldsvcFailingLookups", crm.close, crm.open)
    yield Death("PostgreSQL", TICKETS, "HoldsvcPartAway", postgres.kill, postgres.start)
    if speech:
        killing = Killing(services[-1])
        stack.callback(killing.end)
        yield Death("the recogniser", TICKETS, "HoldsvcPartAway", killing.begin, killing.end)
    yield Death("one of three", TICKETS, "HoldsvcReplicaDown", partial(kill, 1), partial(start, 1))
    yield Death("two of three", PAGES, "HoldsvcFewReplicas", partial(kill, 2), partial(start, 2))
    yield Death("Redis", PAGES, "HoldsvcStoreAway", redis.kill, redis.start)
    yield Death("all of three", PAGES, "HoldsvcDown", partial(kill, 3), partial(start, 3))


def once(death: Death, pager: Pager, minute: float) -> bool:
    pager.forget(NAME)
    began = time.monotonic()
    death.kill()
    pager.wait_for(NAME, death.receiver, "firing", death.alert, LATEST * minute)
    after = (time.monotonic() - began) / minute
    death.mend()
    pager.wait_for(NAME, death.receiver, "resolved", death.alert, LATEST * minute)
    time.sleep(CALM * minute)
    notices = {receiver: pager.notices(NAME, receiver) for receiver in (PAGES, TICKETS)}
    print(f"{death.what}: after {after:.1f} min; {notices}", flush=True)
    wanted = [("firing", (death.alert,)), ("resolved", (death.alert,))]
    return notices == {PAGES: [], TICKETS: [], death.receiver: wanted}


def replicas(folder: Path, redis: RedisServer, postgres: PostgresServer, crm: Door, *, speech: bool) -> list[Service]:
    """The last one understands spoken words, if any does."""
    common = {
        "STORE__URL": redis.url,
        "LEDGER__URL": new_database(postgres),
        "SERVICE__SECRET": SECRET,
        "SERVICE__ALLOW_OUTGOING": "127.0.0.0/8",
        "MEDIA__FOLDER": str(without_content(folder / "media")),
        "METRICS__ALLOW": "127.0.0.0/8",
        "DIRECTORIES__CRM__KIND": "http",
        "DIRECTORIES__CRM__URL": f"http://{crm.address}/contacts?phone={{number}}",
        "DIRECTORIES__CRM__RECORDS": "results",
    }
    hearing = {"SPEECH__RECOGNISER": "grammar"} if speech else {}
    return [
        Service(folder / f"replica{n}", **common, **(hearing if n == REPLICAS - 1 else {})) for n in range(REPLICAS)
    ]


class Killing:
    """A recogniser that cannot live: its process is killed as often as it is started again."""

    def __init__(self, service: Service) -> None:
        self._service, self._over = service, Event()
        self._thread: Thread | None = None

    def begin(self) -> None:
        self._thread = Thread(target=self._kill)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _kill(self) -> None:
        while not self._over.wait(0.02):
            for pid in children(self._service.pid):
                with suppress(OSError):
                    if WORKER in Path(f"/proc/{pid}/cmdline").read_bytes():
                        os.kill(pid, signal.SIGKILL)


def children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


if __name__ == "__main__":
    sys.exit(main())
