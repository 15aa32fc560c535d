"""`python -m tests.faults.dies_at POINT python -m holdsvc serve ...`: the service, killed with -9 by itself at one point on the way
of what it is to tell outside. Sound is not prepared, for nobody listens, and a lease is shorter, so that less has to be waited for.

never       it lives
undecided   the wait's end is about to be committed
committed   it is committed, and nothing has been sent
sent        the other side has taken it, and its answer has not been read
answered    the answer has been read, and is not noted yet
forgetful   as committed, of a service that keeps no letters: the control
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from holdsvc import running
from holdsvc.calls.facts import AnyFact, WaitEnded
from holdsvc.cli import run
from holdsvc.engine import outbox, webhook
from holdsvc.engine.outbound import Outbound
from holdsvc.stores.sqlite_outbox import SqliteOutbox

LEASE, SECONDS = 4.0, 2.0


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def ended(facts: Sequence[AnyFact]) -> bool:
    return any(isinstance(fact, WaitEnded) for fact in facts)


def at_the_end_of_a_wait(name: str) -> None:
    as_it_was = getattr(outbox.Outbox, name)

    def instead(self, session, facts):
        return die() if ended(facts) else as_it_was(self, session, facts)

    setattr(outbox.Outbox, name, instead)


async def unread(self, url, headers, body, *, seconds):
    await POST(self, url, headers, body, seconds=seconds)
    die()


async def unnoted(self, verdicts):
    die()


async def unprepared(*_: object) -> None: ...


POST = Outbound.post


def arm(point: str) -> None:
    match point:
        case "never":
            pass
        case "undecided":
            at_the_end_of_a_wait("causes")
        case "committed":
            at_the_end_of_a_wait("facts")
        case "sent":
            Outbound.post = unread
        case "answered":
            SqliteOutbox.settle = unnoted
        case "forgetful":
            outbox.Outbox.causes = lambda self, session, facts: ()
            at_the_end_of_a_wait("facts")
        case _:
            sys.exit(f"there is no point {point!r}")


if __name__ == "__main__":
    running.prepare_behind = unprepared
    outbox.LEASE, outbox.SECONDS, webhook.SECONDS = LEASE, SECONDS, SECONDS
    arm(sys.argv[1])
    sys.exit(run(sys.argv[5:]))
