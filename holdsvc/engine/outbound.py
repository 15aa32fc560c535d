"""The one client that goes out. It bears the deadlines and the limits, follows no redirect, and looks at every address.

The check stands where the socket is made: an address written as a number never meets a resolver, and a name may answer
otherwise the second time it is asked. What a URL says is in no message and no log: it may hold a caller's number.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver
from msgspec import Struct
from yarl import URL

from holdsvc.errors import ConfigError, OutboundFailed
from holdsvc.ports import Coming

SECONDS = 10.0  # a request's whole time where the asker sets none
LIMIT = 1 << 20  # bytes of an answer where the asker sets none
CONNECTIONS = 64
PER_HOST = 16
CHUNK = 1 << 16
REFUSED = "the address is not one that we may connect to"

GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
# Inside 2000::/3, yet no place of their own: 6to4 and Teredo carry an IPv4 address, the others are for examples.
NOWHERE = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
# What the standard library of some Pythons takes for public: protocol assignments (a cloud's metadata among them), relays of
# 6to4, and the one public address at which a large cloud answers its own machines.
NOWHERE_V4 = tuple(IPv4Network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32"))

Network = IPv4Network | IPv6Network


class Answer(Struct, frozen=True):
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes


class AddressRefused(OSError):
    """An `OSError`, so that the client takes it as a connection that could not be made; it leaves this file as `OutboundFailed`."""


class Outbound:
    """Hand this to whoever fetches. `allow`: networks that may be reached although they are not public.

    `at_once`: bytes that may come in at a time. What a server sends is parsed as it comes, and calls wait meanwhile: a flood of
    empty chunks or of `100 Continue` holds them up for a tenth of a second and more, cut small for a few milliseconds.
    """

    def __init__(
        self, allow: Iterable[str] = (), resolver: AbstractResolver | None = None, at_once: int | None = None
    ) -> None:
        self._allow = networks(allow)
        self._at_once = at_once
        self._resolver = resolver
        self._client: aiohttp.ClientSession | None = None

    async def get_json(
        self, url: str, headers: Mapping[str, str], *, seconds: float = SECONDS, limit: int = LIMIT
    ) -> tuple[int, object]:
        """Status and value; the value is None where the status is not 2xx or the body is empty."""
        answer = await self.fetch("GET", url, {"accept": "application/json", **headers}, seconds=seconds, limit=limit)
        if not 200 <= answer.status < 300 or not answer.body.strip():
            return answer.status, None
        try:
            return answer.status, msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise OutboundFailed(f"{_host(url)} answered with something that is not JSON", retryable=False) from None

    async def fetch(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        body: bytes | None = None,
        seconds: float = SECONDS,
        limit: int = LIMIT,
    ) -> Answer:
        """Any status is an answer, a redirect too. Raise `OutboundFailed` for none, for one too late and for one too large."""
        target = _checked(url)
        with _told(target.host, seconds):
            async with asyncio.timeout(seconds):
                return await self._exchange(method, target, headers, body, limit)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, seconds: float = SECONDS) -> Answer:
        """Status and headers, as soon as they are there: what the other side says besides changes nothing that was done."""
        target = _checked(url)
        with _told(target.host, seconds):
            async with asyncio.timeout(seconds):
                response = await self._session().post(target, headers=headers, data=body, allow_redirects=False)
        response.release()
        return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, b"")

    @asynccontextmanager
    async def opened(
        self, url: str, headers: Mapping[str, str], *, seconds: float, idle: float
    ) -> AsyncIterator[Coming]:
        """An answer whose body comes piece by piece, for what is too large to hold. A redirect is an answer here too."""
        target = _checked(url)
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=idle, sock_read=idle)
        with _told(target.host, 2 * idle):
            async with asyncio.timeout(2 * idle):  # to connect, and until the headers are there
                response = await self._session().get(target, headers=headers, allow_redirects=False, timeout=timeout)
        try:
            kept = {name.lower(): value for name, value in response.headers.items()}
            yield Coming(response.status, kept, _pieces(response, target.host, seconds))
        finally:
            response.close()

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _exchange(
        self, method: str, target: URL, headers: Mapping[str, str], body: bytes | None, limit: int
    ) -> Answer:
        plain = {**headers, "accept-encoding": "identity"}  # what is small on the wire stays small in memory
        async with self._session().request(method, target, headers=plain, data=body, allow_redirects=False) as response:
            if response.headers.get("content-encoding", "identity").lower() not in ("identity", ""):
                raise OutboundFailed(
                    f"{target.host} answered in an encoding that was not asked for", retryable=False, why="encoding"
                )
            content = await _read(response, limit)
            kept = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, kept, content)

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None:
            connector = aiohttp.TCPConnector(
                limit=CONNECTIONS,
                limit_per_host=PER_HOST,
                socket_factory=self._socket,
                resolver=self._resolver or aiohttp.ThreadedResolver(),
            )
            self._client = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),  # each request bears its own
                trust_env=False,  # a proxy would make the connections that we have to look at
                auto_decompress=False,
                requote_redirect_url=False,
            )
        return self._client

    def _socket(self, address: tuple[object, ...]) -> socket.socket:
        family, kind, protocol, _, where = address
        host = where[0] if isinstance(where, tuple) else ""
        if family not in (socket.AF_INET, socket.AF_INET6) or not may_connect(str(host), self._allow):
            raise AddressRefused(REFUSED)
        made = socket.socket(family, kind, protocol)  # type: ignore[arg-type]  # getaddrinfo's own words, typed as any object
        made.setblocking(False)
        if self._at_once is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._at_once)
        return made


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ip_network(text.strip()))
        except ValueError as error:
            raise ConfigError("outbound.allow", f"{text!r} is not a network such as 10.0.0.0/8") from error
    return tuple(found)


def may_connect(address: str, allow: Iterable[Network] = ()) -> bool:
    """Public places, and what is allowed. An address that wraps another is judged by what it wraps, and refused unless allowed."""
    allowed = tuple(allow)
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv4Address):
        return _listed(ip, allowed) or _is_public_v4(ip)
    if ip.ipv4_mapped is not None:  # the kernel connects to the IPv4 address
        return _listed(ip.ipv4_mapped, allowed) or _listed(ip, allowed)
    if ip in NAT64:
        inner = IPv4Address(int(ip) & 0xFFFFFFFF)
        return _listed(ip, allowed) and (_listed(inner, allowed) or _is_public_v4(inner))
    return _listed(ip, allowed) or _is_public_v6(ip)


def _listed(ip: IPv4Address | IPv6Address, allowed: Iterable[Network]) -> bool:
    return any(ip in network for network in allowed)


def _is_public_v4(ip: IPv4Address) -> bool:
    public = ip.is_global and not ip.is_multicast and not ip.is_reserved
    return public and not any(ip in network for network in NOWHERE_V4)


def _is_public_v6(ip: IPv6Address) -> bool:
    return ip in GLOBAL_UNICAST and not any(ip in network for network in NOWHERE)


def _checked(url: str) -> URL:
    try:
        target = URL(url)
        host, port = target.host, target.port
    except ValueError:
        raise OutboundFailed("the URL cannot be read", retryable=False, why="url") from None
    if target.scheme not in ("http", "https") or not host or not port:
        raise OutboundFailed("only http and https URLs with a host are fetched", retryable=False, why="scheme")
    if target.user is not None or target.password is not None:
        raise OutboundFailed("a URL with a user name in it is not fetched", retryable=False, why="user")
    return target


@contextmanager
def _told(host: str | None, seconds: float) -> Iterator[None]:
    """The client's errors in our words: the host and the kind, for aiohttp's own words quote the URL."""
    try:
        yield
    except TimeoutError:
        raise OutboundFailed(f"{host} did not answer within {seconds:g} s", why="slow") from None
    except aiohttp.ClientConnectorDNSError:
        raise OutboundFailed(f"{host}: no connection could be made, the name is not known", why="name") from None
    except aiohttp.ClientConnectorError as error:
        refused = isinstance(error.os_error, AddressRefused)
        reason, why = (REFUSED, "address") if refused else ("no connection could be made", "connection")
        raise OutboundFailed(f"{host}: {reason}", retryable=not refused, why=why) from None
    except ValueError:  # an `InvalidURL` is one: a host of digits that is no address
        raise OutboundFailed(f"{host}: the request cannot be put on the wire", retryable=False, why="url") from None
    except (aiohttp.ClientError, OSError) as error:
        raise OutboundFailed(f"{host}: the exchange broke off ({type(error).__name__})") from None


def _host(url: str) -> str:
    return URL(url).host or ""


async def _pieces(response: aiohttp.ClientResponse, host: str | None, seconds: float) -> AsyncIterator[bytes]:
    while True:
        with _told(host, seconds):
            piece = await response.content.read(CHUNK)
        if not piece:
            return
        yield piece


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    parts: list[bytes] = []
    room = limit
    async for part in response.content.iter_chunked(CHUNK):
        room -= len(part)
        if room < 0:
            response.close()
            raise OutboundFailed(
                f"{response.url.host} answered with more than {limit} bytes", retryable=False, why="large"
            )
        parts.append(part)
    return b"".join(parts)
