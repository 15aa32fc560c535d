"""What goes out goes to public places only, in time, and brings back no more than was asked for."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.callers.http_json import HttpJsonDirectory, HttpJsonSettings
from holdsvc.callers.numbers import PhoneNumbers
from holdsvc.calls.model import Contact, PhoneNumber
from holdsvc.engine.outbound import Outbound, may_connect, networks
from holdsvc.errors import ConfigError, OutboundFailed

LOOPBACK = ("127.0.0.0/8", "::1/128")
FORBIDDEN = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 127.0.0.1 127.255.0.1 169.254.169.254 169.254.0.1 172.16.0.1
    172.31.255.255 192.0.0.1 192.0.0.192
    192.88.99.1 168.63.129.16 192.0.2.1 192.168.0.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255
    240.0.0.1 255.255.255.255 :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:8.8.8.8
    ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b::808:808 64:ff9b:1::808:808 100::1 2001::1 2001:0:1::1
    2001:20::1 2001:db8::1 2002:7f00:1:: 2002:a00:1::1 2002:808:808::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1
    fe80::1%eth0 fec0::1 ff02::1 4000::1
"""
PUBLIC = """
    1.1.1.1 8.8.8.8 172.32.0.1 100.128.0.1 192.169.0.1 223.255.255.1 2606:4700::1111 2a00:1450::1 2400::1
"""


@pytest.mark.parametrize("address", FORBIDDEN.split())
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not may_connect(address)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_a_public_address_is_not_refused(address: str) -> None:
    assert may_connect(address)


@pytest.mark.parametrize("text", ["", "example.org", "1.2.3", "0x7f000001", "127.1", "[::1]", "1.1.1.1 "])
def test_what_is_no_address_is_refused(text: str) -> None:
    assert not may_connect(text)


def test_what_is_allowed_may_be_reached_also_in_its_mapped_form() -> None:
    allow = networks(["10.1.0.0/16", "fd00::/8"])

    assert may_connect("10.1.2.3", allow)
    assert may_connect("::ffff:10.1.2.3", allow)
    assert may_connect("fd00::1", allow)
    assert not may_connect("10.2.0.1", allow)
    assert not may_connect("fe80::1", allow)
    assert not may_connect("::ffff:10.2.0.1", allow)


def test_a_translated_address_is_judged_by_what_it_wraps_even_where_translation_is_allowed() -> None:
    allow = networks(["64:ff9b::/96"])

    assert may_connect("64:ff9b::808:808", allow)
    assert not may_connect("64:ff9b::a00:1", allow)
    assert may_connect("64:ff9b::a00:1", networks(["64:ff9b::/96", "10.0.0.0/8"]))


@pytest.mark.parametrize("text", ["10.0.0.1/8", "crm.example", "10.0.0.0/99"])
def test_a_network_that_is_none_names_its_key(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^outbound\.allow: "):
        Outbound(allow=[text])


@given(st.integers(0, 2**32 - 1))
def test_no_ipv4_address_can_hide_in_an_ipv6_one(number: int) -> None:
    inner = IPv4Address(number)
    wrapped = (IPv6Address((0xFFFF << 32) | number), IPv6Address((0x64FF9B << 96) | number), IPv6Address(number))
    to4 = IPv6Address((0x2002 << 112) | (number << 80))

    assert not any(may_connect(str(ip)) for ip in (*wrapped, to4))
    if inner.is_private or inner.is_loopback or inner.is_link_local or inner.is_multicast or inner.is_unspecified:
        assert not may_connect(str(inner))


@given(st.one_of(st.text(max_size=40), st.ip_addresses().map(str)))
def test_judging_an_address_never_raises(text: str) -> None:
    if may_connect(text):
        assert not ip_address(text).is_private


# --- with a server on loopback ---------------------------------------------------------------------------------------


class Names(AbstractResolver):
    """Answers with one address after the other: the second may be another place than the first."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        address = self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
        ]

    async def close(self) -> None:
        pass


class There:
    """A server that counts who connects."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.answer: Callable[[web.Request], Awaitable[web.StreamResponse]] = self.hello
        self.port = 0

    async def hello(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"name": "Ann Example"})

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return await self.answer(request)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture
async def there() -> AsyncIterator[There]:
    server = There()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    yield server
    await runner.cleanup()


