"""The newcomer's first command, end to end: `holdsvc demo`, the phone in Chromium, and the sound that comes out of it.

What is heard is recorded where the page gives it to the loudspeaker, and compared with the prepared sound by waveform.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import tomllib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Browser, Page, expect

from holdsvc.content import sounds
from tests.e2e.demo import Demo
from tests.e2e.ear import RATE, Recording, Run, differ, page_with_ear, track
from tests.web.browser import chromium, complaints, open_browser, until
from tests.web.caller import call

MEDIA = Path(__file__).parents[2] / "media"
LINK = 10.0  # seconds from the command to its links; on an idle machine it is under one
TRIES = 3
BEAT = 0.01  # seconds
FIRST_SOUND = 1.0  # seconds from the click on Call
CHANGED = 1.0  # seconds from a key to another sound
FRAME = 0.02  # seconds: what a stream resumes to
GRID = 10.0  # seconds: what documents resume to
DRAWN = 0.25  # seconds that a sound card's clock, the recording's steps and a busy machine blur; the engine's tests are exact
PODCAST, MUSIC = '[data-digit="2"]', '[data-digit="1"]'


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    chromium()
    with Demo(tmp_path_factory.mktemp("home"), "--port", str(free_port())) as running:
        yield running


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


class Caller:
    """Somebody at the phone page, from one number."""

    def __init__(self, demo: Demo, page: Page, number: str, mode: str) -> None:
        self.demo, self.page, self.mode, self.sid = demo, page, mode, ""
        self._number = number
        page.on("websocket", lambda line: line.on("framereceived", self._read))

    async def open(self) -> None:
        await self.page.goto(f"{self.demo.url}/phone")
        await expect(self.page.locator("#call")).to_be_enabled()
        await self.page.fill("#number", self._number)

    async def is_somebody_else(self) -> None:
        self._number = f"+1{int(self._number[2:]) + 1}"
        await self.page.fill("#number", self._number)

    async def call(self) -> float:
        """Seconds from the click on Call to the first sound, less those for which this machine let nobody run."""
        self.sid = ""
        async with pulse() as beats:
            await call(self.page, self.mode)
            await until(self.page, "() => holdsvcPhone.secondsToSound !== null")
        return float(await self.page.evaluate("holdsvcPhone.secondsToSound")) - sum(beats)

    async def press(self, key: str) -> float:
        """When it was pressed, on the sound card's clock."""
        return float(await self.page.evaluate("(key) => ear.click(key)", key))

    async def heard(self, seconds: float) -> float:
        """Let so much more sound be heard; the moment on the sound card's clock."""
        wanted = await self.page.evaluate("ear.now()") + seconds
        await until(self.page, "(wanted) => ear.now() >= wanted", wanted, within=seconds + 10)
        return float(wanted)

    async def captions(self) -> list[str]:
        return await self.page.locator(".caption.service p").all_inner_texts()

    def track(self) -> np.ndarray:
        """What the service says that this caller hears, as it was prepared."""
        item = self.demo.ask(f"/api/v1/calls/{self.sid}")["hearing"]
        index = tomllib.loads((MEDIA / "index.toml").read_text())
        name = sounds.hash_of_file(MEDIA / next(one["file"] for one in index["item"] if one["id"] == item))
        prepared = [*self.demo.home.rglob(f"{name}.ulaw"), MEDIA / "prepared" / f"{name}.ulaw"]
        return track(prepared[0])

    async def wait_row(self) -> dict:
        """The wait of this call in the log, once it is over."""
        async with asyncio.timeout(10):
            while True:
                rows = {row["call"]: row for row in self.demo.ask("/api/v1/waits?most=1000")["waits"]}
                if self.sid in rows and rows[self.sid]["outcome"]:
                    return rows[self.sid]
                await asyncio.sleep(0.1)

    def _read(self, frame: str | bytes) -> None:
        message = json.loads(frame)
        if (
            message["event"] == "hook"
            and message["step"] == "call"
            and not self.sid
            and isinstance(message["body"], dict)
        ):
            self.sid = message["body"].get("CallSid", "")


@contextlib.asynccontextmanager
async def pulse() -> AsyncIterator[list[float]]:
    """By how many seconds each short sleep of ours came too late: what other work on this machine takes from all of us."""
    late: list[float] = []

    async def beat() -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + BEAT
            await asyncio.sleep(BEAT)
            late.append(max(0.0, loop.time() - due - BEAT / 2))

    beating = asyncio.create_task(beat())
    try:
        yield late
    finally:
        beating.cancel()


@pytest.fixture
async def caller(demo: Demo, browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Caller]:
    mode, number = request.param
    page = await page_with_ear(browser)
    heard = complaints(page)
    made = Caller(demo, page, number, mode)
    await made.open()
    yield made
    assert heard == []


