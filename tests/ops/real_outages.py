"""The same with a service that is really there: its Redis is killed and comes back, then the service itself is."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote, urlencode
from urllib.request import urlopen

from tests.faults.service import HOST, Service
from tests.ops.outages import AFTERWARDS, ATTEMPTS, LATEST, PAGES
from tests.ops.pager import Pager
from tests.ops.sooner import alertmanager, prometheus, stood_still
from tests.stores.redis_server import one_node

REAL = "a real service"  # the outage's name at the pager
TIMES = 90.0
CALLS_EVERY = 0.25  # seconds


def live_through_two(folder: Path, pager: Pager, receiver: str) -> None:
    """As `live_through` does, one after the other."""
    for attempt in range(ATTEMPTS):
        pager.forget(REAL)
        if not stood_still_in_two(folder / str(attempt), pager, receiver, TIMES / 2**attempt):
            return
    raise AssertionError(f"{REAL}: the machine stood still, {ATTEMPTS} times")


def stood_still_in_two(folder: Path, pager: Pager, receiver: str, times: float) -> bool:
    latest = LATEST * 60.0 / times
    with ExitStack() as stack:
        enter = stack.enter_context
        redis = enter(one_node())
        service = Service(
            folder / "service",
            STORE__URL=redis.url,
            LEDGER__URL=f"sqlite:{folder / 'service' / 'log.sqlite3'}",
            MEDIA__FOLDER=str(without_content(folder / "media")),
            METRICS__ALLOW="127.0.0.0/8",
        )
        stack.callback(service.kill)
        started(service)
        enter(calls(service.base))
        address = f"{HOST}:{service.port}"
        told = enter(alertmanager(folder / "told", f"{receiver}/{quote(REAL)}", times))
        base = enter(prometheus(folder / "prometheus", [address], [told], times))

        redis.kill()
        pager.wait_for(REAL, PAGES, "firing", "HoldsvcStoreAway", latest)
        redis.start()
        pager.wait_for(REAL, PAGES, "resolved", "HoldsvcStoreAway", latest)
        still = stood_still(base, [address])

        service.kill()
        pager.wait_for(REAL, PAGES, "firing", "HoldsvcDown", latest)
        started(service)
        pager.wait_for(REAL, PAGES, "resolved", "HoldsvcDown", latest)
        time.sleep(AFTERWARDS * 60.0 / times)
        return still


def started(service: Service) -> None:
    service.start("--insecure")
    service.wait_until_ready()


def without_content(folder: Path) -> Path:
    """To prepare sound would take the core that others measure on; there is house music all the same."""
    folder.mkdir(parents=True)
    (folder / "index.toml").write_text("", "utf-8")
    return folder


@contextmanager
def calls(base: str) -> Iterator[None]:
    """Somebody calls, again and again, whether there is an answer or not."""
    over = threading.Event()

    def ring() -> None:
        number = 0
        while not over.wait(CALLS_EVERY):
            number += 1
            call(base, number)

    thread = threading.Thread(target=ring)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def call(base: str, number: int) -> None:
    said = {
        "CallSid": f"CA{number:032d}",
        "AccountSid": f"AC{1:032d}",
        "From": f"+1500555{number % 10_000:04d}",
        "To": "+15005550100",
    }
    body = urlencode({**said, "CallStatus": "ringing", "Direction": "inbound"}).encode()
    with contextlib.suppress(URLError, OSError):  # the service is down: that is the test
        urlopen(f"{base}/hooks/twilio/call?queue=support", body, timeout=5).read()