@pytest.fixture
async def out() -> AsyncIterator[Outbound]:
    client = Outbound(allow=LOOPBACK)
    yield client
    await client.close()


@pytest.fixture
async def strict() -> AsyncIterator[Outbound]:
    client = Outbound()
    yield client
    await client.close()


async def test_an_answer_comes_back_with_its_status_and_value(there: There, out: Outbound) -> None:
    assert await out.get_json(there.url("/a?b=%2B1"), {"authorization": "Bearer x"}) == (200, {"name": "Ann Example"})

    assert there.requests[0].headers["authorization"] == "Bearer x"
    assert there.requests[0].raw_path == "/a?b=%2B1"
    assert there.requests[0].headers["accept-encoding"] == "identity"


async def test_a_crm_on_loopback_knows_the_caller_through_this_client(
    there: There, out: Outbound, strict: Outbound
) -> None:
    settings = HttpJsonSettings(url=there.url("/people?phone={number}"), headers={"x-key": "secret"})
    ann = PhoneNumber("+15005550100")

    assert await HttpJsonDirectory(settings, out.get_json, PhoneNumbers()).find(ann) == Contact(
        "Ann Example", source="crm"
    )
    with pytest.raises(OutboundFailed, match="not one that we may connect to"):
        await HttpJsonDirectory(settings, strict.get_json, PhoneNumbers()).find(ann)

    assert [request.query["phone"] for request in there.requests] == ["+15005550100"]
    assert there.requests[0].headers["x-key"] == "secret"


async def test_a_body_can_be_sent(there: There, out: Outbound) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read(), status=201)

    there.answer = echo
    answer = await out.fetch("POST", there.url(), {"content-type": "application/json"}, body=b"{}")

    assert (answer.status, answer.body) == (201, b"{}")


@pytest.mark.parametrize("status", [204, 301, 404, 429, 500])
async def test_a_status_that_is_not_success_is_an_answer_without_value(
    there: There, out: Outbound, status: int
) -> None:
    async def fail(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"location": "/elsewhere"})

    there.answer = fail

    assert await out.get_json(there.url(), {}) == (status, None)
    assert len(there.requests) == 1


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "0x7f000001",
        "2130706433",
        "127.1",
        "0177.0.0.1",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "LOCALHOST.",
        "127.0.0.1.",
    ],
)
async def test_no_way_to_write_loopback_gets_there(there: There, strict: Outbound, host: str) -> None:
    with pytest.raises(OutboundFailed):
        await strict.fetch("GET", f"http://{host}:{there.port}/", {})

    assert there.requests == []


