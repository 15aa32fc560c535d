"""The page for words from the floor, in Chromium, on the whole service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.mouth import BREAKS, Mouth
from tests.service import Service, a_call, running
from tests.web.browser import CONTRAST, complaints, open_browser

NOTICES = "/api/v1/notices"


@pytest.fixture
async def service(tmp_path: Path, unused_tcp_port: int) -> AsyncIterator[Service]:
    async with running(tmp_path, unused_tcp_port) as service:
        yield service


@pytest.fixture
async def page(service: Service) -> AsyncIterator[Page]:
    async with open_browser() as browser:
        page = await browser.new_page(viewport={"width": 360, "height": 740})
        yield page


async def test_what_is_put_up_is_said_and_can_be_taken_down(page: Page, service: Service) -> None:
    heard = complaints(page)
    await page.goto(f"{service.base}/notices")
    await expect(page.locator("#none")).to_be_visible()
    await expect(page.locator("#waiting")).to_have_text("Nobody waits there now.")

    await page.locator("label", has_text="The storm").click()
    await page.locator("#queue").select_option("support")
    await page.locator("#say").click()

    await expect(page.locator("#done")).to_have_text("Said. 0 callers hear it now.")
    await expect(page.locator("#notices li")).to_contain_text("The storm keeps many people calling.")
    (posted,) = (await service.json(NOTICES))["notices"]
    assert (posted["prompt"], posted["queue"]) == ("notice_storm", "support")
    assert await page.evaluate(CONTRAST) == []

    await page.locator("#notices button").click()
    await expect(page.locator("#none")).to_be_visible()
    assert (await service.json(NOTICES))["notices"] == []
    assert heard == []


async def test_what_is_typed_is_spoken_and_then_said_and_its_hearers_are_counted(
    page: Page, tmp_path: Path, unused_tcp_port_factory: Callable[[], int]
) -> None:
    heard = complaints(page)
    async with running(tmp_path / "own", unused_tcp_port_factory(), synthesiser=Mouth(tmp_path).settings()) as service:
        await service.document("call", a_call())
        await service.document("wait", a_call(QueueTime="0"))
        await page.goto(f"{service.base}/notices")
        await expect(page.locator("#texts")).to_be_hidden()
        await expect(page.locator("#waiting")).to_contain_text("Waiting there now: 1 would hear it within")

        await page.locator("#ready").click()
        await expect(page.locator("#hurried")).to_contain_text("pieces are short there")
        await expect(page.locator("#ready")).to_be_hidden()
        await page.locator("#typing").click()
        await page.locator("#say").click()
        await expect(page.locator("#done")).to_have_text("Type what is to be said.")
        await page.locator("#texts input[lang=en]").fill("<b>The depot</b>")
        await page.locator("#say").click()
        await expect(page.locator("#done")).to_contain_text("cannot be said")
        await page.locator("#texts input[lang=en]").fill("The depot is closed.")
        await page.locator("#say").click()

        await expect(page.locator("#notices li")).to_contain_text("The depot is closed.")
        await expect(page.locator("#notices small")).to_contain_text("told to 0 of 1; 1 within", timeout=30_000)
        await expect(page.locator("#done")).to_have_text("It has been spoken, and is live.")
        await service.document("wait", a_call(QueueTime="70"))
        await expect(page.locator("#notices small")).to_contain_text("told to 1 of 1", timeout=30_000)
        assert await page.evaluate(CONTRAST) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [one for one in heard if "400" not in one] == []


async def test_a_text_that_fails_says_why(
    page: Page, tmp_path: Path, unused_tcp_port_factory: Callable[[], int]
) -> None:
    async with running(
        tmp_path / "own", unused_tcp_port_factory(), synthesiser=Mouth(tmp_path).settings(BREAKS)
    ) as service:
        await page.goto(f"{service.base}/notices")
        await page.locator("#typing").click()
        await page.locator("#texts input[lang=en]").fill("The depot is closed.")
        await page.locator("#say").click()

        await expect(page.locator("#notices small")).to_contain_text("no such voice", timeout=30_000)
        await expect(page.locator("#done")).to_have_text("It could not be spoken: see below.")
        assert await page.evaluate(CONTRAST) == []


async def test_without_a_synthesiser_the_page_says_why_nothing_can_be_typed(page: Page, service: Service) -> None:
    await page.goto(f"{service.base}/notices")

    await expect(page.locator("#cannot")).to_contain_text("there is no synthesiser")
    await expect(page.locator("#typing")).to_be_hidden()


async def test_nothing_sticks_out_of_a_narrow_screen(page: Page, service: Service) -> None:
    await page.goto(f"{service.base}/notices")
    await expect(page.locator("#post")).to_be_visible()

    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
