"""Whether what the settings name answers at all: a connection each, nothing is sent. Only where `--online` asks for it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from holdsvc.commands.checks.codes import Finding, finding
from holdsvc.config import Settings
from holdsvc.content.subscriptions import Subscriptions
from holdsvc.errors import BadContent

PATIENCE = 5.0  # seconds for each
AT_ONCE = 16
PORTS = {"http": 80, "https": 443}


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
    try:
        added = Subscriptions(settings.data_dir).read()
    except BadContent:  # another rule says so
        added = {}
    yield from (("HS-502", f"podcasts.{name}", one.url) for name, one in {**added, **settings.podcasts}.items())
    yield from (("HS-502", f"updates.{name}", one.url) for name, one in settings.updates.items() if one.url)
    yield from (("HS-503", f"directories.{name}", one.url) for name, one in settings.directories.items() if one.url)


def fault(url: str) -> str:
    """Why nothing answers there, "" where something does."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme)
        if not host or not port:
            return "its address cannot be read"
        socket.create_connection((host, port), PATIENCE).close()
    except (OSError, ValueError) as error:
        return f"no connection ({getattr(error, 'strerror', None) or error})"
    return ""