def spellings(address: str) -> list[str]:
    """One IPv4 address as a URL may write it."""
    ip = IPv4Address(address)
    number, (a, b, c, d) = int(ip), ip.packed
    low, high = number & 0xFFFF, number >> 16
    plain = [
        address,
        f"{address}.",
        str(number),
        f"{number:#x}",
        f"0{number:o}",
        f"{a}.{b}.{low}",
        f"{a}.{number & 0xFFFFFF}",
    ]
    parts = [
        f"{a:#x}.{b:#x}.{c:#x}.{d:#x}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"{a:#x}.{b}.0{c:o}.{d}",
        address.replace(".", "。"),
    ]
    inside = [
        f"::ffff:{address}",
        f"::ffff:{high:x}:{low:x}",
        f"::{address}",
        f"64:ff9b::{address}",
        f"64:ff9b::{high:x}:{low:x}",
    ]
    inside += [f"2002:{high:x}:{low:x}::1", f"::ffff:0:{address}", f"0:0:0:0:0:ffff:{high:x}:{low:x}"]
    return plain + parts + [f"[{text}]" for text in inside]


async def test_hundreds_of_urls_to_forbidden_places_connect_to_none(there: There, strict: Outbound) -> None:
    inner = (
        "127.0.0.1",
        "127.1.2.3",
        "10.0.0.1",
        "169.254.169.254",
        "192.168.1.1",
        "172.16.0.1",
        "100.64.0.1",
        "0.0.0.0",
    )
    hosts = [host for address in inner for host in spellings(address)]
    hosts += [
        "[::1]",
        "[::]",
        "[::ffff:0.0.0.0]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "localhost",
        "LOCALHOST",
    ]
    urls = [f"http://{host}:{there.port}{path}" for host in hosts for path in ("/", "/a@b?u=http://example.org")]
    refused = []

    for url in urls:
        with pytest.raises(OutboundFailed) as failed:
            await strict.fetch("GET", url, {}, seconds=5)
        assert not failed.value.retryable, url
        refused.append("not one that we may connect to" in str(failed.value))

    assert len(urls) >= 300
    assert there.requests == []
    assert sum(refused) >= 200  # the rest the client itself takes for no host


async def test_the_same_places_are_reached_where_they_are_allowed(there: There, out: Outbound) -> None:
    hosts = [host for host in spellings("127.0.0.1") if host.startswith(("[::ffff:7f", "[0:0", "1", "2", "0"))] + [
        "localhost"
    ]
    reached = 0

    for host in hosts:
        with suppress(OutboundFailed):
            reached += (await out.fetch("GET", f"http://{host}:{there.port}/", {}, seconds=5)).status == 200

    assert reached == len(there.requests)
    assert reached >= 8


async def test_a_refused_address_is_not_worth_trying_again(there: There, strict: Outbound) -> None:
    with pytest.raises(OutboundFailed, match="not one that we may connect to") as failed:
        await strict.fetch("GET", there.url(), {})

    assert not failed.value.retryable


async def test_a_name_that_leads_inside_is_refused(there: There) -> None:
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "10.0.0.1", "fe80::1"):
        client = Outbound(resolver=Names(address))
        with pytest.raises(OutboundFailed, match="not one that we may connect to"):
            await client.fetch("GET", f"http://crm.example:{there.port}/", {})
        await client.close()

    assert there.requests == []


async def test_a_name_that_answers_otherwise_the_second_time_is_judged_where_it_connects(there: There) -> None:
    names = Names("127.0.0.1", "127.0.0.2")
    client = Outbound(allow=["127.0.0.1/32"], resolver=names)
    assert (await client.fetch("GET", f"http://crm.example:{there.port}/", {})).status == 200
    await client.close()

    client = Outbound(allow=["127.0.0.1/32"], resolver=names)
    with pytest.raises(OutboundFailed, match="not one that we may connect to"):
        await client.fetch("GET", f"http://crm.example:{there.port}/", {})
    await client.close()

    assert (names.asked, len(there.requests)) == (2, 1)


async def test_a_resolver_that_fails_is_a_refusal(there: There) -> None:
    class Broken(Names):
        async def resolve(self, *_: object, **__: object) -> list[ResolveResult]:
            raise OSError("no resolver")

    client = Outbound(allow=LOOPBACK, resolver=Broken("127.0.0.1"))
    with pytest.raises(OutboundFailed):
        await client.fetch("GET", f"http://crm.example:{there.port}/", {})
    await client.close()

    assert there.requests == []


async def test_a_redirect_is_not_followed(there: There, out: Outbound) -> None:
    async def away(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"location": f"http://127.0.0.1:{there.port}/inside"})

    there.answer = away
    answer = await out.fetch("GET", there.url("/start"), {})

    assert answer.status == 302
    assert [request.path for request in there.requests] == ["/start"]


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/",
        "unix:///run/x",
        "//example.org/",
        "example.org",
        "",
        "http://",
        "http://[::1",
        "http://u:p@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:0/",
        "javascript:1",
        "http:///path",
    ],
)
async def test_only_plain_web_addresses_are_fetched(out: Outbound, url: str) -> None:
    with pytest.raises(OutboundFailed) as failed:
        await out.fetch("GET", url, {})

    assert not failed.value.retryable


