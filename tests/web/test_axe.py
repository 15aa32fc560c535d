"""axe-core looks at the pages in every state, on a small screen, a desk's and a wall's, light and dark: nothing serious."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, Page, expect

from tests.mouth import Mouth
from tests.service import a_call, running

from .browser import until
from .caller import call
from .fake_line import FakeService, serve

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all of them, a page for each

# Every size and both schemes are looked at; no size has colours of its own, and no scheme a layout.
SIGHTS = (((320, 568), "light"), ((1920, 1080), "dark"), ((3840, 2160), "light"))
RUN = "() => axe.run({resultTypes: ['violations'], preload: false}).then((found) => [found.violations, found.passes.length])"
ENOUGH = 10  # rules that pass: fewer would mean that it saw nothing of the page


@pytest_asyncio.fixture(loop_scope="module")
async def page(chrome: Browser) -> AsyncIterator[Page]:
    """The policy of the pages is for what they bring themselves; axe comes from outside it."""
    context = await chrome.new_context(bypass_csp=True)
    yield await context.new_page()
    await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def port(service: FakeService) -> AsyncIterator[int]:
    async with serve(service) as number:
        yield number


async def serious(page: Page) -> list[str]:
    """What axe finds of that kind in all sights of what is shown now."""
    found = set()
    if await page.evaluate("typeof axe") == "undefined":
        await page.evaluate(AXE_SCRIPT)
    for (width, height), scheme in SIGHTS:
        await page.set_viewport_size({"width": width, "height": height})
        # nothing is looked at half-way between two colours
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        violations, passed = await page.evaluate(RUN)
        assert passed >= ENOUGH
        found |= {f"{width} {scheme} {told(one)}" for one in violations if one["impact"] in ("serious", "critical")}
    return sorted(found)


def told(violation: dict[str, Any]) -> str:
    return f"{violation['impact']}: {violation['help']}: {[node['html'][:120] for node in violation['nodes']]}"


async def freshness(page: Page, word: str) -> None:
    await until(page, "(word) => document.body.dataset.freshness === word", word)


async def test_the_wall_fresh_with_its_queues_and_its_day_and_then_cut_off(
    page: Page, port: int, service: FakeService
) -> None:
    await page.goto(f"http://127.0.0.1:{port}/wall")
    await freshness(page, "fresh")
    assert await serious(page) == []

    await page.click("#view")
    assert await serious(page) == []

    service.wall_is = "refusing"
    await freshness(page, "old")
    assert await serious(page) == []
    await page.click("#view")
    assert await serious(page) == []


async def test_the_wall_empty_and_in_a_rush(page: Page, port: int, service: FakeService) -> None:
    service.waiting = service.offered = 0
    await page.goto(f"http://127.0.0.1:{port}/wall")
    await expect(page.locator("#longest-note")).to_have_text("nobody is waiting")
    assert await serious(page) == []

    service.waiting, service.offered, service.longest = 1234, 5678, 4321.0
    service.callbacks = {"owed": 56, "calling": 7, "oldest_seconds": 4000.0}
    service.degraded = ["store", "ledger", "speech", "crm"]
    await expect(page.locator("#waiting")).to_have_text("1234")
    await expect(page.locator("#degraded")).to_contain_text("Away: crm. Calls go on without it.")
    assert await serious(page) == []


async def test_a_page_that_asks_for_its_token(page: Page, port: int, service: FakeService) -> None:
    service.token = "s3cret"
    await page.goto(f"http://127.0.0.1:{port}/wall")
    await page.fill("#token", "wrong")
    await page.press("#token", "Enter")
    await expect(page.locator("[data-wrong]")).to_be_visible()

    assert await serious(page) == []


async def test_the_phone_idle_and_in_a_call_and_after_it(page: Page, port: int) -> None:
    await page.goto(f"http://127.0.0.1:{port}/phone")
    await expect(page.locator("#call")).to_be_enabled()
    assert await serious(page) == []

    await call(page)
    await page.click('[data-digit="2"]')
    await expect(page.locator("#captions")).to_contain_text("You chose 2")
    assert await serious(page) == []

    await page.click("#agent")
    await expect(page.locator("#call")).to_be_visible()
    assert await serious(page) == []


async def test_the_notices_page_with_a_notice_and_a_text_being_typed(
    page: Page, tmp_path: Path, unused_tcp_port: int
) -> None:
    async with running(tmp_path, unused_tcp_port, synthesiser=Mouth(tmp_path).settings()) as whole:
        await whole.document("call", a_call())
        await whole.document("wait", a_call(QueueTime="0"))
        await page.goto(f"{whole.base}/notices")
        await expect(page.locator("#none")).to_be_visible()
        assert await serious(page) == []

        await page.locator("label", has_text="The storm").click()
        await page.locator("#say").click()
        await expect(page.locator("#notices li")).to_contain_text("The storm")
        await page.locator("#typing").click()
        assert await serious(page) == []


async def test_what_is_seeded_is_found(page: Page, port: int) -> None:
    """The control: a button without a name, a picture without words, grey on grey."""
    await page.goto(f"http://127.0.0.1:{port}/wall")
    await freshness(page, "fresh")
    await page.evaluate("""() => {
      document.querySelector('main').insertAdjacentHTML('beforeend', '<button></button><img src="/static/favicon.svg">');
      document.getElementById('waiting-note').style.color = '#2a3634';
    }""")

    found = "\n".join(await serious(page))

    for part in ("Buttons must have discernible text", "Images must have alternative text", "contrast"):
        assert part in found
