"""Two whole services on one Redis, of which only one has an episode: its addresses are good at the other one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdsvc.calls.model import ContentId
from holdsvc.simulator.sound import mu_law_of
from holdsvc.stores.redis_fellows import PATIENCE
from tests.content.shelf import entry, fill
from tests.content.test_library import pretend_prepared
from tests.service import Service, serving, settings_for, until
from tests.stores.redis_server import emptied, shared_node

EPISODE = ContentId("episode")
SECONDS = 130


@asynccontextmanager
async def two(folder: Path, ports: Callable[[], int]) -> AsyncIterator[tuple[Service, Service]]:
    """The first has the episode, on a shelf of its own."""
    media = folder / "has" / "media"
    media.mkdir(parents=True)
    fill(media, entry(EPISODE))
    pretend_prepared(media / f"{EPISODE}.wav", folder / "has" / "sound", SECONDS)
    node = emptied(shared_node())
    async with AsyncExitStack() as stack:
        has, lacks = [await stack.enter_async_context(one(folder / name, node.url, ports)) for name in ("has", "lacks")]
        await until(lambda: all(each.house.together.elsewhere() for each in (has, lacks)))
        yield has, lacks


def one(folder: Path, redis: str, ports: Callable[[], int]):
    settings = settings_for(folder, port=ports())
    return serving(
        replace(
            settings,
            service=replace(settings.service, secret="a secret that both share"),
            store=replace(settings.store, url=redis),
            ledger=replace(settings.ledger, url=f"sqlite:{folder.parent / 'log.sqlite3'}"),
        )
    )


def address(service: Service, start: float, end: float) -> str:
    return service.house.links.content(EPISODE, start, end, 0.0)


async def test_an_episode_that_one_machine_names_is_heard_from_the_other_as_well(tmp_path, unused_tcp_port_factory):
    async with two(tmp_path, unused_tcp_port_factory) as (has, lacks):
        named = [address(has, start, min(start + 60, SECONDS)) for start in range(0, SECONDS, 60)]
        there = [await has.get(each) for each in named]
        here = [await lacks.get(each) for each in named]
        part = await lacks.get(named[0], Range="bytes=100-199")
        heard = [await each.read() for each in there]

        assert [each.status for each in here] == [200] * 3
        assert [await each.read() for each in here] == heard
        assert [each.headers["ETag"] for each in here] == [each.headers["ETag"] for each in there]
        assert "immutable" in here[0].headers["Cache-Control"]
        assert here[0].headers["X-Holdsvc-Caption"] == "Episode"
        assert (part.status, await part.read()) == (206, heard[0][100:200])
        assert sum(len(mu_law_of(each)) for each in heard) == SECONDS * 8000


async def test_callers_who_want_the_same_at_once_are_served_by_one_question(
    tmp_path, unused_tcp_port_factory, monkeypatch
):
    async with two(tmp_path, unused_tcp_port_factory) as (has, lacks):
        answered: list[bytes] = []
        fellows, answer = has.house.together.fellows, has.house.stretches.answer
        monkeypatch.setattr(fellows, "_have", lambda asked: answered.append(asked) or answer(asked))
        named = address(has, 0, 60)

        at_once = await asyncio.gather(*(lacks.get(named) for _ in range(20)))
        later = await lacks.get(named)

        assert {each.status for each in (*at_once, later)} == {200}
        assert len(answered) == 1


@pytest.mark.parametrize("why", ["nobody has it", "what is given is damaged", "Redis is away"])
async def test_where_nobody_can_give_it_something_is_heard_all_the_same_within_the_second(
    tmp_path, unused_tcp_port_factory, why
):
    async with two(tmp_path, unused_tcp_port_factory) as (has, lacks):
        named = address(has, 0, 60)
        if why == "nobody has it":
            has.house.together.fellows._have = lambda asked: None
        elif why == "what is given is damaged":
            has.house.together.fellows._have = lambda asked: b"\x93\xc4"
        else:
            lacks.house.together.fellows._link._rests_until = asyncio.get_running_loop().time() + 60
        began = asyncio.get_running_loop().time()

        answer = await lacks.get(named)

        took = asyncio.get_running_loop().time() - began
        assert answer.status == 200
        assert len(mu_law_of(await answer.read())) == 60 * 8000
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert took < PATIENCE + 0.5
