"""What a browser may refuse the phone, and the microphone where it does not."""

import asyncio
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Page, expect

from .browser import open_browser, until
from .caller import HEARS, call
from .fake_line import FakeService, serve


@pytest.fixture
async def port(service: FakeService) -> AsyncIterator[int]:
    async with serve(service) as number:
        yield number


@pytest.fixture
async def page(port: int) -> AsyncIterator[Page]:
    async with open_browser() as browser:
        opened = await browser.new_page()
        await opened.goto(f"http://127.0.0.1:{port}/phone")
        yield opened


async def test_the_microphone_is_off_without_a_recogniser_and_says_so(page: Page) -> None:
    await call(page)

    await expect(page.locator("#microphone")).to_be_disabled()
    await expect(page.locator("#mouth-hint")).to_contain_text("without a recogniser")


async def test_the_microphone_reaches_the_line_whole(service: FakeService, port: int, tmp_path: Path) -> None:
    service.voice = True
    spoken = tmp_path / "spoken.wav"
    write_tones(spoken, {1000: 0.2, 6000: 0.2})  # the second is above the line's band and must not fold back to 2000
    flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]

    async with open_browser(*flags, f"--use-file-for-fake-audio-capture={spoken}%noloop") as browser:
        page = await browser.new_page()
        await page.add_init_script(UNTOUCHED)
        await page.goto(f"http://127.0.0.1:{port}/phone")
        await call(page, "stream")
        await page.locator("#microphone").check(force=True)
        async with asyncio.timeout(10):
            await service.two_seconds_spoken.wait()
        await page.click("#hangup")

    heard = service.microphone()
    loudest = max(range(0, len(heard) - 4000, 80), key=lambda at: float(np.square(heard[at : at + 4000]).sum()))
    lines = np.abs(np.fft.rfft(heard[loudest : loudest + 4000] * np.hanning(4000))) / 1000  # a bin is 2 Hz
    assert lines[500] == pytest.approx(0.2, rel=0.05)
    assert lines[900:1100].max() < 0.002
    noise = np.sqrt(np.square(np.delete(lines, np.arange(490, 511))).sum())
    assert 20 * np.log10(lines[500] / noise) > 30


# Echo cancelling and noise suppression are for rooms; a steady tone is noise to them.
UNTOUCHED = """
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = () =>
  ask({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
"""


def write_tones(path: Path, tones: dict[int, float]) -> None:
    """0.5 s of silence, a second of the tones, 0.3 s of silence; 16 bits at 44,100 Hz is what Chromium reads right."""
    moments = np.arange(44100) / 44100
    sound = sum(height * np.sin(2 * np.pi * hertz * moments) for hertz, height in tones.items())
    whole = np.concatenate([np.zeros(22050), sound, np.zeros(13230)])
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes((whole * 32767).astype("<i2").tobytes())


async def test_a_refused_microphone_is_told_in_a_sentence(service: FakeService, page: Page) -> None:
    service.voice = True
    await page.reload()
    await call(page)

    await page.locator("#microphone").click(force=True)

    await expect(page.locator("#notice")).to_contain_text("microphone")
    await expect(page.locator("#microphone")).not_to_be_checked()


async def test_a_page_without_a_secure_context_says_how_to_open_it(port: int) -> None:
    async with open_browser("--host-resolver-rules=MAP phone.test 127.0.0.1") as browser:
        page = await browser.new_page()

        await page.goto(f"http://phone.test:{port}/phone")

        await expect(page.locator("#notice")).to_contain_text("http://localhost or by https")
        await expect(page.locator("#call")).to_be_disabled()


async def test_sound_that_the_browser_holds_back_starts_at_the_next_click(page: Page, port: int) -> None:
    await page.add_init_script(CALLS_BY_ITSELF)

    async with page.expect_console_message(lambda message: "holds the sound back" in message.text):
        await page.goto(f"http://127.0.0.1:{port}/phone")
    assert await page.evaluate("holdsvcPhone.rms()") == 0
    await page.mouse.click(700, 400)

    await until(page, HEARS, 440)
    await expect(page.locator("#notice")).to_be_hidden()


# A script's click is no gesture, but whatever the driver evaluates counts as one: so the page reports by its console.
CALLS_BY_ITSELF = """const timer = setInterval(() => {
  const button = document.getElementById("call");
  if (!button || button.disabled) return;
  clearInterval(timer);
  button.click();
  const notice = document.getElementById("notice");
  new MutationObserver(() => console.log(notice.textContent)).observe(notice, { childList: true });
}, 20)"""
