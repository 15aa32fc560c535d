"""What happens to a call from outside: the caller, an agent or the contact centre does something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from holdsvc.simulator.leg import Leg


class Gone(Exception):
    """The caller hung up."""


class Ended(Exception):
    """A document ended the call."""


class Left(Exception):
    """<Leave> ran."""


class Moved(Exception):
    """The contact centre moved the call to another document over REST."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


class Broken(Exception):
    """There is nothing to go on with: "an application error has occurred"."""


class Taken(Exception):
    """An agent took the caller out of the queue."""

    def __init__(self, taker: Taker) -> None:
        super().__init__(taker.sid)
        self.taker = taker


class Taker(Protocol):
    """An agent, as far as a leg needs one."""

    sid: str
    queue_url: str  # document for the caller before the bridge, or ""

    def bridged(self, leg: Leg) -> None:
        """They talk from now on."""

    def free(self, leg: Leg) -> None:
        """This call needs the agent no longer. Harmless when said twice, or of another call than the agent's."""


class Pressed(Struct, frozen=True):
    digit: str


class Spoke(Struct, frozen=True):
    text: str
    seconds: float = 0.8
    confidence: float | None = 0.9


class AgentLeft(Struct, frozen=True):
    pass


class StreamOver(Struct, frozen=True):
    pass


Signal = Pressed | Spoke | AgentLeft | StreamOver | Gone | Moved | Taken
