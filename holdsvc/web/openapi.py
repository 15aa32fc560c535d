"""The OpenAPI description, made from the table of routes and from the types that they answer with."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec
from aiohttp import web

from holdsvc.web.access import Access, access
from holdsvc.web.answers import Problem
from holdsvc.web.api import ROUTES
from holdsvc.web.house import HOUSE
from holdsvc.web.routes import ApiRoute

Json = dict[str, Any]  # a JSON document: whatever the schema library made
IN_PATH = {"call": "the platform's id of the call"}
LIVE: Json = {
    "operationId": "live",
    "summary": "A music shelf as mp3 without end, for players: this machine and the networks of live.allow need no token",
    "security": [{"token": []}, {}],
    "parameters": [
        {
            "name": "shelf",
            "in": "path",
            "description": "a shelf of music, or `music` for all of them; `.mp3` may stand behind it",
            "required": True,
            "schema": {"type": "string"},
        }
    ],
    "responses": {
        "200": {"description": "it ends when you hang up", "content": {"audio/mpeg": {}}},
        "403": {"description": "not for you: your network is not in live.allow"},
        "404": {"description": "no such shelf; the answer names those that there are"},
        "503": {"description": "all places are taken"},
    },
}


@cache
def description(version: str) -> Json:
    types: list[type] = [Problem, *(route.answer for route in ROUTES), *(route.body for route in ROUTES if route.body)]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    refs = dict(zip(types, schemas, strict=True))
    paths: Json = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = operation(route, refs)
    paths["/audio/live/{shelf}"] = {"get": LIVE}
    described: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "holdsvc",
            "version": version,
            "description": "Calls on hold, the wait log and the content. Bearer token; without one configured, loopback only.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "security": [{"token": []}],
        "components": {"schemas": components, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }
    plain: Json = msgspec.json.decode(msgspec.json.encode(described))  # defaults as JSON has them
    return plain


def operation(route: ApiRoute, refs: dict[type, Json]) -> Json:
    answer, problem = refs[route.answer], refs[Problem]
    in_path = [parameter(name, "path", IN_PATH.get(name, "its id")) for name in re.findall(r"{(\w+)}", route.path)]
    in_query = [parameter(one.name, "query", one.description, one.kind) for one in route.query]
    answers = {"200": said("as asked", answer), "403": {"description": "not for you: a bearer token is needed"}}
    if in_path:
        answers["404"] = said("no such call", problem)
    answers |= {status: said(reason, problem) for status, reason in route.refusals}
    if in_query or route.body:
        answers["400"] = said("the query will not do", problem)
    body = {"requestBody": said("what is wanted", refs[route.body]) | {"required": True}} if route.body else {}
    return {
        **body,
        "operationId": route.handler.__name__,
        "summary": route.summary,
        "parameters": in_path + in_query,
        "responses": answers,
    }


def parameter(name: str, place: str, text: str, kind: str = "string") -> Json:
    return {"name": name, "in": place, "description": text, "required": place == "path", "schema": {"type": kind}}


def said(text: str, schema: Json) -> Json:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


@access(Access.TOKEN)
async def openapi(request: web.Request) -> web.StreamResponse:
    return web.json_response(description(request.app[HOUSE].version))
