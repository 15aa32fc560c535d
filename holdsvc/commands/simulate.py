"""`holdsvc simulate`: callers, agents and a carrier that keeps the truth, against a running or an embedded service."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TextIO

import aiohttp
from aiohttp import web
from msgspec.structs import replace

from holdsvc import app, catalogue
from holdsvc.commands import queues
from holdsvc.commands.serve import listen
from holdsvc.config import LogSettings, Settings, StoreSettings, load
from holdsvc.engine import trail
from holdsvc.engine.plans import MenuRules
from holdsvc.errors import ConfigError
from holdsvc.ports import Destination
from holdsvc.reports.erlang import Impatient, erlang_a
from holdsvc.simulator.clock import RealClock, SimClock, VirtualClock
from holdsvc.simulator.habits import Habits
from holdsvc.simulator.hooks import Target
from holdsvc.simulator.run import simulate as run_simulation
from holdsvc.simulator.staffing import Measured, Staffing
from holdsvc.simulator.verdict import Verdict, report
from holdsvc.simulator.view import Progress, line, picture
from holdsvc.stores.backup import backup

HOST = "127.0.0.1"
USUAL = "support"  # where callers go if nobody says where
LEAVE = "6"  # in the embedded service some callers leave by choice
MOST = 1e9  # of anything that a word of the command counts
SOON = aiohttp.ClientTimeout(total=5.0)
PLAIN_EVERY = 10.0  # seconds between two lines where nothing can be drawn over


def simulate(given: argparse.Namespace) -> int:
    if given.calls < 1:
        raise ConfigError("--calls", "at least one")
    if given.speed is not None and not 0 < given.speed < MOST:
        raise ConfigError("--speed", "above 0: 2 is twice as fast as in life")
    plan, record = staffing(given), log_file(given)
    verdict = asyncio.run(against_running(given, plan) if given.url else embedded(given, plan, record))
    print(report(verdict))
    if plan and verdict.measured:
        print(compared(verdict.measured, expected(plan.faster(verdict.speed))))
    if record:
        print(f"the wait log is in {record}; to look at it: HOLDSVC_SERVICE__DATA_DIR={record.parent} holdsvc report")
    return 0 if verdict.ok else 1


def staffing(given: argparse.Namespace) -> Staffing | None:
    """Traffic by the textbook, where it was asked for: all four, or none."""
    names = ("agents", "arrivals", "handling", "patience")
    values = [getattr(given, name) for name in names]
    if all(value is None for value in values):
        return None
    for name, value in zip(names, values, strict=True):
        if value is None or not 0 < value < MOST:
            raise ConfigError(
                f"--{name}", "is needed beside the others of agents, arrivals, handling and patience: above 0"
            )
    if given.rate is not None:
        raise ConfigError("--rate", "goes without --arrivals: both say how often calls come")
    return Staffing(*values)


def log_file(given: argparse.Namespace) -> Path | None:
    if given.record is None:
        return None
    if given.url:
        raise ConfigError(
            "--record", "keeps the log of an embedded service; a running one keeps its own (holdsvc backup)"
        )
    target = Path(given.record) / "holdsvc.sqlite3"
    if target.exists():
        raise ConfigError("--record", f"{target} exists already, and nothing is written over")
    try:  # before the run, which may be long
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError("--record", f"{target.parent} cannot be made: {error.strerror}") from error
    return target


def expected(plan: Staffing) -> Impatient:
    """Per second, as Erlang A has it."""
    return erlang_a(plan.rate, 1 / plan.handling, 1 / plan.patience, plan.agents)


def compared(found: Measured, model: Impatient) -> str:
    rows = (
        ("abandoned", 100 * found.abandoned, 100 * found.abandoned_error, 100 * model.abandoned, "%"),
        ("mean wait", found.mean_wait, found.mean_wait_error, model.mean_wait, "s"),
        ("agents busy", 100 * found.busy, 100 * found.busy_error, 100 * model.occupancy, "%"),
    )
    lines = [
        f"  {name:<12} {value:7.2f} ± {error:.2f} {unit:<2} Erlang A: {theory:7.2f} {unit}"
        for name, value, error, theory, unit in rows
    ]
    return "\n".join([f"measured over {found.waits} waits (± one standard error):", *lines])


async def against_running(given: argparse.Namespace, plan: Staffing | None) -> Verdict:
    settings = load(given.config)
    section = next(iter(settings.platforms.values()), {})
    token = str(section.get("auth_token", ""))
    target = Target(given.url.rstrip("/"), token, settings.service.public_url, settings.api.token)
    listed = chosen(given.queue, await queues_there(target))
    return await traffic(given, listed, plan, target, RealClock())


async def embedded(given: argparse.Namespace, plan: Staffing | None, record: Path | None) -> Verdict:
    """On a clock that jumps to the next thing that somebody waits for; streams are paced by real time and want a real one."""
    clock: SimClock = VirtualClock() if given.mode == "documents" else RealClock()
    with tempfile.TemporaryDirectory(prefix="holdsvc-simulate-") as folder:
        settings = load(given.config)
        listed = chosen(given.queue, queues.configured(settings))
        settings = settings_for(settings, Path(folder), listed)
        async with service(settings, clock) as target:
            verdict = await traffic(given, listed, plan, target, clock)
        if record:
            backup(catalogue.database(settings), record)
        return verdict


def chosen(named: str | None, there: Sequence[str] | None) -> str:
    """The queues that were named, each looked for; where none was, the usual one, else the first that there is. `there` is None
    where nobody says which there are."""
    if named is None:
        own = [name for name in there if name != "default"] if there is not None else [USUAL]
        return USUAL if USUAL in own else next(iter(own), "default")
    wanted = names(named)
    if not wanted:
        raise ConfigError("--queue", "names none: one, or several with commas between them")
    if there is not None:
        queues.check("--queue", wanted, there)
    return ",".join(wanted)


def names(listed: str) -> list[str]:
    return [name for one in listed.split(",") if (name := one.strip())]


async def queues_there(target: Target) -> list[str] | None:
    """Which queues a running service has; None if it does not say."""
    headers = {"Authorization": f"Bearer {target.api_token}"} if target.api_token else {}
    url = f"{target.base}/api/v1/queues"
    try:
        async with aiohttp.ClientSession(timeout=SOON) as client, client.get(url, headers=headers) as answer:
            if answer.status != HTTPStatus.OK:
                return None
            return [str(one["queue"]) for one in (await answer.json())["queues"]]
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError):
        return None


def settings_for(settings: Settings, folder: Path, listed: str) -> Settings:
    rules_of = dict(settings.queues)
    for name in names(listed):
        rules = settings.queue(name)
        rules_of[name] = replace(
            rules,
            menu=MenuRules(off=rules.menu.off, leave=LEAVE, words=rules.menu.words),
            hand_over=Destination(enqueue=name),  # where the carrier's agents take those whom a stream let go
            release_answers=False,
        )
    service = replace(settings.service, host=HOST, port=free_port(), public_url="", data_dir=str(folder))
    return replace(
        settings,
        service=service,
        store=StoreSettings(),
        platforms={},
        directories={},
        queues=rules_of,
        log=LogSettings(level="error"),
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


async def traffic(
    given: argparse.Namespace, listed: str, plan: Staffing | None, target: Target, clock: SimClock
) -> Verdict:
    return await run_simulation(
        target,
        calls=given.calls,
        rate=given.rate,
        duplicate=given.duplicate,
        reorder=given.reorder,
        seed=given.seed,
        mode=given.mode,
        queue=listed,
        clock=clock,
        speed=given.speed,
        habits=Habits(transfers=given.transfers),
        staffing=plan,
        progress=Screen(sys.stderr).show,
    )


class Screen:
    """Draws over what it drew before; where the stream is no terminal it writes a line now and then."""

    def __init__(self, stream: TextIO, now: Callable[[], float] | None = None) -> None:
        self._stream, self._now = stream, now or RealClock().monotonic
        self._drawn = 0  # lines
        self._written = -PLAIN_EVERY
        self._signs = "utf" in (stream.encoding or "").lower()

    def show(self, progress: Progress) -> None:
        if self._stream.isatty():
            self._draw(picture(progress, signs=self._signs))
        elif progress.over == progress.calls or self._now() - self._written >= PLAIN_EVERY:
            self._written = self._now()
            print(line(progress), file=self._stream, flush=True)

    def _draw(self, lines: list[str]) -> None:
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._stream.write(up + "".join(f"\x1b[2K{one}\n" for one in lines))
        self._stream.flush()
        self._drawn = len(lines)