async def test_the_command_prints_links_that_answer_within_seconds(demo: Demo) -> None:
    assert demo.seconds_to_link < LINK

    links = [word for word in demo.text.split() if word.startswith("http://")]

    assert len(links) == 4
    for link in links:
        assert demo.fetch(link.removeprefix(demo.url))


@pytest.mark.parametrize("caller", [("stream", "+15005550161")], indirect=True)
async def test_a_caller_on_a_stream_hears_chooses_resumes_and_is_recognised(caller: Caller) -> None:
    await prepared(caller.demo, "podcast")

    story = await undisturbed(caller, then=3.0)
    again = await second_call(caller)
    await answered(caller)

    # one frame, and what the page's own buffer holds back: the service cannot know of it
    assert abs(story.taken_up - story.stopped.until_second) <= FRAME + story.delay + DRAWN
    assert abs(again.from_second - story.left_at) <= FRAME + story.delay + DRAWN + story.hang_up


@pytest.mark.parametrize("caller", [("documents", "+15005550171")], indirect=True)
async def test_a_caller_in_documents_hears_chooses_resumes_and_is_recognised(caller: Caller) -> None:
    await prepared(caller.demo, "podcast")

    story = await undisturbed(caller, then=10.5)
    again = await second_call(caller)
    await answered(caller)

    on_grid = story.stopped.until_second // GRID * GRID
    assert story.resumed.from_second == pytest.approx(on_grid, abs=DRAWN)
    assert again.from_second == pytest.approx(story.left_at // GRID * GRID, abs=DRAWN)
    assert again.from_second == pytest.approx(GRID, abs=DRAWN)


class Story:
    """A first call: what was heard before key 2 and after key 1, and where it was left."""

    stopped: Run
    resumed: Run
    taken_up: float  # the second that belongs to the press of key 1: on a stream it goes on under the prompt from there
    delay: float
    left_at: float
    gaps: int
    hang_up: float


async def undisturbed(caller: Caller, then: float) -> Story:
    """A machine that is too busy to play without a gap cannot tell where anything stopped; the page counts them. Then anew."""
    for _ in range(TRIES):
        story = await first_call(caller, then)
        if not story.gaps:
            return story
        await caller.is_somebody_else()
    pytest.fail(f"this machine could not play one call of {TRIES} without a gap")


async def first_call(caller: Caller, then: float) -> Story:
    first = await caller.call()
    await caller.heard(4.0)
    music = caller.track()
    chose = await caller.press(PODCAST)
    await caller.heard(3.2)
    came_back = await caller.press(MUSIC)
    await until(caller.page, "(text) => document.querySelector('#captions').innerText.split('Music.').length > 1")
    left = await caller.heard(then + 1.5)
    tape = await Recording.of(caller.page)
    story = Story()
    story.gaps = int(await caller.page.evaluate("holdsvcPhone.gaps"))
    began = asyncio.get_running_loop().time()
    gone = await caller.press("#hangup")
    row = await caller.wait_row()
    story.hang_up = asyncio.get_running_loop().time() - began

    if story.gaps:
        return story
    story.stopped, story.resumed = tape.run(chose - 2.5, music), tape.run(left - 2.5, music)
    story.taken_up = story.resumed.from_second - (story.resumed.began - came_back)
    story.delay = tape.delay(story.stopped.began - story.stopped.from_second)
    story.left_at = story.resumed.from_second + gone - story.resumed.began
    changed = tape.onset(chose)
    print(
        f"\n{caller.mode}: link {caller.demo.seconds_to_link:.2f} s; Call to sound {1000 * first:.0f} ms;"
        f" key 2 to another sound {1000 * (changed - chose):.0f} ms; stopped at {story.stopped.until_second:.3f} s,"
        f" taken up at {story.taken_up:.3f} s, alone again at {story.resumed.from_second:.3f} s;"
        f" page's delay {1000 * story.delay:.0f} ms"
    )

    assert first < FIRST_SOUND
    assert changed - chose < CHANGED
    unchanged, changed_to = spectra(tape, story.stopped, chose, music), spectra(tape, story.stopped, came_back, music)
    assert unchanged < 0.1
    assert changed_to > 5 * unchanged
    assert tape.place(came_back - 2, music).likeness < 0.5
    assert story.stopped.from_second < DRAWN  # a new caller hears it from its start
    assert row["outcome"] == "abandoned"
    return story


async def second_call(caller: Caller) -> Run:
    """The same number again: recognised, so content goes on at once and no menu is told."""
    assert await caller.call() < FIRST_SOUND
    now = await caller.heard(3.0)
    tape = await Recording.of(caller.page)
    run = tape.run(now - 2.5, caller.track())

    told = caller.demo.ask(f"/api/v1/calls/{caller.sid}")

    assert [past["outcome"] for past in told["past"]] == ["abandoned"]
    assert told["caller"]
    assert [choice["via"] for choice in told["choices"]] == ["remembered"]
    assert len(await caller.captions()) == 1  # the title, and no voice before it
    assert run.began < FIRST_SOUND
    print(f"{caller.mode}: called again, content goes on at {run.from_second:.3f} s")
    return run


async def answered(caller: Caller) -> None:
    """An agent is there: the music stops, a voice says so, and the wait is over everywhere."""
    music = caller.track()
    clicked = await caller.press("#agent")
    await expect(caller.page.locator(".caption.service p").last).to_contain_text("Connecting you")
    await caller.heard(1.0)
    tape = await Recording.of(caller.page)
    await expect(caller.page.locator("#state")).to_have_text("Call ended", timeout=15000)
    row = await caller.wait_row()
    stopped = tape.run(clicked - 2.2, music).ended
    print(f"{caller.mode}: agent to silence {1000 * (stopped - clicked):.0f} ms")

    assert stopped - clicked < CHANGED
    await expect(caller.page.locator("#detail")).to_contain_text("An agent took the call")
    assert row["outcome"] == "answered"
    await counted(caller.demo)
    await on_the_wall(caller)


async def counted(demo: Demo) -> None:
    """The crowd goes on calling: the log and the metrics agree as soon as nothing happens between the two looks."""
    async with asyncio.timeout(10):
        while True:
            rows = [row["outcome"] for row in demo.ask("/api/v1/waits?most=1000&outcome=answered")["waits"]]
            figures = [line for line in demo.fetch("/metrics").splitlines() if line.startswith("holdsvc_calls_total{")]
            told = sum(float(line.split()[-1]) for line in figures if 'outcome="answered"' in line)
            if told == len(rows):
                return
            await asyncio.sleep(0.2)


async def on_the_wall(caller: Caller) -> None:
    wall = await caller.page.context.new_page()
    heard = complaints(wall)
    await wall.goto(f"{caller.demo.url}/wall")
    await expect(wall.locator("#freshness")).to_contain_text("Live")
    least = caller.demo.ask("/api/v1/wall")["answered"]
    await until(wall, "(least) => Number(document.querySelector('#answered').textContent) >= least", least)
    assert least >= 1
    assert heard == []


def spectra(tape: Recording, run: Run, until: float, track: np.ndarray) -> float:
    """How far the last second before `until` is from what the track would have had there, had nobody pressed a key."""
    second = run.from_second + until - 1.0 - run.began
    return differ(tape.between(until - 1.0, until), track[round(second * RATE) :][:RATE])


async def prepared(demo: Demo, kind: str) -> None:
    async with asyncio.timeout(30):
        while kind not in [item["kind"] for item in demo.ask("/api/v1/content")["items"]]:
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("mode", ["documents", "stream"])
async def test_ctrl_c_ends_it_at_once_and_in_order_in_the_middle_of_a_call(
    tmp_path: Path, browser: Browser, mode: str
) -> None:
    with Demo(tmp_path, "--port", str(free_port())) as demo:
        page = await browser.new_page()
        await page.goto(f"{demo.url}/phone")
        await expect(page.locator("#call")).to_be_enabled()
        await call(page, mode)
        await until(page, "() => holdsvcPhone.secondsToSound !== null")
        loop = asyncio.get_running_loop()
        began = loop.time()
        code = await loop.run_in_executor(None, demo.stop, signal.SIGINT)
        seconds = loop.time() - began

        await expect(page.locator("#notice")).to_contain_text("The line to the service was lost")

    assert code == 0
    assert seconds < 10  # a second, but for a machine that is busy
    assert "Traceback" not in demo.text
    assert "Task was destroyed" not in demo.text
    assert not list(tmp_path.iterdir())


def test_a_second_demo_takes_another_port_and_says_so(demo: Demo, tmp_path: Path) -> None:
    port = demo.url.rpartition(":")[2]

    with Demo(tmp_path, "--port", port, "--callers", "0") as second:
        assert f"port {port} is taken" in second.text
        assert second.url != demo.url
        assert second.fetch("/readyz")
        code = second.stop(signal.SIGTERM)

    assert code == 0


@pytest.mark.parametrize("port", ["99999", "-1", "http"])
def test_what_is_no_port_is_refused_in_a_sentence(port: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="is no port: give a number from 0"), Demo(tmp_path, f"--port={port}"):
        pass


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
