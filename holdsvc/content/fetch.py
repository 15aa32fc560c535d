"""Content from the web: redirects followed one by one, each address judged anew, and nothing larger or slower than agreed.

The way out is handed in (`ports.Opener`): it judges every address where the socket is made. What is added here is what content
needs: ports, redirects, unpacking that cannot swell, and files. No message holds a URL: a private feed's is a secret.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from hashlib import sha256
from pathlib import Path
from urllib.parse import urljoin, urlsplit, urlunsplit

from msgspec import Struct

from holdsvc.errors import OutboundFailed
from holdsvc.ports import Coming, Opener

PORTS = (80, 443, 8000, 8080, 8443)  # where web servers stand; others only where the settings say so
ANY_PORT = 0
MOST_REDIRECTS = 5
LONGEST_URL = 2048  # characters
UNPACKED_AT_ONCE = 1 << 16  # bytes
WRITTEN_AT_ONCE = 1 << 20  # bytes
PACKED = {"gzip": 31, "x-gzip": 31, "deflate": 15}  # our window for zlib: 31 wants a gzip header, 15 a zlib one
MOVED = (301, 302, 303, 307, 308)
WORTH_A_RETRY = (408, 425, 429)
AGENT = "holdsvc"


class Limits(Struct, frozen=True):
    """What one fetch may cost, redirects included."""

    size: int = 4 << 20  # bytes of what is unpacked
    seconds: float = 60.0
    idle: float = 15.0  # seconds without a byte


class Answer(Struct, frozen=True):
    """Where an answer came from in the end, and what its headers say. `fresh` False: not changed since we last asked."""

    host: str
    fresh: bool
    headers: Mapping[str, str]

    @property
    def kind(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def tag(self) -> str:
        return self.headers.get("etag", "")[:1000]

    @property
    def modified(self) -> str:
        return self.headers.get("last-modified", "")[:100]


class Fetcher:
    def __init__(self, opener: Opener, ports: Iterable[int] = PORTS) -> None:
        """`ports`: those that a URL may name; 0 among them stands for any."""
        self._opener = opener
        self._ports = frozenset(ports)

    async def whole(self, url: str, limits: Limits, headers: Mapping[str, str] | None = None) -> tuple[Answer, bytes]:
        """All of an answer; nothing where it has not changed. Raises `OutboundFailed`, whose `why` is one word."""
        with in_time(limits):
            async with asyncio.timeout(limits.seconds), self._answer(url, limits, headers or {}) as (answer, pieces):
                return answer, b"".join([piece async for piece in pieces]) if answer.fresh else b""

    async def file(
        self,
        url: str,
        into: Path,
        limits: Limits,
        progress: Callable[[int, int | None], None] = lambda done, total: None,
    ) -> tuple[Answer, str]:
        """Into a new file, and the SHA-256 of what it holds; no file is left where the fetch fails.

        `progress` hears how many bytes there are, and how many there will be where that was said.
        """
        draft = await asyncio.to_thread(Draft, into)
        try:
            with in_time(limits):
                async with asyncio.timeout(limits.seconds), self._answer(url, limits, {}) as (answer, pieces):
                    async for piece in pieces:
                        await draft.take(piece)
                        progress(draft.size, announced(answer.headers))
            return answer, await draft.done()
        except BaseException:
            draft.drop()
            raise

    @asynccontextmanager
    async def _answer(
        self, url: str, limits: Limits, headers: Mapping[str, str]
    ) -> AsyncIterator[tuple[Answer, AsyncIterator[bytes]]]:
        asked = {"user-agent": AGENT, "accept-encoding": "gzip, identity;q=0.5", **headers}
        for _ in range(MOST_REDIRECTS + 1):
            host = self._checked(url)
            async with self._opener.opened(url, asked, seconds=limits.seconds, idle=limits.idle) as coming:
                if coming.status in MOVED:
                    url = onward(url, coming.headers.get("location", ""), host)
                    continue
                refuse_status(coming, host, headers)
                refuse_size(coming, limits, host)
                answer = Answer(host, coming.status != 304, coming.headers)
                yield answer, unpacked(coming, limits.size, host)
                return
        raise OutboundFailed(f"{host} sent us on more than {MOST_REDIRECTS} times", retryable=False, why="redirects")

    def _checked(self, url: str) -> str:
        """The host, for messages. Raise for what is no plain web address of a port that we may ask."""
        if len(url) > LONGEST_URL or any(sign <= " " or sign == "\x7f" or sign == "\\" for sign in url):
            raise OutboundFailed("the URL is too long, or has a sign in it that none has", retryable=False, why="url")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise OutboundFailed("the URL cannot be read", retryable=False, why="url") from None
        if parts.scheme not in ("http", "https"):
            raise OutboundFailed("only http and https URLs with a host are fetched", retryable=False, why="scheme")
        if "@" in parts.netloc:
            raise OutboundFailed("a URL with a user name in it is not fetched", retryable=False, why="user")
        port = port if port is not None else 443 if parts.scheme == "https" else 80
        if ANY_PORT not in self._ports and port not in self._ports:
            message = f"{parts.hostname}: port {port} is not one that web servers use; fetch.ports may allow it"
            raise OutboundFailed(message, retryable=False, why="port")
        return parts.hostname or ""


class Draft:
    """A file that comes piece by piece; it is written in a worker thread, for disks may be slow and callers wait for nobody."""

    def __init__(self, path: Path) -> None:
        self.size = 0
        self._path = path
        self._stream = path.open("xb")
        self._digest = sha256()
        self._waiting: list[bytes] = []
        self._held = 0

    async def take(self, piece: bytes) -> None:
        self._waiting.append(piece)
        self._held += len(piece)
        self.size += len(piece)
        if self._held >= WRITTEN_AT_ONCE:
            await self._write()

    async def done(self) -> str:
        await self._write()
        await asyncio.to_thread(self._stream.close)
        return self._digest.hexdigest()

    def drop(self) -> None:
        self._stream.close()
        self._path.unlink(missing_ok=True)

    async def _write(self) -> None:
        together, self._waiting, self._held = b"".join(self._waiting), [], 0
        try:
            await asyncio.to_thread(self._put, together)
        except OSError as error:
            raise OutboundFailed(f"what came cannot be kept: {error.strerror}", why="room") from error

    def _put(self, together: bytes) -> None:
        self._stream.write(together)
        self._digest.update(together)


@contextmanager
def in_time(limits: Limits) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise OutboundFailed(f"it was not all there within {limits.seconds:g} s", why="slow") from None


def announced(headers: Mapping[str, str]) -> int | None:
    """The bytes that will come, where that is said and can be believed to be a number."""
    return number_of(headers.get("content-length", ""))


def number_of(told: str) -> int | None:
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 16 else None


def onward(url: str, location: str, host: str) -> str:
    """Where a redirect leads; what comes behind the # never goes out."""
    if not location:
        raise OutboundFailed(f"{host} sent us on without saying where", retryable=False, why="redirects")
    try:
        return urlunsplit((*urlsplit(urljoin(url, location))[:4], ""))
    except ValueError:
        raise OutboundFailed(f"{host} sent us on to what is no URL", retryable=False, why="redirects") from None


