"""A service reduced to its store: saves calls one after the other, and says so on its standard output after each.

`python -m tests.stores.child FILE CALLS PREFIX LANES SYNCHRONOUS`
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from holdsvc.stores.sqlite import SqliteStore
from tests.stores.calls import decided, new, one_call, ref


def command(path: Path, calls: int, prefix: str, lanes: int = 4, synchronous: str = "FULL") -> list[str]:
    return [sys.executable, "-m", "tests.stores.child", str(path), str(calls), prefix, str(lanes), synchronous]


async def serve(path: Path, calls: int, prefix: str, lanes: int, synchronous: str) -> None:
    store = SqliteStore(path, synchronous=synchronous)
    await store.open()
    os.write(1, b"ready\n")
    await asyncio.gather(*(line(store, f"{prefix}{n}", calls) for n in range(lanes)))
    await store.close()


async def line(store: SqliteStore, prefix: str, calls: int) -> None:
    for n in range(calls):
        name = f"{prefix}-{n}"
        session = await store.load(ref(name)) or new(name)
        for event in one_call(f"caller{n % 5}"):
            decision = decided(session, event)
            await store.save(decision.session, decision.facts)
            session = decision.session
            os.write(1, f"ack {name} {session.version} {len(decision.facts)}\n".encode())


if __name__ == "__main__":
    file, many, name, side_by_side, how = sys.argv[1:]
    asyncio.run(serve(Path(file), int(many), name, int(side_by_side), how))
