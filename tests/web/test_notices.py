"""A word from the floor, put up through the API: on a live line within a second, in documents with the next one."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from holdsvc.audio.formats import RATE
from holdsvc.audio.g711 import decode
from holdsvc.config import AudioSocketSettings
from holdsvc.simulator.audiosocket import dial
from tests.service import CALLER, Service, a_call, running
from tests.web.test_quiz import sound

LINE = UUID("0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0")
STORM = {"prompt": "notice_sandstorm", "queue": "support", "minutes": 30}
NOTICES = "/api/v1/notices"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder whose owner has recorded a notice: two seconds of noise that nothing else is like."""
    prompts = tmp_path / "media" / "prompts" / "en"
    prompts.mkdir(parents=True)
    (prompts / "prompts.toml").write_text('[notice_sandstorm]\ntext = "There is sand everywhere."', "utf-8")
    sound(tmp_path, prompts / "notice_sandstorm.opus", 2.0)
    return tmp_path


async def put_up(service: Service, **changes: object) -> tuple[int, dict[str, object]]:
    async with service.client.post(service.base + NOTICES, json={**STORM, **changes}) as response:
        return response.status, await response.json()


async def test_on_a_live_line_it_is_heard_within_a_second(folder: Path, unused_tcp_port_factory) -> None:  # type: ignore[no-untyped-def]
    port = unused_tcp_port_factory()
    line = AudioSocketSettings("127.0.0.1", port)
    async with running(folder, unused_tcp_port_factory(), audiosocket=line) as service:
        wanted = {"queue": "support", "caller": CALLER, "uuid": str(LINE)}
        async with service.client.post(f"{service.base}/api/v1/calls/announce", json=wanted) as response:
            assert response.status == 200
        leg = await dial("127.0.0.1", port, LINE)
        await leg.hear(0.5)
        before = leg.heard.seconds
        (queue,) = (await service.json(NOTICES))["waiting"]
        status, told = await put_up(service)
        await leg.hear(before + 1.2)
        await service.house.streams.settle()
        await service.house.intake.settle()
        (now,) = (await service.json(NOTICES))["notices"]
        noise = decode(bytes(service.house.sounds.prompt("en", "notice_sandstorm"))).astype(np.float32)
        heard = np.frombuffer(bytes(leg.heard.sound), "<i2").astype(np.float32)
        await leg.hang_up()

    assert (queue["live"], queue["later"]) == (1, 0)
    assert (status, told["heard_at_once"], told["waiting_live"]) == (201, 1, 1)
    assert (now["told"], now["waiting"]) == (1, 0)
    assert likeness(heard[: round(before * RATE)], noise[2400:4800]) < 0.3
    assert likeness(heard[round(before * RATE) :], noise[2400:4800]) > 0.8


def likeness(heard: np.ndarray, piece: np.ndarray) -> float:
    """1 where the piece is in it as it is, wherever; about 0 where it is not."""
    products = np.correlate(heard, piece, "valid")
    energy = np.convolve(heard**2, np.ones(len(piece)), "valid")
    return float(np.abs(products / np.sqrt(energy * (piece**2).sum() + 1)).max())


async def test_in_documents_the_next_one_begins_with_it_and_only_once(folder: Path, unused_tcp_port: int) -> None:
    async with running(folder, unused_tcp_port) as service:
        waiting = a_call(QueueTime="5", QueuePosition="1", CurrentQueueSize="1", AvgQueueTime="5")
        await service.document("call", waiting)
        first = await service.document("wait", waiting)
        assert (await put_up(service))[1]["heard_at_once"] == 0
        second = await service.document("wait", {**waiting, "QueueTime": "40"})
        third = await service.document("wait", {**waiting, "QueueTime": "80"})
        played = [[element.text or "" for element in one.iter("Play")] for one in (first, second, third)]
        name = service.house.sounds.prompt_hash("en", "notice_sandstorm")

    assert [any(name in address for address in one) for one in played] == [False, True, False]
    assert name in played[1][0]


async def test_the_board_lists_what_holds_and_what_can_be_put_up_and_withdraws(
    folder: Path, unused_tcp_port: int
) -> None:
    async with running(folder, unused_tcp_port) as service:
        _, posted = await put_up(service, queue="")
        shown = await service.json(NOTICES)
        async with service.client.delete(f"{service.base}{NOTICES}/{posted['id']}") as response:
            assert response.status == 200
        async with service.client.delete(f"{service.base}{NOTICES}/{posted['id']}") as response:
            assert response.status == 404
        after = await service.json(NOTICES)

    assert [one["id"] for one in shown["notices"]] == [posted["id"]]
    own = next(one for one in shown["prompts"] if one["prompt"] == "notice_sandstorm")
    assert own == {"prompt": "notice_sandstorm", "text": "There is sand everywhere.", "languages": ["en"]}
    assert after["notices"] == []


@pytest.mark.parametrize(
    ("changes", "status", "sentence"),
    [
        ({"queue": "nobody"}, 404, "there is no queue 'nobody'"),
        ({"prompt": "notice_flood"}, 404, "there is no prompt 'notice_flood'"),
        ({"prompt": "choice_music"}, 404, "there is no prompt 'choice_music'"),
        ({"minutes": 0}, 400, "minutes is more than 0"),
        ({"minutes": "long"}, 400, "the body will not do"),
    ],
)
async def test_what_cannot_be_said_is_refused_in_one_sentence(
    folder: Path, unused_tcp_port: int, changes: dict[str, object], status: int, sentence: str
) -> None:
    async with running(folder, unused_tcp_port) as service:
        answered, told = await put_up(service, **changes)

        assert answered == status
        assert sentence in str(told["error"])
        assert (await service.json(NOTICES))["notices"] == []
