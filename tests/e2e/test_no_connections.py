"""`holdsvc demo` makes no connection to the outside: its system calls are counted, and the count is seen to work."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.demo import Demo

CALLS = "connect,sendto,sendmsg,sendmmsg"
# What strace writes of an address: sin_port=htons(53), sin_addr=inet_addr("192.0.2.1"); and inet_pton(AF_INET6, "2001:db8::1", ...)
ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
REACH_OUT = """
import socket
for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
    with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
        try:
            datagrams.sendto(b"hello", (address, 53))
        except OSError:
            pass
    with socket.socket(family) as stream:
        stream.setblocking(False)
        stream.connect_ex((address, 443))
with socket.socket() as stream:
    stream.setblocking(False)
    stream.connect_ex(("127.0.0.1", 9))
"""


def outside(lines: Iterable[str]) -> list[str]:
    """The traced lines that name an address beyond this machine."""
    found = []
    for line in lines:
        named = [ip_address(one or other) for one, other in ADDRESS.findall(line)]
        if any(not address.is_loopback for address in named):
            found.append(line)
    return found


@pytest.fixture
def strace() -> tuple[str, ...]:
    path = shutil.which("strace")
    if path is None and os.environ.get("CI") == "true":
        pytest.fail("strace is missing: install the package strace")
    if path is None:
        pytest.skip("strace is missing: install the package strace")
    return (path, "-f", "-qq", "-e", f"trace={CALLS}", "-e", "signal=none")


def test_the_count_counts(strace: tuple[str, ...], tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    subprocess.run([*strace, "-o", str(trace), sys.executable, "-c", REACH_OUT], check=True, timeout=30)

    lines = trace.read_text().splitlines()
    assert len(outside(lines)) == 4
    assert sum("127.0.0.1" in line for line in lines) == 1


async def test_the_demo_speaks_to_nobody_but_this_machine(strace: tuple[str, ...], tmp_path: Path) -> None:
    home, trace = tmp_path / "home", tmp_path / "trace"
    home.mkdir()

    with Demo(home, "--port", str(free_port()), before=(*strace, "-o", str(trace))) as demo:
        for mode in ("documents", "stream"):
            await place(demo.url, mode)
        await asyncio.to_thread(prepared, demo)
        code = await asyncio.to_thread(demo.stop, signal.SIGINT)

    lines = trace.read_text().splitlines()
    assert code == 0
    assert sum("127.0.0.1" in line for line in lines) > 2  # its own callers were traced
    assert outside(lines) == []


async def place(url: str, mode: str) -> None:
    """A call as the page makes it, until it is heard and has pressed a key."""
    async with aiohttp.ClientSession() as client, client.ws_connect(f"{url}/phone/line") as line:
        await line.send_json({"event": "call", "from": "+15005550163", "mode": mode, "queue": "support"})
        await heard(line)
        await line.send_json({"event": "dtmf", "digit": "2"})
        await heard(line)
        await line.send_json({"event": "hangup"})


async def heard(line: aiohttp.ClientWebSocketResponse) -> None:
    async with asyncio.timeout(20):
        while (await line.receive_json())["event"] != "media":
            pass


async def prepared(demo: Demo) -> None:
    """The decoders are traced too: at least one more item gets ready."""
    async with asyncio.timeout(30):
        while len(demo.ask("/api/v1/content")["items"]) < 3:
            await asyncio.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