def refuse_status(coming: Coming, host: str, headers: Mapping[str, str]) -> None:
    status = coming.status
    asked_for_change = "if-none-match" in headers or "if-modified-since" in headers
    if status == 200 or (status == 304 and asked_for_change):
        return
    passing = status >= 500 or status in WORTH_A_RETRY
    after = number_of(coming.headers.get("retry-after", "")) or 0
    raise OutboundFailed(f"{host} answered HTTP {status}", retryable=passing, why="status", after=float(after))


def refuse_size(coming: Coming, limits: Limits, host: str) -> None:
    if (announced(coming.headers) or 0) > limits.size:
        raise too_large(host, limits.size)


def too_large(host: str, limit: int) -> OutboundFailed:
    return OutboundFailed(f"{host} answered with more than {sized(limit)}", retryable=False, why="large")


def sized(count: int) -> str:
    return f"{count >> 20} MB" if count >= 1 << 20 else f"{count} bytes"


async def unpacked(coming: Coming, limit: int, host: str) -> AsyncIterator[bytes]:
    """The body in pieces, never more of it than the limit: however small a piece is on the wire, a little is unpacked at a time."""
    room = limit
    async for piece in plain(coming, host):
        room -= len(piece)
        if room < 0:
            raise too_large(host, limit)
        yield piece


async def plain(coming: Coming, host: str) -> AsyncIterator[bytes]:
    encoding = coming.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        async for piece in coming.pieces:
            yield piece
        return
    if encoding not in PACKED:
        raise OutboundFailed(f"{host} answered in an encoding that was not asked for", retryable=False, why="encoding")
    unpacker = zlib.decompressobj(PACKED[encoding])
    try:
        async for piece in coming.pieces:
            while piece and not unpacker.eof:
                yield unpacker.decompress(piece, UNPACKED_AT_ONCE)
                piece = unpacker.unconsumed_tail
        while not unpacker.eof and (rest := unpacker.decompress(b"", UNPACKED_AT_ONCE)):
            yield rest
    except zlib.error:
        message = f"{host} answered with what is not packed as it says"
        raise OutboundFailed(message, retryable=False, why="encoding") from None
    if not unpacker.eof:
        raise OutboundFailed(f"{host}: the exchange broke off in the middle of what was packed", why="broken")
