"""`holdsvc simulate`: callers, agents and a carrier that keeps the truth, against a running or an embedded service."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from msgspec.structs import replace

from holdsvc import app
from holdsvc.commands.serve import listen
from holdsvc.config import LogSettings, Settings, load
from holdsvc.engine import trail
from holdsvc.engine.plans import MenuRules
from holdsvc.errors import ConfigError
from holdsvc.ports import Destination
from holdsvc.simulator.clock import RealClock, SimClock, VirtualClock
from holdsvc.simulator.hooks import Target
from holdsvc.simulator.run import Progress
from holdsvc.simulator.run import simulate as run_simulation
from holdsvc.simulator.verdict import Verdict, report

HOST = "127.0.0.1"
LEAVE = "6"  # in the embedded service some callers leave by choice


def simulate(given: argparse.Namespace) -> int:
    if given.calls < 1:
        raise ConfigError("--calls", "at least one")
    verdict = asyncio.run(against_running(given) if given.url else embedded(given))
    print(report(verdict))
    return 0 if verdict.ok else 1


async def against_running(given: argparse.Namespace) -> Verdict:
    settings = load(given.config)
    section = next(iter(settings.platforms.values()), {})
    token = str(section.get("auth_token", ""))
    target = Target(given.url.rstrip("/"), token, settings.service.public_url, settings.api.token)
    return await traffic(given, target, RealClock())


async def embedded(given: argparse.Namespace) -> Verdict:
    """On a clock that jumps to the next thing that somebody waits for; streams are paced by real time and want a real one."""
    clock: SimClock = VirtualClock() if given.mode == "documents" else RealClock()
    with tempfile.TemporaryDirectory(prefix="holdsvc-simulate-") as folder:
        async with service(settings_for(load(given.config), Path(folder), given.queue), clock) as target:
            return await traffic(given, target, clock)


def settings_for(settings: Settings, folder: Path, queue: str) -> Settings:
    rules = settings.queue(queue)
    leaving = replace(
        rules,
        menu=MenuRules(off=rules.menu.off, leave=LEAVE, words=rules.menu.words),
        hand_over=Destination(enqueue=queue),  # where the carrier's agents take those whom a stream let go
        release_answers=False,
    )
    service = replace(settings.service, host=HOST, port=free_port(), public_url="", data_dir=str(folder))
    queues = {**settings.queues, queue: leaving}
    return replace(
        settings, service=service, platforms={}, directories={}, queues=queues, log=LogSettings(level="error")
    )


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def service(settings: Settings, clock: SimClock) -> AsyncIterator[Target]:
    trail.start("text", settings.log.level)
    token = app.new_token()
    application = app.build(settings, clock, app.Options(phone_token=token, sleep=clock.sleep))
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        yield Target(await listen(runner, settings), token)
    finally:
        await runner.cleanup()


async def traffic(given: argparse.Namespace, target: Target, clock: SimClock) -> Verdict:
    return await run_simulation(
        target,
        calls=given.calls,
        rate=given.rate,
        duplicate=given.duplicate,
        reorder=given.reorder,
        seed=given.seed,
        mode=given.mode,
        queue=given.queue,
        clock=clock,
        speed=given.speed,
        progress=shown if sys.stderr.isatty() else lambda progress: None,
    )


def shown(progress: Progress) -> None:
    done = round(40 * progress.over / progress.calls)
    bar = "#" * done + "." * (40 - done)
    print(f"\r{bar} {progress.over}/{progress.calls} calls over, {progress.seconds:.0f} s", end="", file=sys.stderr)
    if progress.over == progress.calls:
        print(file=sys.stderr)
