"""`python -m tests.chaos [FAULT...] [--short] [--rounds N] [--control | --both] [--rate N]`: a table, a row a fault."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial

import uvloop

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
    "calls/s",
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
    "slowest s",
    "test late s",
    "took s",
)
Trial = Callable[[argparse.Namespace], bool]
LINE = "{:32} {:>9} {:>7} {:>6} {:>7} {:>7} {:>8} {:>7} {:>5} {:>7} {:>5} {:>9} {:>6} {:>9} {:>11} {:>6}"


def main() -> int:
    if sys.argv[1:2] == ["toxic"]:  # many small trials on one cluster, with a table of their own
        return toxic.main(sys.argv[2:])
    parser = argparse.ArgumentParser(
        description=tests.chaos.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=f"{', '.join(FAULTS)}; all of them if none is named")
    parser.add_argument("--short", action="store_true", help="less of each, as in CI")
    parser.add_argument("--rounds", type=float, help="how often, or for how many seconds")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--control", action="store_true", help="with the service broken, so that something must be lost")
    which.add_argument("--both", action="store_true", help="all faults, and behind them the control of each, short")
    parser.add_argument("--rate", type=float, default=RATE, help="calls a second")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    unknown = set(given.faults) - set(FAULTS)
    if unknown:
        parser.error(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
    faults = [FAULTS[name] for name in given.faults or FAULTS]
    print(LINE.format(*COLUMNS), flush=True)
    trials: list[tuple[str, Trial]] = [] if given.control else [(one.name, partial(held, one)) for one in faults]
    if given.control or given.both:
        trials += [(f"control of {one.name}", partial(bites, one)) for one in faults if one.flaw]
    amiss = [name for name, trial in trials if not carried_out(name, trial, given)]
    print(f"not as it should be: {', '.join(amiss)}" if amiss else "all as it should be", flush=True)
    return 1 if amiss else 0


def carried_out(name: str, trial: Trial, given: argparse.Namespace) -> bool:
    """One that breaks off counts as amiss, and the others have their turn all the same."""
    try:
        return trial(given)
    except Exception:
        print(f"{name} broke off:\n{traceback.format_exc()}", flush=True)
        return False


def held(fault: Fault, given: argparse.Namespace) -> bool:
    size = given.rounds or (fault.short if given.short else fault.long)
    return tried(fault, size, given, control=False).ok


def bites(fault: Fault, given: argparse.Namespace) -> bool:
    """Broken in its way, something is lost: else the test proves nothing."""
    size = fault.short if given.short or given.both else (given.rounds or fault.long)
    verdict = tried(fault, size, given, control=True)
    return bool(verdict.lost or verdict.doubled)


def tried(fault: Fault, size: float, given: argparse.Namespace, *, control: bool) -> Verdict:
    began = time.monotonic()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # it leaves more of the machine to the service
        verdict = runner.run(run(fault, size=size, control=control, rate=given.rate, seed=given.seed))
    took = time.monotonic() - began
    print(row(fault, size, verdict, control=control, rate=given.rate, took=took), flush=True)
    print("".join(f"    {sentence}\n" for sentence in verdict.sentences), end="", flush=True)
    return verdict


def row(fault: Fault, size: float, verdict: Verdict, *, control: bool, rate: float, took: float) -> str:
    return LINE.format(
        f"{fault.name}, {fault.flaw}" if control else fault.name,
        f"{size:g} {fault.unit}",
        f"{rate:g}",
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
        f"{verdict.slowest:.1f}",
        f"{verdict.late:.1f}",
        f"{took:.0f}",
    )


if __name__ == "__main__":
    sys.exit(main())
