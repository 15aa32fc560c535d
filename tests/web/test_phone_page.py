"""The browser phone in Chromium, against an exchange that plays one tone a key."""

import asyncio
from collections.abc import AsyncIterator
from typing import Literal

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.service import until as heard

from .browser import CONTRAST, complaints, until
from .caller import HEARS, call
from .fake_line import AMPLITUDE, FakeCall, FakeService, serve

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all of them, a page for each

SILENT = "() => holdsvcPhone.rms() < 0.0001"


@pytest_asyncio.fixture(loop_scope="module")
async def port(service: FakeService) -> AsyncIterator[int]:
    async with serve(service) as number:
        yield number


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, port: int) -> AsyncIterator[Page]:
    opened = await browser.new_page()
    heard = complaints(opened)
    await opened.goto(f"http://127.0.0.1:{port}/phone")
    await expect(opened.locator("#call")).to_be_enabled()
    yield opened
    await opened.close()
    assert heard == []


def key(digit: str) -> str:
    return f'[data-digit="{digit}"]'


async def test_a_call_is_heard_within_a_second_of_the_click(page: Page) -> None:
    await call(page)

    await until(page, HEARS, 440)

    await until(page, "() => holdsvcPhone.secondsToSound !== null")
    assert await page.evaluate("holdsvcPhone.secondsToSound") < 1
    level = 20 * np.log10(AMPLITUDE / np.sqrt(2))  # once the window that is measured is full of it
    await until(page, "(level) => Math.abs(20 * Math.log10(holdsvcPhone.rms()) - level) < 0.5", float(level))


async def test_a_key_changes_what_is_heard_at_once(page: Page) -> None:
    await call(page)
    await until(page, HEARS, 440)

    seconds = await until(page, HEARS, 1209, click=key("2"))

    assert seconds < 0.5  # the exchange is 2 s ahead


async def test_the_player_adds_no_mirror_of_the_line_s_band(page: Page) -> None:
    await call(page)
    await page.click(key("2"))
    await until(page, HEARS, 1209)

    sound = await page.evaluate("holdsvcPhone.spectrum()")

    mirror = round((8000 - 1209) / sound["binHertz"])
    assert max(sound["decibels"][mirror - 2 : mirror + 3]) < max(sound["decibels"]) - 50


async def test_a_clear_drops_what_was_sent_ahead(page: Page) -> None:
    await call(page)
    await until(page, HEARS, 440)

    seconds = await until(page, SILENT, click=key("0"))

    assert seconds < 1  # of 2 s that had been sent
    assert await page.evaluate("holdsvcPhone.gaps") == 0


async def test_keys_work_from_the_keyboard_but_not_while_typing(page: Page, service: FakeService) -> None:
    await call(page)

    await page.keyboard.press("3")
    await page.keyboard.press("*")
    await page.fill("#say", "")
    await page.locator("#say").press_sequentially("7")
    await page.click(key("#"))

    await expect(page.locator(".caption.caller p")).to_have_text(["pressed 3", "pressed *", "pressed #"])
    await heard(lambda: len(service.digits()) == 3)  # the page shows a key before the service has it
    assert service.digits() == ["3", "*", "#"]


async def test_typed_words_reach_the_service_in_documents_and_are_off_on_a_stream(
    page: Page, service: FakeService
) -> None:
    await call(page)
    await page.fill("#say", "a podcast please")
    await page.press("#say", "Enter")
    await expect(page.locator(".caption.service").last).to_contain_text("A podcast, then.")
    await page.click("#hangup")

    await call(page, "stream")

    await expect(page.locator("#say")).to_be_disabled()
    said = [message for message in service.received if message["event"] == "say"]
    assert said == [{"event": "say", "text": "a podcast please"}]
    modes = [message["mode"] for message in service.received if message["event"] == "call"]
    assert modes == ["documents", "stream"]


async def test_the_call_carries_number_and_queue(page: Page, service: FakeService) -> None:
    await page.fill("#number", "+15005550142")
    await page.select_option("#queue", "billing")

    await call(page)

    begun = {"event": "call", "from": "+15005550142", "mode": "documents", "queue": "billing"}
    assert service.received[0] == begun


async def test_webhooks_and_answers_stand_side_by_side(page: Page) -> None:
    await call(page)
    await page.click(key("1"))
    newest = page.locator(".exchange").first

    await expect(newest.locator("strong")).to_have_text("input")
    await expect(newest.locator(".request > dl dd")).to_have_text(["1"])
    await expect(newest.locator("summary")).to_have_text("2 as before")
    await expect(newest.locator(".verdict")).to_have_text("✓ 200 · 6 ms")
    await expect(newest.locator(".code > div").nth(2)).to_contain_text('<Gather input="dtmf speech"')
    await expect(newest.locator(".code > div").nth(3)).to_contain_text("<Play>/audio/9f/house-0000.wav?sig=5ad1</Play>")


