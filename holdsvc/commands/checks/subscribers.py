"""Subscribers: whether what they are told reaches them, and reaches nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from holdsvc.commands.checks.codes import Finding, finding
from holdsvc.commands.checks.directories import unreachable
from holdsvc.commands.checks.network import an_address
from holdsvc.commands.checks.secrets import FRESH, variable
from holdsvc.config import Settings


def rules(settings: Settings) -> Iterator[Finding]:
    for name, given in settings.subscribers.items():
        key = f"subscribers.{name}"
        try:
            parts = urlsplit(given.url)
            host = parts.hostname or ""
        except ValueError as error:
            yield finding(
                "HS-146", f"{key}.url cannot be read: {error}", "write it as https://desk.example.com/holdsvc"
            )
            continue
        if not given.secret:
            why = f"{key} has no secret: whoever knows its address can tell it anything in our name"
            yield finding("HS-147", why, f"set {variable(f'{key}.secret')}; {FRESH}")
        local = an_address(host)
        if parts.scheme == "http" and not (local and local.is_loopback):
            yield finding(
                "HS-148", f"{key}: calls are told to {host} without encryption", "write its url with https://"
            )
        if unreachable(parts, settings):
            why = f"{key}: {host} is in a private network, where requests may not go: nothing is ever told to it"
            yield finding("HS-149", why, "name its network in service.allow_outgoing")
