"""Chromium for the tests of pages: found on the path, driven without a display, listening for complaints."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright

FLAGS = [
    "--headless",
    "--no-sandbox",  # root's Chromium refuses to start otherwise
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Every visible text against the nearest opaque ground behind it, by the formula of WCAG 2: what is below AA is returned.
CONTRAST = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const linear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const light = (colour) => { const [r, g, b] = channels(colour).map(linear); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      const [, , , alpha = 1] = channels(colour);
      if (alpha === 1) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const poor = [];
  for (const node of document.body.querySelectorAll('*')) {
    const words = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!words || !node.checkVisibility() || node.closest('.unseen')) continue;
    const style = getComputedStyle(node);
    const [one, other] = [light(style.color), light(ground(node))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) poor.push(`${node.tagName}.${node.className} ${node.textContent.trim().slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


# Resolves with the seconds until a condition holds. It is compiled once: the pages' policy forbids the evaluation of
# strings, which is how the driver's own waiting asks again. A click starts the clock where one is named.
UNTIL = """([selector, value]) => new Promise((resolve) => {
  const holds = CONDITION;
  const began = performance.now();
  if (selector) document.querySelector(selector).click();
  const timer = setInterval(() => {
    if (!holds(value)) return;
    clearInterval(timer);
    resolve((performance.now() - began) / 1000);
  }, 4);
})"""


def chromium() -> str:
    """Where Chromium is; without it the test is skipped, but never on a build machine."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None and os.environ.get("CI") == "true":
        pytest.fail("Chromium is missing: install the package chromium")
    if path is None:
        pytest.skip("Chromium is missing: install the package chromium")
    return path


@contextlib.asynccontextmanager
async def open_browser(*more_flags: str) -> AsyncIterator[Browser]:
    path = chromium()
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=path, args=[*FLAGS, *more_flags])
        yield browser
        await browser.close()


async def until(page: Page, condition: str, value: object = None, click: str = "", within: float = 10) -> float:
    """Seconds until `condition`, a function in JavaScript, holds for `value`; measured inside the page."""
    async with asyncio.timeout(within):
        seconds: float = await page.evaluate(UNTIL.replace("CONDITION", condition), [click, value])
    return seconds


def complaints(page: Page) -> list[str]:
    """Grows with every warning, error and exception of the page."""
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard
