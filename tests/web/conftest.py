"""One browser for all tests of a file, a service of paper and a context for each."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from .browser import open_browser
from .fake_line import FakeService


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chrome() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def browser(chrome: Browser) -> AsyncIterator[Browser]:
    """Without what another test left open."""
    yield chrome
    for context in chrome.contexts:
        await context.close()