async def test_a_value_without_end_is_folded_until_asked_for(page: Page, service: FakeService) -> None:
    await call(page)
    hints = ",".join(f"word{number}" for number in range(300))

    await service.calls[0].hook("input", {}, f'<Response><Gather hints="{hints}"/></Response>')

    value = page.locator(".exchange").first.locator(".value")
    await expect(value.locator(".rest")).to_be_hidden()
    await value.locator("button").click()
    await expect(value).to_have_text(f'"{hints}"')
    await expect(value.locator(".rest")).to_be_visible()


async def test_nothing_that_travels_becomes_markup_of_the_page(page: Page, service: FakeService) -> None:
    await call(page)
    hostile = "<img src=x onerror=alert(1)><b>bold</b>"
    line: FakeCall = service.calls[0]

    await line.send("caption", text=hostile)
    await line.hook("input", {"CallSid": hostile}, f"<Response><Say>{hostile}</Say></Response>")
    await line.hook("input", {"CallSid": hostile}, "<Response><Say>a<b>c</b></Say><img/></Response>")

    await expect(page.locator(".exchange")).to_have_count(4)
    await expect(page.locator(".caption p").last).to_have_text(hostile)
    assert await page.locator("main :is(b, img)").count() == 0


async def test_the_agent_ends_the_wait(page: Page, service: FakeService) -> None:
    await call(page)

    await page.click("#agent")

    await expect(page.locator("#state")).to_have_text("Call ended")
    await expect(page.locator("#detail")).to_contain_text("An agent took the call; the call lasted 0:0")
    assert [message["event"] for message in service.received] == ["call", "agent"]


async def test_the_last_webhook_is_still_shown_after_the_hang_up(page: Page, service: FakeService) -> None:
    await call(page)

    await page.click("#hangup")

    await expect(page.locator(".exchange strong").first).to_have_text("status")
    await expect(page.locator("#call")).to_be_visible()
    assert service.received[-1] == {"event": "hangup"}


async def test_a_line_that_is_lost_is_told_in_a_sentence(page: Page, service: FakeService) -> None:
    await call(page)

    await service.calls[0].socket.close()

    await expect(page.locator("#notice")).to_contain_text("The line to the service was lost")
    await expect(page.locator("#call")).to_be_enabled()


async def test_a_line_that_is_refused_is_told_in_a_sentence(browser: Browser, port: int, service: FakeService) -> None:
    service.lines_in_use = True
    page = await browser.new_page()
    await page.goto(f"http://127.0.0.1:{port}/phone")

    await page.click("#call")

    await expect(page.locator("#notice")).to_contain_text("The service did not open a line")
    await expect(page.locator("#state")).to_have_text("Call ended")


async def test_calls_leave_no_listener_behind(page: Page, service: FakeService) -> None:
    developer = await page.context.new_cdp_session(page)

    async def listeners_after_calls(count: int) -> float:
        for _ in range(count):
            await call(page)
            await until(page, HEARS, 440)
            await page.click("#hangup")
            await expect(page.locator(".exchange strong").first).to_have_text("status")
        async with asyncio.timeout(10):
            await service.calls[-1].gone.wait()  # the line listens 1.5 s longer for late webhooks
        await developer.send("HeapProfiler.collectGarbage")
        return float((await developer.send("Memory.getDOMCounters"))["jsEventListeners"])

    first = await listeners_after_calls(2)

    assert await listeners_after_calls(4) <= first


async def test_a_token_is_asked_for_once_and_offered_to_the_line(
    browser: Browser, port: int, service: FakeService
) -> None:
    service.token = "s3cret"
    page = await browser.new_page()
    await page.goto(f"http://127.0.0.1:{port}/phone")

    await page.fill("#token", "wrong")
    await page.press("#token", "Enter")
    await expect(page.locator("[data-wrong]")).to_be_visible()
    await page.fill("#token", "s3cret")
    await page.press("#token", "Enter")
    await call(page)

    assert service.offered_protocols == ["holdsvc.phone", "bearer.czNjcmV0"]
    await page.reload()
    await expect(page.locator("#call")).to_be_enabled()
    await expect(page.locator("#token-form")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_has_enough_contrast(page: Page, scheme: Literal["light", "dark"]) -> None:
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    assert await page.evaluate(CONTRAST) == []

    await call(page)
    await page.click(key("2"))
    await expect(page.locator(".exchange")).to_have_count(3)

    assert await page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 2560])
async def test_the_page_never_scrolls_sideways(page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    await call(page)
    await page.click(key("2"))
    await expect(page.locator(".exchange")).to_have_count(3)

    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


async def test_the_policy_stops_an_inline_script(browser: Browser, port: int) -> None:
    page = await browser.new_page()
    heard = complaints(page)
    await page.goto(f"http://127.0.0.1:{port}/phone")

    await page.evaluate("""() => {
      const script = document.createElement("script");
      script.textContent = "window.crept = true";
      document.head.append(script);
    }""")

    assert await page.evaluate("window.crept") is None
    assert len(heard) == 1
    assert "Content Security Policy" in heard[0]
