"""The whole service in this process, on a free port, with a signing client: for tests that ask it from the outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urljoin
from xml.etree import ElementTree

import aiohttp
from aiohttp import web
from msgspec.structs import replace
from twilio.request_validator import RequestValidator

from holdsvc import app
from holdsvc.clock import Clock
from holdsvc.config import ApiSettings, Settings, load
from holdsvc.web.house import HOUSE, House
from holdsvc.web.patience import bounded

TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
CALLER = "+15005550123"


class Service:
    def __init__(self, base: str, public: str, house: House, client: aiohttp.ClientSession) -> None:
        self.base, self.public, self.house, self.client = base, public, house, client

    async def hook(self, step: str, fields: Mapping[str, str], query: str = "queue=support") -> aiohttp.ClientResponse:
        return await self.post(f"/hooks/twilio/{step}?{query}", fields)

    async def post(self, path: str, fields: Mapping[str, str]) -> aiohttp.ClientResponse:
        """A genuine request to a path, or to an address that the service gave out."""
        signed = urljoin(self.public, path)
        signature = RequestValidator(TOKEN).compute_signature(signed, dict(fields))
        where = urljoin(self.base, path.removeprefix(self.public))
        return await self.client.post(where, data=dict(fields), headers={"X-Twilio-Signature": signature})

    async def document(self, step: str, fields: Mapping[str, str], query: str = "queue=support") -> ElementTree.Element:
        response = await self.hook(step, fields, query)
        assert response.status == 200, await response.text()
        return ElementTree.fromstring(await response.read())

    async def get(self, path: str, **headers: str) -> aiohttp.ClientResponse:
        return await self.client.get(self.base + path, headers=headers)

    async def json(self, path: str, **headers: str) -> dict:
        response = await self.get(path, **headers)
        assert response.status == 200, await response.text()
        return await response.json()


def a_call(sid: str = "CA" + "1" * 32, **more: str) -> dict[str, str]:
    call = {"CallSid": sid, "AccountSid": "AC" + "2" * 32, "From": CALLER, "To": "+15005550100"}
    return {**call, "CallStatus": "ringing", "Direction": "inbound", "ApiVersion": "2010-04-01", **more}


def settings_for(folder: Path, *, port: int = 0, public_url: str = "", token: str = "", **changes: object) -> Settings:
    settings = load(environ={"HOLDSVC_PLATFORMS__TWILIO__AUTH_TOKEN": TOKEN})
    service = replace(settings.service, port=port, data_dir=str(folder), public_url=public_url)
    return replace(settings, service=service, api=ApiSettings(token), **changes)


@asynccontextmanager
async def running(
    folder: Path, port: int, *, clock: Clock | None = None, options: app.Options | None = None, **changes: object
) -> AsyncIterator[Service]:
    async with serving(settings_for(folder, port=port, **changes), clock, options) as service:
        yield service


@asynccontextmanager
async def serving(
    settings: Settings, clock: Clock | None = None, options: app.Options | None = None
) -> AsyncIterator[Service]:
    """With settings as they were read; `service.port` must be a free one."""
    options = options or app.Options(ingest=False)
    port = settings.service.port
    application = app.build(settings, clock, options)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    base = f"http://127.0.0.1:{port}"
    try:
        async with bounded(runner), aiohttp.ClientSession() as client:
            yield Service(base, settings.service.public_url or base, application[HOUSE], client)
    finally:
        await runner.cleanup()


async def until(true, seconds: float = 5.0) -> None:
    """Wait for what happens beside us. Other threads get their turn, too: one that spins starves them."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.001)
