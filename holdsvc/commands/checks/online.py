"""Whether what the settings name answers at all: a connection each, nothing is sent. Only where `--online` asks for it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from holdsvc import catalogue
from holdsvc.commands.checks.codes import Finding, finding
from holdsvc.config import Settings, is_postgres
from holdsvc.content.subscriptions import Subscriptions
from holdsvc.errors import BadContent
from holdsvc.stores.redis_link import SENTINEL_PORT, addresses

PATIENCE = 5.0  # seconds for each
AT_ONCE = 16
PORTS = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379, "postgresql": 5432, "postgres": 5432}


def rules(settings: Settings) -> Iterator[Finding]:
    wanted = list(named(settings))
    with ThreadPoolExecutor(AT_ONCE) as asked:
        answers = asked.map(lambda one: fault(one[2]), wanted)
    for (code, key, _), why in zip(wanted, answers, strict=True):
        if why:
            yield finding(code, f"{key}: {why}", "see whether it runs, and whether this machine may reach it")


def named(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Code, key and address of everything that is to answer."""
    if settings.service.public_url:
        yield "HS-501", "service.public_url", settings.service.public_url
    if catalogue.is_shared(settings):
        yield "HS-504", "store.url", settings.store.url
        if is_postgres(settings.ledger.url) and urlsplit(settings.ledger.url).netloc:  # else it names a socket's file
            yield "HS-505", "ledger.url", settings.ledger.url
    try:
        added = Subscriptions(settings.data_dir).read()
    except BadContent:  # another rule says so
        added = {}
    yield from (("HS-502", f"podcasts.{name}", one.url) for name, one in {**added, **settings.podcasts}.items())
    yield from (("HS-502", f"updates.{name}", one.url) for name, one in settings.updates.items() if one.url)
    yield from (("HS-503", f"directories.{name}", one.url) for name, one in settings.directories.items() if one.url)


def fault(url: str) -> str:
    """Why nothing answers there, "" where something does: one of several is enough."""
    faults = []
    try:
        parts = urlsplit(url)
        kind, _, way = parts.scheme.partition("+")
        port = SENTINEL_PORT if way == "sentinel" else PORTS.get(kind)
        for host, number in addresses(parts, port or 0):
            if not number:
                return "its address cannot be read"
            try:
                socket.create_connection((host, number), PATIENCE).close()
            except OSError as error:
                faults.append(f"no connection ({error.strerror or error})")
            else:
                return ""
    except ValueError:
        return "its address cannot be read"
    return faults[0]
