"""Directories: tables of callers, and systems that are asked over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from holdsvc import catalogue
from holdsvc.callers.numbers import PhoneNumbers
from holdsvc.callers.table import read_table
from holdsvc.commands.checks.codes import Finding, finding
from holdsvc.commands.checks.network import an_address
from holdsvc.commands.checks.secrets import is_open
from holdsvc.config import DirectorySettings, Settings, is_network
from holdsvc.engine.outbound import Outbound
from holdsvc.engine.personal import fields_of
from holdsvc.errors import ConfigError


def rules(settings: Settings) -> Iterator[Finding]:
    numbers = PhoneNumbers(settings.callers.region)
    for name, given in settings.directories.items():
        if given.kind == "table":
            yield from table(name, given, numbers)
        elif given.kind == "http":
            yield from http(name, given, settings, numbers)


def table(name: str, given: DirectorySettings, numbers: PhoneNumbers) -> Iterator[Finding]:
    path = Path(given.path)
    try:
        reading = read_table(path, numbers, name)
    except ConfigError as error:
        yield finding("HS-401", f"directories.{name}: {error}", "correct the path, or the table's first line")
        return
    if not reading.contacts:
        yield finding("HS-402", f"directories.{name}: there is no caller in {path.name}", "fill it, or take it out")
    if reading.warning:
        yield finding("HS-403", f"directories.{name}: {reading.warning}", "correct those rows")
    if is_open(path):
        why = f"directories.{name}: everybody on this machine may read {path.name}, which says who your callers are"
        yield finding("HS-408", why, f"chmod 600 {path.name}, owned by the user who runs the service")


def http(name: str, given: DirectorySettings, settings: Settings, numbers: PhoneNumbers) -> Iterator[Finding]:
    try:
        catalogue.DIRECTORIES["http"](name, given, numbers, Outbound(), fields_of(settings.personal))
        parts = urlsplit(given.url)
    except (ConfigError, ValueError) as error:
        yield finding("HS-404", f"directories.{name}: {error}", "see [directories.crm] in holdsvc.toml")
        return
    local = an_address(parts.hostname or "")
    if parts.scheme != "https" and not (local and local.is_loopback):
        if given.secret:
            why = f"directories.{name}: its secret and callers' numbers go to {parts.hostname} without encryption"
            yield finding("HS-111", why, "write its url with https://, and give it a new secret")
        else:
            why = f"directories.{name}: callers' numbers go to {parts.hostname} without encryption"
            yield finding("HS-405", why, "write its url with https://")
    if unreachable(parts, settings):
        why = f"directories.{name}: {parts.hostname} is in a private network, where requests may not go"
        yield finding("HS-406", why, "name its network in service.allow_outgoing")


def unreachable(parts: SplitResult, settings: Settings) -> bool:
    """Names are looked up only when they are asked, so that only addresses can be told here."""
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
    address = an_address(host)
    if address is None or address.is_global:
        return False
    allowed = [ip_network(one, strict=False) for one in settings.service.allow_outgoing if is_network(one)]
    return not any(address.version == one.version and address in one for one in allowed)
