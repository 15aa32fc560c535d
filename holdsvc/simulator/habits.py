"""How the people of a simulation behave, in seconds and shares. Shorter lives for runs in real time."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

FEW = 12  # calls for each agent at least: a short simulation has waits too


class Habits(Struct, frozen=True):
    patience: float = 60.0  # mean seconds until a caller hangs up; exponential
    fiddle: float = 12.0  # mean seconds between two things that a caller keys or says
    talk: float = 90.0  # mean seconds with the agent
    words_in_talk: bool = False  # what the service says before the bridge is a part of them
    wrap: float = 10.0  # mean seconds an agent needs after a talk
    hold: float = 15.0  # mean seconds of a hold in mid-call
    rings: tuple[float, float] = (1.0, 4.0)  # seconds an agent's phone rings, least and most
    late: float = 20.0  # longest delay of a webhook in seconds
    staffed: float = 0.6  # agents, as a share of what all callers together would need
    holds: float = 0.05  # share of talks with a hold in them
    transfers: float = 0.0  # share of talks at whose end the agent sends the caller into another queue
    wordless: float = 0.2  # share of agents who take a caller with no document: the service learns it after the talk
    withheld: float = 0.06  # share of callers who hide their number
    known: float = 0.4  # share of callers who have called before

    def faster(self, speed: float) -> Habits:
        """The same people in less time. Shares stay."""
        return replace(
            self,
            patience=self.patience / speed,
            fiddle=self.fiddle / speed,
            talk=self.talk / speed,
            wrap=self.wrap / speed,
            hold=self.hold / speed,
            rings=(self.rings[0] / speed, self.rings[1] / speed),
            late=self.late / speed,
        )

    def agents(self, rate: float, calls: int) -> int:
        """How many it takes, for so many calls a second and in all, to leave some callers without one."""
        return max(1, min(calls // FEW, round(self.staffed * rate * (self.talk + self.wrap))))
