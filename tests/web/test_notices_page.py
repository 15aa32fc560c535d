"""The page for words from the floor, in Chromium, on the whole service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.service import Service, running
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

    await page.locator("label", has_text="The storm").click()
    await page.locator("#queue").select_option("support")
    await page.locator("#say").click()

    await expect(page.locator("#done")).to_contain_text("Said. 0 callers hear it now.")
    await expect(page.locator("#notices li")).to_contain_text("The storm keeps many people calling.")
    (posted,) = (await service.json(NOTICES))["notices"]
    assert (posted["prompt"], posted["queue"]) == ("notice_storm", "support")
    assert await page.evaluate(CONTRAST) == []

    await page.locator("#notices button").click()
    await expect(page.locator("#none")).to_be_visible()
    assert (await service.json(NOTICES))["notices"] == []
    assert heard == []


async def test_nothing_sticks_out_of_a_narrow_screen(page: Page, service: Service) -> None:
    await page.goto(f"{service.base}/notices")
    await expect(page.locator("#post")).to_be_visible()

    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