async def test_an_answer_that_is_too_large_is_dropped(there: There, out: Outbound) -> None:
    async def large(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(64):
            await response.write(b"x" * 65536)
        return response

    there.answer = large
    with pytest.raises(OutboundFailed, match="more than 1000 bytes"):
        await out.fetch("GET", there.url(), {}, limit=1000)

    async def fits(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 1000)

    there.answer = fits
    assert len((await out.fetch("GET", there.url(), {}, limit=1000)).body) == 1000


async def test_an_answer_that_is_packed_is_refused(there: There, out: Outbound) -> None:
    async def packed(request: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(bytes(1 << 20)), headers={"content-encoding": "gzip"})

    there.answer = packed
    with pytest.raises(OutboundFailed, match="encoding"):
        await out.fetch("GET", there.url(), {})


async def test_an_answer_that_does_not_come_is_given_up_in_time(there: There, out: Outbound) -> None:
    async def never(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    there.answer = never
    with pytest.raises(OutboundFailed, match=r"within 0\.05 s") as failed:
        await out.fetch("GET", there.url(), {}, seconds=0.05)

    assert failed.value.retryable


async def test_an_answer_that_trickles_is_given_up_in_time(there: There, out: Outbound) -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
        await asyncio.Event().wait()
        return response

    there.answer = trickle
    with pytest.raises(OutboundFailed, match=r"within 0\.05 s"):
        await out.fetch("GET", there.url(), {}, seconds=0.05)


@pytest.mark.parametrize("body", [b"<html>", b"{", b"\xff\xfe", b"[" * 100_000])
async def test_what_is_not_json_is_a_failure(there: There, out: Outbound, body: bytes) -> None:
    async def odd(request: web.Request) -> web.Response:
        return web.Response(body=body)

    there.answer = odd
    with pytest.raises(OutboundFailed, match="not JSON"):
        await out.get_json(there.url(), {})


async def test_a_connection_that_breaks_off_is_a_failure_that_may_pass(there: There, out: Outbound) -> None:
    async def slam(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    there.answer = slam
    with pytest.raises(OutboundFailed, match="broke off") as failed:
        await out.fetch("GET", there.url(), {})

    assert failed.value.retryable


async def test_nobody_at_home_is_a_failure_that_may_pass(out: Outbound) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(OutboundFailed, match="no connection could be made") as failed:
            await out.fetch("GET", f"http://127.0.0.1:{free.getsockname()[1]}/", {})

    assert failed.value.retryable


async def test_a_header_with_a_line_break_is_not_sent(there: There, out: Outbound) -> None:
    with pytest.raises(OutboundFailed):
        await out.fetch("GET", there.url(), {"x": "a\r\nhost: evil.example"})

    assert there.requests == []


async def test_cookies_are_not_kept(there: There) -> None:
    async def cookie(request: web.Request) -> web.Response:
        response = web.json_response({})
        response.set_cookie("session", "1")
        return response

    there.answer = cookie
    client = Outbound(allow=LOOPBACK, resolver=Names("127.0.0.1"))
    for _ in range(2):
        await client.get_json(f"http://crm.example:{there.port}/", {})
    await client.close()

    assert len(there.requests) == 2
    assert "cookie" not in there.requests[1].headers


async def test_no_failure_tells_what_the_url_said(there: There, out: Outbound) -> None:
    async def slam(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    there.answer = slam
    urls = [there.url("/find?n=%2B15005550100"), "ftp://crm.example/15005550100", "http://127.0.0.1:9/15005550100"]
    for url in urls:
        with pytest.raises(OutboundFailed) as failed:
            await out.get_json(url, {})
        chain = [failed.value, failed.value.__cause__]
        assert not any("5005550100" in repr(error) for error in chain)


async def test_a_proxy_of_the_environment_is_not_used(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", there.url())
    monkeypatch.delenv("NO_PROXY", raising=False)
    client = Outbound(allow=LOOPBACK, resolver=Names("10.0.0.1"))

    with pytest.raises(OutboundFailed, match="not one that we may connect to"):
        await client.fetch("GET", "http://crm.example/", {})
    await client.close()

    assert there.requests == []


def test_networks_are_read_with_spaces_around_them() -> None:
    assert networks([" 10.0.0.0/8 "]) == (ip_network("10.0.0.0/8"),)
