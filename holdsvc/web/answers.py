"""How the API answers, and how it refuses: JSON, and one sentence that says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import NoReturn

import msgspec
from aiohttp import web
from msgspec import Struct


class Problem(Struct, frozen=True):
    error: str


def answer(value: Struct, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json", charset="utf-8"
    )


def refuse(status: HTTPStatus, message: str) -> NoReturn:
    body = msgspec.json.encode(Problem(message)).decode()
    kinds: Mapping[int, type[web.HTTPException]] = {
        404: web.HTTPNotFound,
        400: web.HTTPBadRequest,
        409: web.HTTPConflict,
    }
    raise kinds[status](text=body, content_type="application/json")
