"""What the tests of the browser phone do with the page, and how they know what it hears."""

from playwright.async_api import Page

from .browser import until

HEARS = "(hertz) => Math.abs((holdsvcPhone.dominant()?.hertz ?? 0) - hertz) < 25 && holdsvcPhone.rms() > 0.01"
HELD = "() => holdsvcPhone.state === 'held'"


async def call(page: Page, mode: str = "documents") -> None:
    await page.locator(f"input[value={mode}]").check(force=True)
    await page.click("#call")
    await until(page, HELD)
