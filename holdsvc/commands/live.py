"""The way of a command to the service that runs: its API, where it listens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp

from holdsvc.config import Settings
from holdsvc.errors import OutboundFailed


async def ask(settings: Settings, method: str, path: str, body: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Raises `OutboundFailed`, with a sentence for whoever gave the command. Any: JSON, as the route says."""
    url = f"http://{settings.service.host}:{settings.service.port}{path}"
    headers = {"Authorization": f"Bearer {settings.api.token}"} if settings.api.token else {}
    try:
        async with aiohttp.ClientSession() as client, client.request(method, url, json=body, headers=headers) as answer:
            if answer.status != 200:
                raise OutboundFailed(
                    f"the running service refused ({answer.status}): set HOLDSVC_API__TOKEN as it has it"
                )
            found: dict[str, Any] = await answer.json()
            return found
    except aiohttp.ClientError as error:
        raise OutboundFailed(f"no service answers at {url}: {error}") from error
