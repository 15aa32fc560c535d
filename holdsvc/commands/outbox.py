"""`holdsvc outbox`: the letters that could not be delivered, beside a live service or without one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from holdsvc import catalogue
from holdsvc.clock import SystemClock
from holdsvc.commands.live import ask
from holdsvc.commands.log import check_kept, there
from holdsvc.config import Settings, is_postgres, load
from holdsvc.engine.letters import Do
from holdsvc.engine.letters import see_to as see_to_them
from holdsvc.errors import ConfigError, InUse
from holdsvc.ports import Outbox
from holdsvc.web.outbox import MOST_SHOWN, Letters, SeenTo, shown

PATH = "/api/v1/outbox"
COLUMNS = ("key", "to", "kind", "call", "tries", "fault", "died")


def show(config: Path | None, form: str) -> int:
    found = asyncio.run(listed(load(config)))
    if form == "json":
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return 0
    rows = [COLUMNS, *(tuple(str(value or "") for value in msgspec.structs.astuple(one)) for one in found.letters)]
    if len(rows) > 1:
        widths = [max(len(row[n]) for row in rows) for n in range(len(COLUMNS))]
        for row in rows:
            print("  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip())
    print(f"{found.dead} dead letters, {found.waiting} still to be delivered")
    return 0


def see_to(config: Path | None, do: str, key: str, to: str) -> int:
    if bool(key) == bool(to):
        raise ConfigError("KEY", "name one letter by its key, or by --to a subscriber whose dead letters are meant")
    number = asyncio.run(seen_to(load(config), Do(do), key, to))
    done = "will be tried again" if do == Do.RETRY else "were taken out"
    print(f"{number} letters {done}")
    return 0 if number else 1


async def listed(settings: Settings) -> Letters:
    async with opened(settings) as box:
        if box is None:
            return msgspec.convert(await ask(settings, "GET", PATH), Letters)
        standing = await box.standing()
        return Letters(standing.waiting, standing.dead, shown(await box.letters(MOST_SHOWN)))


async def seen_to(settings: Settings, do: Do, key: str, to: str) -> int:
    async with opened(settings) as box:
        if box is None:
            wanted = {"do": do.value, "key": key, "to": to}
            return msgspec.convert(await ask(settings, "POST", PATH, wanted), SeenTo).letters
        return await see_to_them(box, do, key, to, SystemClock().now().timestamp())


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Outbox | None]:
    """None where a service has it, which must be asked."""
    check_kept(settings)
    if not is_postgres(catalogue.ledger_url(settings)):
        there(catalogue.database(settings))
    store = catalogue.store(settings)
    try:
        await store.open()
    except InUse:
        yield None
        return
    try:
        yield store.outbox
    finally:
        await store.close()
