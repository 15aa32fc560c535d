"""The proxy spoils what it says and nothing else."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chaos.proxy import CLEAN, TOXICS, Proxy, Toxic, proxied
from tests.faults.replicas import carry
from tests.faults.service import HOST

SLOW = 2.0  # seconds that whatever comes at all has to come
BRIEF = 0.05  # seconds in which nothing comes
GENTLE = (  # what leaves the bytes as they are, in a hurry
    CLEAN,
    Toxic("latency", latency=0.003),
    Toxic("jitter", jitter=0.003),
    Toxic("narrow", rate=400_000.0),
    Toxic("slices", slices=True),
    Toxic("all", latency=0.001, jitter=0.002, rate=200_000.0, slices=True),
)

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def behind() -> AsyncIterator[Proxy]:
    """A proxy before somebody who gives back what comes."""
    server = await asyncio.start_server(carry, HOST, 0)
    try:
        async with proxied(server.sockets[0].getsockname()[1]) as proxy:
            yield proxy
    finally:
        server.close()


@asynccontextmanager
async def connected(proxy: Proxy) -> AsyncIterator[Ends]:
    reader, writer = await asyncio.open_connection(HOST, proxy.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def told(ends: Ends, words: bytes) -> bytes:
    reader, writer = ends
    writer.write(words)
    return await asyncio.wait_for(reader.readexactly(len(words)), SLOW)


@settings(max_examples=25, deadline=None)
@given(
    pieces=st.lists(st.binary(min_size=1, max_size=3000), max_size=6),
    toxics=st.lists(st.sampled_from(GENTLE), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
def test_bytes_pass_unchanged_and_in_order_however_slowly_and_in_whatever_pieces(
    pieces: list[bytes], toxics: list[Toxic], seed: int
) -> None:
    async def echo() -> bytes:
        async with behind() as proxy, connected(proxy) as (reader, writer):
            proxy.rng = random.Random(seed)
            for at, piece in enumerate(pieces):
                await proxy.turn(toxics[at % len(toxics)])
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            writer.write_eof()
            return await asyncio.wait_for(reader.read(-1), 10 * SLOW)

    assert asyncio.run(echo()) == b"".join(pieces)


async def test_latency_and_a_narrow_way_take_their_time():
    loop = asyncio.get_running_loop()
    async with behind() as proxy, connected(proxy) as ends:
        for toxic, words, least in ((TOXICS["latency"], b"x", 0.6), (Toxic("narrow", rate=2000.0), b"x" * 500, 0.19)):
            await proxy.turn(toxic)
            began = loop.time()

            assert await told(ends, words) == words
            assert loop.time() - began >= least


async def test_a_reset_breaks_the_lines_that_there_are_and_those_that_come():
    async with behind() as proxy, connected(proxy) as ends:
        assert await told(ends, b"before") == b"before"
        await proxy.turn(TOXICS["reset"])

        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await told(ends, b"more")
        async with connected(proxy) as others:
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await told(others, b"more")


async def test_a_torn_line_carries_so_many_bytes_and_no_more():
    async with behind() as proxy, connected(proxy) as (reader, writer):
        await proxy.turn(Toxic("torn", reset_after=30))
        writer.write(b"x" * 20)

        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(20), SLOW)


async def test_a_black_hole_swallows_and_what_fell_into_it_stays_dead():
    async with behind() as proxy, connected(proxy) as (reader, writer), connected(proxy) as untouched:
        assert await told((reader, writer), b"before") == b"before"
        await proxy.turn(TOXICS["black hole"])
        writer.write(b"lost")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), BRIEF)
        await proxy.turn(CLEAN)
        writer.write(b"lost as well")

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), BRIEF)
        assert await told(untouched, b"alive") == b"alive"
        async with connected(proxy) as fresh:
            assert await told(fresh, b"after") == b"after"


async def test_who_is_away_refuses_and_is_there_again_at_the_same_port():
    async with behind() as proxy:
        port = proxy.port
        await proxy.turn(TOXICS["away"])
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, port)
        await proxy.turn(CLEAN)

        async with connected(proxy) as ends:
            assert proxy.port == port
            assert await told(ends, b"after") == b"after"
