"""A hold in mid-call: an agent puts the caller aside, as in a conference, and comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdsvc.simulator.signals import AgentLeft, Taker
from holdsvc.simulator.truth import End

if TYPE_CHECKING:
    from holdsvc.simulator.leg import Leg


def put_aside(leg: Leg) -> None:
    """The call was moved. It is on hold if an agent did so who is to come back."""
    if leg.holder is not None:
        leg.board.truth.hold(leg.call, leg.queue_name, aside=True)
        leg.board.conference(leg, "participant-hold")


async def talk_on(leg: Leg, taker: Taker) -> None:
    """The agent is back."""
    leg.holder = None
    told = leg.board.conference(leg, "participant-unhold")
    leg.board.truth.release(leg.call, End.ANSWERED, prompt=told)
    try:
        taker.bridged(leg)
        await leg.listen(None, AgentLeft)
    finally:
        taker.free(leg)
