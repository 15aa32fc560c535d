"""`holdsvc demo`: everything embedded, no account, no internet: service, simulated callers, browser phone, wallboard."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from msgspec.structs import replace

from holdsvc import app
from holdsvc.commands.serve import until_stopped
from holdsvc.config import ApiSettings, LogSettings, Settings, StoreSettings, load
from holdsvc.engine import trail
from holdsvc.simulator.run import keep_calling

HOST = "127.0.0.1"
log = logging.getLogger(__name__)


def demo(config: Path | None, port: int, callers: int, keep: Path | None) -> int:
    with tempfile.TemporaryDirectory(prefix="holdsvc-demo-") as scratch:
        settings = alone(load(config), keep or Path(scratch), free_port(port))
        trail.start("text", "warning")
        token = app.new_token()

        @contextlib.asynccontextmanager
        async def crowded(url: str) -> AsyncIterator[None]:
            print(welcome(url, keep), flush=True)
            crowd = asyncio.create_task(come_and_go(url, token, callers))
            try:
                yield
            finally:
                crowd.cancel()
                await asyncio.gather(crowd, return_exceptions=True)

        return until_stopped(settings, app.Options(phone_token=token), crowded)


async def come_and_go(url: str, token: str, callers: int) -> None:
    """So many callers on the line, more or less, as long as the demo lasts. What they find is for `holdsvc simulate` to tell."""
    if callers <= 0:
        return
    try:
        await keep_calling(url, token, callers)
    except Exception:
        log.exception("simulated_callers_gone", extra={"heard": "your own calls go on"})


def alone(settings: Settings, folder: Path, port: int) -> Settings:
    """No directory, no public address, no token: nothing leaves this machine and nobody else gets in. 6 asks for a call-back."""
    service = replace(settings.service, host=HOST, port=port, public_url="", data_dir=str(folder))
    support = settings.queue("support")
    support = replace(support, callback=replace(support.callback, offer=support.menu.leave != support.callback.key))
    return replace(
        settings,
        service=service,
        queues={**settings.queues, "support": support},
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
            except OSError as error:
                why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
                print(f"holdsvc: port {port} {why}, another one is used", file=sys.stderr)
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
