"""`holdsvc demo`: everything embedded, no account, no internet: service, simulated callers, browser phone, wallboard."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import sys
import tempfile
from pathlib import Path

from aiohttp import web
from msgspec.structs import replace

from holdsvc import app
from holdsvc.commands.serve import until_stopped
from holdsvc.config import ApiSettings, LogSettings, Settings, StoreSettings, load
from holdsvc.engine import trail
from holdsvc.simulator.hooks import Target
from holdsvc.simulator.run import simulate

HOST = "127.0.0.1"
STAY = 40.0  # seconds that a simulated caller is on the line, on average
A_WHILE = 200  # calls; then the crowd begins anew


def demo(config: Path | None, port: int, callers: int, keep: Path | None) -> int:
    with tempfile.TemporaryDirectory(prefix="holdsvc-demo-") as scratch:
        settings = alone(load(config), keep or Path(scratch), free_port(port))
        trail.start("text", "warning")
        token = app.new_token()
        crowd: set[asyncio.Task[None]] = set()

        async def started(application: web.Application, url: str) -> None:
            print(welcome(url, keep), flush=True)
            if callers:
                crowd.add(asyncio.create_task(keep_calling(url, token, callers)))

        return until_stopped(settings, app.Options(phone_token=token), started)


async def keep_calling(url: str, token: str, callers: int) -> None:
    """So many callers on the line, more or less, as long as the demo lasts. What they find is for `holdsvc simulate` to tell."""
    while True:
        with contextlib.suppress(OSError):
            await simulate(
                Target(url, token), calls=A_WHILE, rate=callers / STAY, speed=1.0, seed=random.randrange(10**6)
            )
        await asyncio.sleep(1.0)


def alone(settings: Settings, folder: Path, port: int) -> Settings:
    """No directory, no public address, no token: nothing leaves this machine and nobody else gets in."""
    service = replace(settings.service, host=HOST, port=port, public_url="", data_dir=str(folder))
    return replace(
        settings,
        service=service,
        store=StoreSettings(),
        directories={},
        platforms={},
        api=ApiSettings(),
        log=LogSettings(),
    )


def free_port(wanted: int) -> int:
    """The wanted port, or a free one where somebody has it."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                print(f"holdsvc: port {port} is taken, another one is used", file=sys.stderr)
                continue
            return int(probe.getsockname()[1])
    return wanted


def welcome(url: str, keep: Path | None) -> str:
    where = f"The wait log is kept in {keep}." if keep else "Everything is forgotten when you stop it."
    return f"""
holdsvc is running. Nothing leaves this machine. {where}

  Phone       {url}/phone      call, listen, press 1 2 3 5 9 0, hang up, call again
  Wallboard   {url}/wall
  Metrics     {url}/metrics
  API         {url}/api/openapi.json

Stop it with Ctrl-C.
"""
