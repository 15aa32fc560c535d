"""Who may ask what. Every route says so; one that does not is refused, and a test walks them all."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeVar
from urllib.parse import urlsplit

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
H = TypeVar("H", bound=Callable[..., Awaitable[web.StreamResponse]])

FORWARDING = (
    *("Forwarded", "Forwarded-For", "X-Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port"),
    *("X-Forwarded-Proto", "X-Real-IP", "X-Client-IP", "CF-Connecting-IP", "True-Client-IP", "Via"),
)


class Access(StrEnum):
    PUBLIC = "public"  # tells nothing that is not for everybody
    SIGNED = "signed"  # the handler checks a signature or a one-time token itself
    TOKEN = "token"  # noqa: S105  the API: bearer token; without one configured, only this machine
    PAGE = "page"  # the page is an empty frame: its data comes through the API; without a token only this machine
    SCRAPE = "scrape"  # this machine and the networks of metrics.allow
    LISTEN = "listen"  # this machine and the networks of live.allow: whoever plays an address cannot sign


def access(kind: Access) -> Callable[[H], H]:
    def mark(handler: H) -> H:
        handler.__dict__["access"] = kind
        return handler

    return mark


def access_of(handler: object) -> Access | None:
    found = getattr(handler, "access", None)
    return found if isinstance(found, Access) else None


class Guard:
    """Decides by route, peer, Host header and token. `listen`: networks that may hear live sound."""

    def __init__(self, token: str, scrape: Sequence[str], listen: Sequence[str] = (), *, public: bool) -> None:
        self._token, self._public = token, public
        self._scrape = [ip_network(one, strict=False) for one in scrape]
        self._listen = [ip_network(one, strict=False) for one in listen]

    def admits(self, request: web.Request, kind: Access | None) -> bool:
        match kind:
            case Access.PUBLIC | Access.SIGNED:
                return True
            case Access.TOKEN:
                return self._bears_token(request) if self._token else self.local(request)
            case Access.PAGE:
                return bool(self._token) or self.local(request)
            case Access.SCRAPE:
                return self._near(request, self._scrape)
            case Access.LISTEN:
                return self._near(request, self._listen)
            case _:
                return False

    def _near(self, request: web.Request, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
        near = among(request, networks) and not forwarded(request)  # a proxy of ours is not who asks
        return near or self.local(request) or self._bears_token(request)

    def local(self, request: web.Request) -> bool:
        """From this machine, addressed as this machine, through no proxy, by no other site's page, and no public URL is set."""
        here = is_loopback(request.remote) and host_is_loopback(request.headers.get("Host", ""))
        return not self._public and not forwarded(request) and here and not foreign(request)

    def _bears_token(self, request: web.Request) -> bool:
        return bool(self._token) and hmac.compare_digest(bearer(request), self._token.encode())


def among(request: web.Request, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        peer = ip_address(request.remote or "")
    except ValueError:
        return False
    if isinstance(peer, IPv6Address) and peer.ipv4_mapped:
        peer = peer.ipv4_mapped
    return any(peer in network for network in networks)


def forwarded(request: web.Request) -> bool:
    """Through a proxy that says so."""
    return any(name in request.headers for name in FORWARDING)


def foreign(request: web.Request) -> bool:
    """Another site's page, open in the same browser, asks."""
    origin = request.headers.get("Origin")
    cross = request.headers.get("Sec-Fetch-Site", "same-origin") in ("cross-site", "same-site")
    return cross or (origin is not None and urlsplit(origin).netloc != request.host)


def bearer(request: web.Request) -> bytes:
    """The token that a request brings; a browser's websocket can only bring it as a subprotocol, "bearer." and base64url."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return given.encode("utf-8", "surrogateescape")
    offered = [one.strip() for one in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    packed = next((one.removeprefix("bearer.") for one in offered if one.startswith("bearer.")), "")
    try:
        return urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
    except ValueError:
        return b""


def is_loopback(address: str | None) -> bool:
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return False


def host_is_loopback(host: str) -> bool:
    """A name that rebinds to this machine is not this machine."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    name = name.strip("[]")
    return name == "localhost" or name.endswith(".localhost") or is_loopback(name)
