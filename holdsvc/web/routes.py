"""What a route of the API says of itself: the table is made of these, and so is the OpenAPI description."""

from __future__ import annotations

from msgspec import Struct

from holdsvc.web.access import Handler


class Parameter(Struct, frozen=True):
    name: str
    description: str
    kind: str = "string"


class ApiRoute(Struct, frozen=True):
    method: str
    path: str
    handler: Handler
    summary: str
    answer: type[Struct]
    query: tuple[Parameter, ...] = ()
    body: type[Struct] | None = None
    refusals: tuple[tuple[str, str], ...] = ()  # status and reason, beyond what every route may say
