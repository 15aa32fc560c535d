"""`python -m tests.chaos [FAULT...] [--short] [--rounds N] [--control] [--rate N]`: a table, a row a fault."""

from __future__ import annotations

import argparse
import asyncio
import sys

import tests.chaos
from tests.chaos import toxic
from tests.chaos.fault import Fault
from tests.chaos.load import RATE
from tests.chaos.registry import FAULTS
from tests.chaos.trial import run
from tests.chaos.verdict import Verdict

COLUMNS = (
    "fault",
    "size",
    "calls",
    "streams",
    "refused",
    "webhooks",
    "not 2xx",
    "lost",
    "doubled",
    "other",
    "silence s",
    "p99 ms",
)
LINE = "{:22} {:>9} {:>7} {:>7} {:>7} {:>8} {:>7} {:>6} {:>7} {:>6} {:>9} {:>7}"


def main() -> int:
    if sys.argv[1:2] == ["toxic"]:  # many small trials on one cluster, with a table of their own
        return toxic.main(sys.argv[2:])
    parser = argparse.ArgumentParser(
        description=tests.chaos.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=f"{', '.join(FAULTS)}; all of them if none is named")
    parser.add_argument("--short", action="store_true", help="less of each, as in CI")
    parser.add_argument("--rounds", type=float, help="how often, or for how many seconds")
    parser.add_argument(
        "--control", action="store_true", help="with the service broken, so that something must be lost"
    )
    parser.add_argument("--rate", type=float, default=RATE, help="calls a second")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    unknown = set(given.faults) - set(FAULTS)
    if unknown:
        parser.error(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
    print(LINE.format(*COLUMNS), flush=True)
    wrong = 0
    for name in given.faults or FAULTS:
        fault = FAULTS[name]
        if given.control and not fault.flaw:
            continue
        size = given.rounds or (fault.short if given.short else fault.long)
        verdict = asyncio.run(run(fault, size=size, control=given.control, rate=given.rate, seed=given.seed))
        print(row(fault, size, verdict, control=given.control), flush=True)
        print("".join(f"    {sentence}\n" for sentence in verdict.sentences), end="", flush=True)
        wrong += (not (verdict.lost or verdict.doubled)) if given.control else not verdict.ok
    return 1 if wrong else 0


def row(fault: Fault, size: float, verdict: Verdict, *, control: bool) -> str:
    return LINE.format(
        f"{fault.name}, {fault.flaw}" if control else fault.name,
        f"{size:g} {fault.unit}",
        verdict.calls,
        verdict.streams,
        verdict.turned_away,
        verdict.webhooks,
        verdict.refused.total(),
        len(verdict.lost),
        len(verdict.doubled),
        len(verdict.other),
        f"{verdict.silence:.1f}",
        f"{1000 * verdict.p99:.0f}",
    )


if __name__ == "__main__":
    sys.exit(main())
