"""One-time tokens: what lets one call, once and soon, bring its media to our socket.

Only digests are kept, so that neither memory nor a log can give a token away.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from hashlib import sha256

from msgspec import Struct

from holdsvc.calls.model import CallRef, QueueName
from holdsvc.errors import Unverified

LIFE = 60.0  # seconds from the document that names it to the handshake; platforms take under 15
BYTES = 24  # of chance in a token: 192 bits


class Ticket(Struct, frozen=True, gc=False):
    """What a token is good for."""

    ref: CallRef
    queue: QueueName
    digest: bytes

    def matches(self, token: str) -> bool:
        return hmac.compare_digest(self.digest, digest_of(token))


class _Issued(Struct, gc=False):
    ticket: Ticket
    until: float


class Tokens:
    def __init__(
        self,
        monotonic: Callable[[], float],
        make: Callable[[], str] = lambda: secrets.token_urlsafe(BYTES),
        life: float = LIFE,
    ) -> None:
        self._monotonic, self._make, self._life = monotonic, make, life
        self._issued: dict[bytes, _Issued | float] = {}  # oldest first; of what was used only until when it was good

    def issue(self, ref: CallRef, queue: QueueName, token: str = "") -> str:
        """`token`: one that was made elsewhere, because the platform's own word for the call must do; its life begins anew.

        Raise `Unverified` if it let somebody in before.
        """
        now = self._monotonic()
        self._forget(now)
        token = token or self._make()
        ticket = Ticket(ref, queue, digest_of(token))
        before = self._issued.pop(ticket.digest, None)
        if isinstance(before, float):
            self._issued[ticket.digest] = before
            raise Unverified("token_used")
        self._issued[ticket.digest] = _Issued(ticket, now + self._life)
        return token

    def redeem(self, platform: str, token: str) -> Ticket:
        """What the token is good for, once. Raise `Unverified` with the reason: unknown, expired, used, or of another platform."""
        now = self._monotonic()
        issued = self._issued.get(digest_of(token))  # found by its digest: how long it takes tells nothing of the token
        if isinstance(issued, float):
            raise Unverified("token_used")
        if issued is None or not issued.ticket.matches(token):
            raise Unverified("token_unknown")
        if now >= issued.until:
            raise Unverified("token_expired")
        if issued.ticket.ref.platform != platform:
            raise Unverified("token_of_another_platform")
        self._issued[issued.ticket.digest] = issued.until
        return issued.ticket

    def issued(self, digest: bytes) -> bool:
        """By us, be it used by now."""
        return digest in self._issued

    def spend(self, ticket: Ticket) -> None:
        """It was redeemed, and another process may have issued it."""
        now = self._monotonic()
        self._forget(now)
        self._issued.pop(ticket.digest, None)
        self._issued[ticket.digest] = now + self._life

    def _forget(self, now: float) -> None:
        """Used and expired tokens are remembered for one more life, so that a refusal can say why."""
        old = []
        for digest, issued in self._issued.items():
            until = issued if isinstance(issued, float) else issued.until
            if now < until + self._life:
                break
            old.append(digest)
        for digest in old:
            del self._issued[digest]


def digest_of(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
