"""Calls that come over AudioSocket: announced through the API beforehand, then sound and keys over TCP, and nothing else.

There are no webhooks and no documents. What the caller's telephone system does next stands in its own dialplan, behind the stream.
The wire is in `wires/audiosocket`.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdsvc.calls.instructions import Instruction
from holdsvc.calls.model import CallRef, ContentId
from holdsvc.errors import Unverified
from holdsvc.platforms.wires.audiosocket import NAME, AudioSocketWire
from holdsvc.ports import Capabilities, Reply, Report, Scene, Verified, WebhookRequest

NOTHING = Reply(b"", "text/plain", 204)


class AudioSocket:
    name = NAME
    can = Capabilities(stream=True, keypad=True)
    steps: frozenset[str] = frozenset()

    def verify(self, request: WebhookRequest) -> Verified:
        raise Unverified("no_webhooks")

    def parse(self, request: Verified) -> Report | None:
        return None

    def render(self, ref: CallRef, todo: Sequence[Instruction], scene: Scene) -> Reply:
        return NOTHING

    def fallback(self, scene: Scene, house: ContentId) -> Reply:
        return NOTHING

    def wire(self) -> AudioSocketWire:
        return AudioSocketWire()
