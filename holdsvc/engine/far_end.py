"""The platform's end of a stream: what its frames mean, and how much is borne of it.

Frames without end or without meaning, silence, a network that takes nothing: any of them is a fault from some point on.
"""

from __future__ import annotations

import logging

from holdsvc.calls.model import CallRef
from holdsvc.engine import limits
from holdsvc.errors import BadWebhook
from holdsvc.ports import Wire, WireEvent

log = logging.getLogger(__name__)


class FarEnd:
    """`fault` says why the stream is to be refused, "" as long as all is well."""

    # fmt: off
    __slots__ = (
        "_allowed", "_allowed_at", "_broken", "_heard_from_at", "_opened_at", "_ref", "_stuck_since", "_wire", "fault",
        "stuck",
    )
    # fmt: on

    def __init__(self, wire: Wire, ref: CallRef, now: float) -> None:
        self._wire, self._ref = wire, ref
        self.fault = ""
        self.stuck = False  # the network takes nothing
        self._stuck_since = 0.0
        self._opened_at = self._heard_from_at = self._allowed_at = now
        self._allowed = float(limits.MOST_FRAMES)
        self._broken = 0

    def read(self, frame: str | bytes, now: float) -> WireEvent | None:
        """What a frame says; None for what does not concern us, or could not be understood."""
        self.heard(1, now)
        if self.fault:
            return None
        try:
            return self._wire.read(frame)
        except BadWebhook as error:
            log.debug("frame_not_understood", extra={"call": self._ref.call, "reason": error.reason})
            self._broken += 1
            if self._broken > limits.MOST_BROKEN:
                self.fault = "broken_frames"
            return None

    def heard(self, frames: float, now: float) -> None:
        """So many frames came, or as many bytes as they have."""
        self._heard_from_at = now
        self._allowed -= frames
        if self._allowed < 0:  # more than was ever allowed; what time has added since we last looked is added now
            allowed = self._allowed + limits.FRAMES_A_SECOND * (now - self._allowed_at)
            self._allowed, self._allowed_at = min(limits.MOST_FRAMES, allowed), now
            if self._allowed < 0:
                self.fault = "too_many_frames"

    def heard_twice(self) -> None:
        """A frame that was counted by its bytes already."""
        self._allowed += 1

    def look(self, now: float, *, begun: bool) -> None:
        """Whether it says anything, and has `begun` in time to say whose stream it is."""
        if not begun and now >= self._opened_at + limits.START_WITHIN:
            self.fault = "no_start"
        elif now >= self._heard_from_at + limits.IDLE:
            self.fault = "idle"

    def takes(self, now: float, *, full: bool) -> bool:
        """Whether what we send is taken. `full`: more waits for the network than its wire allows."""
        if full and not self.stuck:
            self._stuck_since = now
        elif full and now > self._stuck_since + limits.STUCK_FOR:
            self.fault = "takes_nothing"
        self.stuck = full
        return not full
