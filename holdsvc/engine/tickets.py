"""One-time tokens where several processes serve: whoever has the socket redeems what another one issued.

While the others cannot be asked, each redeems what it issued itself, and issues no more where others might get the socket.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from msgspec import MsgspecError, msgpack

from holdsvc.calls.model import CallRef, QueueName
from holdsvc.engine.tokens import LIFE, Ticket, Tokens, digest_of
from holdsvc.errors import StoreUnavailable, Unverified
from holdsvc.ports import Fellows, Ticketed

AGAIN = 0.3  # seconds until the others are asked again: before, no question would be heard; a platform waits for longer
NAMED = 16  # bytes of an attempt's name
pack = msgpack.Encoder().encode
unpack = msgpack.Decoder(Ticket).decode


class Tickets:
    """`fellows` None: there are none."""

    def __init__(
        self,
        tokens: Tokens,
        fellows: Fellows | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._tokens, self._fellows, self._sleep = tokens, fellows, sleep

    async def issue(self, ref: CallRef, queue: QueueName, token: str = "") -> str:
        """ "" if nobody could be sure to redeem it. Raise `Unverified` if it let somebody in before, wherever."""
        token = self._tokens.issue(ref, queue, token)
        if self._fellows is None:
            return token
        digest = digest_of(token)
        try:
            if not await self._fellows.deposit(digest, pack(Ticket(ref, queue, digest)), LIFE):
                raise Unverified("token_used")
        except StoreUnavailable:
            return token if self._fellows.alone else ""  # good here alone
        return token

    async def redeem(self, platform: str, token: str) -> Ticket:
        """What the token is good for, once. Raise `Unverified` with the reason."""
        if self._fellows is None:
            return self._tokens.redeem(platform, token)
        try:
            found = await self._deposited(self._fellows, digest_of(token))
        except StoreUnavailable:
            return self._tokens.redeem(platform, token)
        if found is Ticketed.USED:
            raise Unverified("token_used")
        if isinstance(found, Ticketed):
            return self._tokens.redeem(platform, token)
        return self._accepted(platform, token, found)

    async def _deposited(self, fellows: Fellows, digest: bytes) -> bytes | Ticketed:
        """Raise `StoreUnavailable` where nobody can say, or we can ourselves."""
        attempt = secrets.token_bytes(NAMED)
        try:
            return await fellows.redeem(digest, attempt)
        except StoreUnavailable:
            if self._tokens.issued(digest):
                raise
        await self._sleep(AGAIN)  # on a busy machine an answer comes late, and the next one does not
        return await fellows.redeem(digest, attempt)

    def _accepted(self, platform: str, token: str, packed: bytes) -> Ticket:
        try:
            ticket = unpack(packed)
        except MsgspecError as error:
            raise Unverified("token_unknown") from error
        if not ticket.matches(token):
            raise Unverified("token_unknown")
        if ticket.ref.platform != platform:
            raise Unverified("token_of_another_platform")
        self._tokens.spend(ticket)
        return ticket
