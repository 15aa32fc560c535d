"""What is fetched comes from where it may, in time, and no larger than agreed; nothing else is ever connected to."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from hashlib import sha256
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from aiohttp import web

from holdsvc.content.fetch import ANY_PORT, MOVED, Fetcher, Limits
from holdsvc.engine.outbound import Outbound
from holdsvc.errors import OutboundFailed
from tests.content.canaries import ALLOWED, Canary, Honest, Names, honest

QUICK = Limits(size=100_000, seconds=5.0, idle=2.0)


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    bird = Canary()
    await bird.open()
    yield bird
    await bird.close()


@pytest.fixture
async def there() -> AsyncIterator[Honest]:
    async with honest() as server:
        yield server


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    way_out = Outbound(allow=[f"{ALLOWED}/32"], at_once=16 << 10)
    yield Fetcher(way_out, [ANY_PORT])
    await way_out.close()


async def refused(fetcher: Fetcher, url: str, limits: Limits = QUICK) -> OutboundFailed:
    with pytest.raises(OutboundFailed) as failed:
        await fetcher.whole(url, limits)
    return failed.value


# --- hostile URLs ----------------------------------------------------------------------------------------------------

INSIDE = (
    "127.0.0.1 127.0.0.3 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255"
)


def spellings(address: str) -> list[str]:
    """Ways to write one IPv4 address that some client or other understands."""
    ip = IPv4Address(address)
    number, (a, b, c, d) = int(ip), ip.packed
    high, low = number >> 16, number & 0xFFFF
    plain = [
        address,
        f"{address}.",
        f"{number}",
        f"{number:#x}",
        f"0{number:o}",
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{low}",
    ]
    parts = [
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"{a:#x}.{b:#x}.{c:#x}.{d:#x}",
        f"{a:#x}.{b}.0{c:o}.{d}",
        f"{a:#010x}.{b}.{c}.{d}",
        address.replace(".", "。"),
        "".join(chr(0xFF10 + int(sign)) if sign.isdigit() else sign for sign in address),
        "".join(f"%{ord(sign):02x}" for sign in address),
    ]
    wrapped = [
        f"::ffff:{address}",
        f"::ffff:{high:x}:{low:x}",
        f"0:0:0:0:0:FFFF:{high:x}:{low:x}",
        f"::{address}",
        f"::ffff:0:{address}",
        f"64:ff9b::{address}",
        f"64:ff9b::{high:x}:{low:x}",
        f"64:ff9b:1::{address}",
        f"2002:{high:x}:{low:x}::1",
        f"2001:0:{high:x}:{low:x}::{~number >> 16 & 0xFFFF:x}:{~number & 0xFFFF:x}",
        f"::ffff:{address}%251",
    ]
    return plain + parts + [f"[{text}]" for text in wrapped]


def by_address(port: int) -> list[str]:
    hosts = [host for address in INSIDE.split() for host in spellings(address)]
    hosts += ["[::1]", "[::]", "[0000::1]", "[fe80::1]", "[fe80::1%25lo]", "[fd00:ec2::254]", "[ff02::1]", "[fc00::1]"]
    hosts += ["localhost", "LOCALHOST", "localhost.", "ip6-localhost", "①②⑦.⓪.⓪.①", "127.1", "127.0.1", "0", "0x0"]
    return [f"http://{host}:{port}/feed.xml" for host in hosts]


def by_disguise(port: int) -> list[str]:
    """User info, odd schemes, odd signs, two hosts in one: what parsers read differently."""
    here = f"127.0.0.1:{port}"
    return [
        f"http://user@{here}/",
        f"http://user:secret@{here}/",
        f"http://example.com@{here}/",
        f"http://example.com:80@{here}/",
        f"http://{here}@example.com/",
        f"http://example.com%40{here}/",
        f"http://example.com#@{here}/",
        f"http://{here}\\@example.com/",
        f"http://example.com\\@{here}/",
        f"http://{here}#@example.com/",
        f"http://{here}%2f@example.com/",
        f"http://{here} example.com/",
        f"http://{here}\t/",
        f"http://{here}/\r\nHost: example.com",
        f"http://[::1]:{port}%00/",
        f" http://{here}/",
        f"http:{here}/",
        f"http:/{here}/",
        f"http:///{here}/",
        f"http:////{here}/",
        f"//{here}/",
        f"{here}/",
        f"ftp://{here}/",
        f"file://{here}/etc/passwd",
        "file:///etc/passwd",
        f"gopher://{here}/_GET",
        f"dict://{here}/",
        f"ws://{here}/",
        f"feed://{here}/",
        f"data://{here}/,x",
        f"jar:http://{here}/!/",
        f"unix://{here}/",
        f"HtTpX://{here}/",
        f"http+unix://{here}/",
        f"subfile,,start,0,end,9,,:http://{here}/",
        f"concat:http://{here}/",
        "javascript:alert(1)",
        f"http://127.0.0.1:{port}{port}/",
        "http://127.0.0.1:-1/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:http/",
        "http://[127.0.0.1/",
        f"http://[127.0.0.1]:{port}/",
        f"http://{here}/{'x' * 3000}",
        "",
        "http://",
        "http://?",
    ]


async def test_no_hostile_url_reaches_a_place_that_is_not_allowed(canary: Canary, fetcher: Fetcher) -> None:
    urls = [*by_address(canary.port), *by_disguise(canary.port)]

    words = [(await refused(fetcher, url)).why for url in urls]

    assert len(urls) >= 200
    assert canary.sung == 0
    assert words.count("address") >= 100, "most are refused for where they lead, when the socket is made"
    assert set(words) <= {"address", "url", "scheme", "user", "name", "connection"}


@pytest.mark.parametrize("status", MOVED)
async def test_no_redirect_leads_inward(canary: Canary, there: Honest, fetcher: Fetcher, status: int) -> None:
    for number, url in enumerate([*by_address(canary.port), *by_disguise(canary.port)]):
        there.redirect(f"/{number}", url.replace("\r\n", ""), status)
        there.redirect(f"/twice/{number}", there.url(f"/{number}"), status)
    wanted = len(there.paths)

    for path in list(there.paths)[MOVED.index(status) :: len(MOVED)]:  # every path by one of the five kinds of redirect
        there.requests.clear()
        try:
            answer, _ = await fetcher.whole(there.url(path), QUICK)
        except OutboundFailed:
            continue
        assert answer.host == ALLOWED, "a relative address stays where it was"

    assert wanted >= 500
    assert canary.sung == 0


async def test_a_redirect_that_never_ends_is_given_up(there: Honest, fetcher: Fetcher) -> None:
    there.redirect("/round", "/round")

    failed = await refused(fetcher, there.url("/round"))

    assert failed.why == "redirects"
    assert len(there.requests) == 6


async def test_a_name_that_rebinds_is_judged_each_time_it_is_connected_to(canary: Canary, there: Honest) -> None:
    inside = ["127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "10.0.0.1", "fe80::1"]
    for address in inside:
        names = Names(feed_example=[[ALLOWED], [address]], other_example=[[address]])
        way_out = Outbound(allow=[f"{ALLOWED}/32"], resolver=names)
        fetcher = Fetcher(way_out, [ANY_PORT])
        there.redirect("/again", f"http://feed.example:{canary.port}/")
        there.redirect("/other", f"http://other.example:{canary.port}/")

        assert (await fetcher.whole(f"http://feed.example:{there.port}/", QUICK))[1] == b"hello"
        await refused(fetcher, f"http://feed.example:{canary.port}/")
        await refused(fetcher, f"http://feed.example:{there.port}/again")
        await refused(fetcher, f"http://other.example:{there.port}/")
        await way_out.close()

    assert canary.sung == 0


async def test_of_a_names_addresses_only_those_that_are_allowed_are_tried(canary: Canary) -> None:
    names = Names(feed_example=[["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254"]])
    way_out = Outbound(allow=[f"{ALLOWED}/32"], resolver=names)

    failed = await refused(Fetcher(way_out, [ANY_PORT]), f"http://feed.example:{canary.port}/")
    await way_out.close()

    assert failed.why == "address"
    assert canary.sung == 0


async def test_a_canary_sings_where_it_is_allowed_to_be_reached(canary: Canary) -> None:
    way_out = Outbound(allow=["127.0.0.0/8", "::1/128"])

    for host in ("127.0.0.1", "[::1]", "0x7f000001", "[::ffff:127.0.0.1]"):
        await refused(Fetcher(way_out, [ANY_PORT]), f"http://{host}:{canary.port}/")
    await way_out.close()

    assert canary.sung >= 4, "the zero of the other tests counts what it should"


async def test_a_port_that_no_web_server_uses_is_not_asked(canary: Canary) -> None:
    way_out = Outbound(allow=["127.0.0.0/8"])

    for port in (22, 25, 6379, 11211, canary.port):
        failed = await refused(Fetcher(way_out), f"http://127.0.0.1:{port}/")
        assert failed.why == "port"
        assert str(port) in str(failed)
    await way_out.close()

    assert canary.sung == 0


async def test_no_refusal_says_what_the_url_said(there: Honest, fetcher: Fetcher) -> None:
    there.redirect("/secret-path", "http://127.0.0.1/secret-path?secret")
    there.body("/secret-path/500", b"", 500)

    for url in (
        there.url("/secret-path?key=secret"),
        there.url("/secret-path/500"),
        "ftp://example.com/secret",
        "http://127.0.0.1:1/secret",
    ):
        assert "secret" not in str(await refused(fetcher, url))


# --- honest URLs -----------------------------------------------------------------------------------------------------


async def test_twenty_honest_urls_all_work(there: Honest) -> None:
    names = {"feed.example", "xn--mller-kva.example", "cdn.feed.example", "a-b.example"}
    resolver = Names()
    resolver.names = {name: [[ALLOWED]] for name in names}
    way_out = Outbound(allow=[f"{ALLOWED}/32"], resolver=resolver)
    fetcher = Fetcher(way_out, [there.port])
    text = b"<rss/>" * 500
    there.body("/gzip", gzip.compress(text), content_encoding="gzip")
    there.body("/deflate", zlib.compress(text), content_encoding="deflate")
    there.body("/empty", b"")
    for status in (301, 302, 303, 307, 308):
        there.redirect(f"/{status}", "/there", status)
    there.redirect("/up/down", "../there")
    there.redirect("/elsewhere", f"//cdn.feed.example:{there.port}/there#part")
    for hop in range(5):
        there.redirect(f"/hop{hop}", f"/hop{hop + 1}")
    at = there.port
    hosts = [
        ALLOWED,
        "feed.example",
        "FEED.example",
        "müller.example",
        "a-b.example",
        "[::ffff:127.0.0.2]",
    ]
    urls = [f"http://{host}:{at}/there" for host in hosts]
    urls += [f"HTTP://feed.example:{at}/there", f"http://feed.example:{at}", f"http://feed.example:{at}/?q=a%20b&x=%2F"]
    paths = "/gzip /deflate /empty /301 /302 /303 /307 /308 /up/down /elsewhere /hop0 /%E2%82%AC /a@b:c /x#y"
    urls += [f"http://feed.example:{at}{path}" for path in paths.split()]

    bodies = [(await fetcher.whole(url, QUICK))[1] for url in urls]
    await way_out.close()

    assert len(urls) >= 20
    assert bodies.count(text) == 2
    assert bodies.count(b"") == 1
    assert bodies.count(b"hello") == len(urls) - 3


async def test_what_has_not_changed_is_not_sent_again(there: Honest, fetcher: Fetcher) -> None:
    async def conditional(request: web.Request) -> web.Response:
        same = request.headers.get("if-none-match") == '"1"'
        return web.Response(status=304 if same else 200, body=b"" if same else b"news", headers={"etag": '"1"'})

    there.paths["/feed"] = conditional

    first, news = await fetcher.whole(there.url("/feed"), QUICK)
    second, nothing = await fetcher.whole(there.url("/feed"), QUICK, {"if-none-match": first.tag})

    assert (first.fresh, news, second.fresh, nothing) == (True, b"news", False, b"")


async def test_a_file_comes_with_its_hash_and_tells_how_far_it_is(
    there: Honest, fetcher: Fetcher, tmp_path: Path
) -> None:
    there.body("/song", bytes(3 << 20), content_type="audio/mpeg")
    told: list[tuple[int, int | None]] = []

    answer, digest = await fetcher.file(
        there.url("/song"), tmp_path / "song", Limits(size=3 << 20), lambda *how_far: told.append(how_far)
    )

    assert answer.kind == "audio/mpeg"
    assert digest == sha256(bytes(3 << 20)).hexdigest()
    assert (tmp_path / "song").stat().st_size == 3 << 20
    assert told[-1] == (3 << 20, 3 << 20)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


# --- servers that misbehave ------------------------------------------------------------------------------------------


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(bytes(1 << 16))


async def trickling(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x")
        await asyncio.sleep(0.01)


async def silent(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


async def stalling(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"x")
    await asyncio.Event().wait()
    return response


async def cut_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-length": "1000"})
    await response.prepare(request)
    await response.write(b"x")
    assert request.transport is not None
    request.transport.close()
    return response


@pytest.mark.parametrize(
    ("misbehave", "why"),
    [(endless, "large"), (trickling, "slow"), (silent, "slow"), (stalling, "slow"), (cut_off, "broken")],
)
async def test_a_server_that_misbehaves_is_left_in_time_and_leaves_no_file(
    there: Honest, fetcher: Fetcher, tmp_path: Path, misbehave, why: str
) -> None:
    there.paths["/feed"] = misbehave
    limits = Limits(size=1 << 20, seconds=0.5, idle=0.2)

    async with asyncio.timeout(2.0):
        assert (await refused(fetcher, there.url("/feed"), limits)).why == why
        with pytest.raises(OutboundFailed) as failed:
            await fetcher.file(there.url("/feed"), tmp_path / "song", limits)

    assert failed.value.why == why
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("status", "again"), [(401, False), (404, False), (410, False), (429, True), (500, True), (503, True)]
)
async def test_a_status_says_whether_to_come_again(there: Honest, fetcher: Fetcher, status: int, again: bool) -> None:
    there.body("/feed", b"sorry", status)

    failed = await refused(fetcher, there.url("/feed"))

    assert (failed.why, failed.retryable) == ("status", again)
    assert str(status) in str(failed)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_bomb_goes_off_in_no_more_room_than_agreed(there: Honest, fetcher: Fetcher, encoding: str) -> None:
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    there.body("/bomb", pack(bytes(64 << 20)), content_encoding=encoding)

    failed = await refused(fetcher, there.url("/bomb"))

    assert failed.why == "large"


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"no gzip at all", "gzip"),
        (gzip.compress(b"x" * 999, mtime=0)[:-20], "gzip"),
        (b"x", "br"),
        (b"x", "gzip, gzip"),
    ],
)
async def test_what_is_not_packed_as_it_says_is_refused(
    there: Honest, fetcher: Fetcher, body: bytes, encoding: str
) -> None:
    there.body("/feed", body, content_encoding=encoding)

    assert (await refused(fetcher, there.url("/feed"))).why in ("encoding", "broken")


async def test_an_announced_size_that_is_too_large_is_not_waited_for(there: Honest, fetcher: Fetcher) -> None:
    async def boast(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-length": str(10**12)})
        await response.prepare(request)
        await asyncio.Event().wait()
        return response

    there.paths["/feed"] = boast

    async with asyncio.timeout(1.0):
        assert (await refused(fetcher, there.url("/feed"))).why == "large"


FLOODS = {
    "100 Continue without end": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "chunks of one byte": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 4000),
    "a chunk whose size never ends": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"a" * 30000),
    "headers without end": (b"HTTP/1.1 200 OK\r\n", b"X-Y: z\r\n" * 4000),
    "a header that never ends": (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 30000),
    "trailers without end": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n" * 4000),
}


@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_that_is_no_answer_is_left_in_time_and_in_little_room(fetcher: Fetcher, flood: str) -> None:
    begins, goes_on = FLOODS[flood]

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            writer.write(begins)
            while True:
                writer.write(goes_on)
                await writer.drain()

    server = await asyncio.start_server(pour, ALLOWED, 0)
    port = server.sockets[0].getsockname()[1]
    tracemalloc.start()

    async with asyncio.timeout(5):
        failed = await refused(fetcher, f"http://{ALLOWED}:{port}/", Limits(size=200_000, seconds=1.5, idle=0.5))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    server.close()

    assert failed.why in ("slow", "broken", "large")
    assert most < 10 << 20
