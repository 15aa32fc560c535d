"""Listeners that count who connects, a resolver that answers as it is told, and a server that may be reached."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

ALLOWED = "127.0.0.2"  # the one address that tests allow; everything else on this machine is a canary's
Answers = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Canary:
    """On one port of every address of this machine."""

    def __init__(self) -> None:
        self.port, self.sung = 0, 0
        self._servers: list[asyncio.Server] = []

    def sing(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sung += 1
        writer.close()

    async def open(self) -> None:
        first = await asyncio.start_server(self.sing, "0.0.0.0")
        self.port = first.sockets[0].getsockname()[1]
        six = socket.socket(socket.AF_INET6)
        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        six.bind(("::", self.port))
        self._servers = [first, await asyncio.start_server(self.sing, sock=six)]

    async def close(self) -> None:
        for server in self._servers:
            server.close()


class Names(AbstractResolver):
    """Each name has its list of answers, each a list of addresses; the last answer is given again and again."""

    def __init__(self, **names: list[list[str]]) -> None:
        self.names = {name.replace("_", "."): answers for name, answers in names.items()}
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        answers = self.names.get(host)
        if not answers:
            raise OSError(f"no such name: {host}")
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        pass


class Honest:
    """A server at the allowed address; what it answers is in the test's hand, path by path."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[web.Request] = []
        self.paths: dict[str, Answers] = {}

    def url(self, path: str = "/") -> str:
        return f"http://{ALLOWED}:{self.port}{path}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        answers = self.paths.get(request.path)
        return await answers(request) if answers else web.Response(body=b"hello")

    def redirect(self, path: str, to: str, status: int = 302) -> None:
        async def away(request: web.Request) -> web.Response:
            return web.Response(status=status, headers={"location": to})

        self.paths[path] = away

    def body(self, path: str, body: bytes, status: int = 200, **headers: str) -> None:
        async def give(request: web.Request) -> web.Response:
            told = {name.replace("_", "-"): value for name, value in headers.items()}
            return web.Response(status=status, body=body, headers=told)

        self.paths[path] = give


@asynccontextmanager
async def honest() -> AsyncIterator[Honest]:
    server = Honest()
    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", server.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, ALLOWED, 0).start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()
