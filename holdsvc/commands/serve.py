"""`holdsvc serve`: the service, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

from aiohttp import web
from msgspec.structs import replace

from holdsvc import app
from holdsvc.config import Settings, load
from holdsvc.engine import trail
from holdsvc.errors import ConfigError
from holdsvc.stores.spool import gather
from holdsvc.web.patience import bounded

KEEP_ALIVE = 75.0  # seconds that an idle connection stays open
YOUNG = 10_000  # new objects between two looks for cycles among them
log = logging.getLogger("holdsvc")

Beside = Callable[
    [str], AbstractAsyncContextManager[None]
]  # entered with our address once we listen, left before we stop


def serve(
    config: Path | None, host: str | None, port: int | None, phone: bool, insecure: bool, workers: int = 1
) -> int:
    settings = listening(load(config), host, port)
    trail.start(settings.log.format, settings.log.level)
    options = app.Options(phone_token=app.new_token() if phone else "", insecure=insecure, fetch=True)

    if workers == 1:
        gather(app.data_folder(settings), 1)
        return one_process(settings, options)
    from holdsvc.commands.workers import supervise  # not everywhere

    return supervise(settings, options, workers, one_process)


def one_process(settings: Settings, options: app.Options) -> int:
    @asynccontextmanager
    async def announced(url: str) -> AsyncIterator[None]:
        if options.first:
            warn(settings)
        log.info("ready", extra={"url": url, **({"worker": options.worker} if options.workers > 1 else {})})
        yield

    return until_stopped(settings, options, announced)


def listening(settings: Settings, host: str | None, port: int | None) -> Settings:
    service = replace(settings.service, host=host or settings.service.host)
    return replace(settings, service=replace(service, port=service.port if port is None else port))


def warn(settings: Settings) -> None:
    """What an operator should know before the first call comes."""
    secret = any(section.get("auth_token") for section in settings.platforms.values())
    if not secret:
        log.warning("no_platform_secret: hooks are answered 403 until one is set")
    elif not settings.service.public_url.startswith("https://"):
        log.warning("no_public_url: signatures cannot be checked as a platform makes them, and no stream is opened")


def until_stopped(settings: Settings, options: app.Options, beside: Beside) -> int:
    """Run until SIGTERM and until what it leaves has been drained, or until SIGINT; 0 when it was stopped in order."""
    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        runner.run(run(settings, options, beside))
    return 0


def fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


class Stop:
    """SIGTERM asks us to finish what is under way; a second one, or Ctrl-C, to end now."""

    def __init__(self) -> None:
        self.asked, self.at_once = asyncio.Event(), asyncio.Event()

    def ask(self) -> None:
        (self.at_once if self.asked.is_set() else self.asked).set()

    def now(self) -> None:
        self.asked.set()
        self.at_once.set()


def make_room() -> None:
    """Each live stream is a descriptor; as many as the system lets us have."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def spare_the_collector() -> None:
    """What was made at the start stays for good and is not looked through again; nearly all else dies without a collector."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])


async def run(settings: Settings, options: app.Options, beside: Beside) -> None:
    make_room()
    stop = Stop()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.ask)
    loop.add_signal_handler(signal.SIGINT, stop.now)
    if options.parent >= 0:
        loop.add_reader(options.parent, stop.now)
    application = app.build(settings, options=options)
    runner = web.AppRunner(application, access_log=None, keepalive_timeout=KEEP_ALIVE, shutdown_timeout=5.0)
    await runner.setup()
    spare_the_collector()
    try:
        async with bounded(runner), beside(await listen(runner, settings, shared=options.workers > 1)):
            await stop.asked.wait()
            await app.drain(application, settings, stop.at_once, partial(hang_up, runner))
        await app.take_leave(application)
    finally:
        await runner.cleanup()


def hang_up(runner: web.AppRunner) -> None:
    """On connections that wait for their next request. Others are closed when theirs has been answered."""
    for connection in runner.server.connections if runner.server is not None else ():
        if (
            getattr(connection, "_waiter", None) is not None
        ):  # aiohttp tells it nowhere else; its own close() leaves it open
            connection.force_close()


async def listen(runner: web.AppRunner, settings: Settings, *, shared: bool = False) -> str:
    """`shared`: other processes listen there as well, and the system hands connections to each in turn."""
    host, port = settings.service.host, settings.service.port
    try:
        site = web.TCPSite(runner, host, port, backlog=1024, reuse_port=shared or None)
        await site.start()
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = "another process listens there; stop it or give another --port" if taken else error.strerror
        raise ConfigError("service.port", f"cannot listen on {host}:{port}: {why}") from error
    return f"http://{host}:{port}"
