"""Who can reach us, and whom we may reach."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from holdsvc.commands.checks.codes import Finding, finding
from holdsvc.commands.checks.scene import Scene
from holdsvc.config import Settings

HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))+", re.IGNORECASE)
EXAMPLES = ("example.com", "example.org", "example.net", ".example", ".test", ".invalid")
METADATA = ("169.254.169.254", "fd00:ec2::254")
LONGEST_BUDGET = 1.0  # seconds; platforms give up on a hook after a few
USUAL = {"http": 80, "https": 443}


def rules(scene: Scene) -> Iterator[Finding]:
    settings = scene.settings
    if settings.service.public_url:
        yield from public_url(settings.service.public_url)
    yield from listening(settings)
    yield from audiosocket(settings)
    yield from allowed(settings)
    if settings.callers.budget > LONGEST_BUDGET:
        why = f"callers.budget is {settings.callers.budget:g} s: a slow directory keeps callers without sound so long"
        yield finding("HS-145", why, "set it to 0.3; a later answer still reaches the agent")


def public_url(url: str) -> Iterator[Finding]:
    fix = "write it as https://hold.yourdomain, the way the platform calls it"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        yield finding("HS-124", "service.public_url cannot be read as an address", fix)
        return
    address = an_address(host)
    if parts.scheme not in USUAL or "@" in parts.netloc or not (address or host == "localhost" or HOST.fullmatch(host)):
        yield finding("HS-124", f"service.public_url: no platform could call {host or 'it'!r}", fix)
        return
    if parts.scheme != "https":
        why = "service.public_url is not https: no stream can be opened, and callers' numbers travel in clear"
        yield finding("HS-121", why, "put a proxy with a certificate in front, and name its https address")
    if any(host == one.lstrip(".") or host.endswith(f".{one.lstrip('.')}") for one in EXAMPLES):
        yield finding("HS-128", f"service.public_url is the documentation's example, {host}", fix)
    if host == "localhost" or (address and not address.is_global):
        yield finding("HS-129", f"service.public_url is {host}, which platforms on the internet cannot reach", fix)
    yield from shape(parts, port)


def shape(parts: SplitResult, port: int | None) -> Iterator[Finding]:
    if port is not None and port != USUAL[parts.scheme]:
        why = f"service.public_url names port {port}; some platforms sign with it, some without, some cannot call it"
        yield finding("HS-122", why, "serve the public address on 443")
    if parts.path.strip("/"):
        why = f"service.public_url has the path {parts.path!r}: hooks are checked against it, so the proxy has to take it off"
        yield finding("HS-130", why, "give the service a host name of its own")
    if parts.query or parts.fragment:
        why = "service.public_url has a query or a fragment, to which no path can be added"
        yield finding("HS-123", why, "leave out what follows ? or #")


def an_address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def listening(settings: Settings) -> Iterator[Finding]:
    service, address = settings.service, an_address(settings.service.host)
    if address and not address.is_loopback and not settings.api.token:
        why = (
            f"the service listens on {service.host} and has no api.token: nobody but this machine may read wall and API"
        )
        yield finding("HS-125", why, "set HOLDSVC_API__TOKEN, or listen on 127.0.0.1 behind a proxy")
    if service.port == 0 and service.public_url:
        why = "service.port is 0, another one at each start: the proxy behind the public URL would lose us"
        yield finding("HS-127", why, "set service.port to 8080")
    if address and (fault := unbound(address)):
        yield finding(
            "HS-126", f"nothing can listen on service.host {service.host} here: {fault}", "correct the address"
        )


def unbound(address: IPv4Address | IPv6Address) -> str:
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.bind((str(address), 0))
    except OSError as error:
        return error.strerror or str(error)
    return ""


def audiosocket(settings: Settings) -> Iterator[Finding]:
    given = settings.audiosocket
    if not given.port:
        return
    address = an_address(given.host)
    if not given.allow and given.host != "localhost" and not (address and address.is_loopback):
        why = f"AudioSocket listens on {given.host} and knows no password; audiosocket.allow names nobody"
        yield finding("HS-133", why, "name the networks of your telephone systems in audiosocket.allow")
    if given.port == settings.service.port:
        why = f"audiosocket.port and service.port are both {given.port}"
        yield finding("HS-136", why, "take 9092 for AudioSocket")


def allowed(settings: Settings) -> Iterator[Finding]:
    opened = (
        ("HS-131", "metrics.allow", settings.metrics.allow, "read how many callers wait"),
        ("HS-132", "live.allow", settings.live.allow, "listen, as often as they like"),
        ("HS-134", "audiosocket.allow", settings.audiosocket.allow, "send and hear the sound of calls"),
    )
    for code, key, networks, may in opened:
        if everybody(networks):
            yield finding(code, f"{key} lets everybody {may}", f"name your own networks in {key}")
    for key, networks in (
        ("service.allow_outgoing", settings.service.allow_outgoing),
        ("fetch.allow", settings.fetch.allow),
    ):
        if everybody(networks) or reaches_metadata(networks):
            why = f"{key} lets requests reach the address where a cloud tells its machines their secrets"
            yield finding("HS-135", why, f"name the networks that {key} is for, and no wider ones")


def everybody(networks: Sequence[str]) -> bool:
    return any(text.endswith("/0") for text in networks)


def reaches_metadata(networks: Sequence[str]) -> bool:
    for text in networks:
        with contextlib.suppress(ValueError):
            network = ip_network(text, strict=False)
            if any(one.version == network.version and one in network for one in map(ip_address, METADATA)):
                return True
    return False
