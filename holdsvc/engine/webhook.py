"""The way to a subscriber: one signed POST, as Standard Webhooks has it (standardwebhooks.com, spec 1.0).

`webhook-id` and `Idempotency-Key` are the effect's key and the same in every try; the timestamp is that of the try.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Protocol

from holdsvc.calls.telling import Effect
from holdsvc.clock import Clock
from holdsvc.engine.outbound import Answer
from holdsvc.engine.outbox import SECONDS
from holdsvc.errors import OutboundFailed

LEAST_SECRET = 24  # bytes, by the same specification
MARK = "whsec_"  # before a secret in base64


class Post(Protocol):
    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes, *, seconds: float) -> Answer: ...


class Webhook:
    def __init__(self, url: str, secrets: Sequence[bytes], post: Post, clock: Clock, name: str) -> None:
        """With each secret a signature, so that the other side may know one of them; without any, nothing is signed."""
        self._url, self._secrets, self._post, self._clock, self._name = url, tuple(secrets), post, clock, name

    async def __call__(self, effect: Effect) -> None:
        answer = await self._post(self._url, self.headers(effect), effect.body, seconds=SECONDS)
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            after = asked_to_stay_away(answer.headers.get("retry-after", ""), self._clock.now())
            raise OutboundFailed(f"{self._name} answered HTTP {answer.status}", why="status", after=after)

    def headers(self, effect: Effect) -> dict[str, str]:
        moment = str(int(self._clock.now().timestamp()))
        headers = {
            "content-type": "application/json",
            "idempotency-key": effect.key,
            "webhook-id": effect.key,
            "webhook-timestamp": moment,
        }
        if self._secrets:
            signed = (signature(secret, effect.key, moment, effect.body) for secret in self._secrets)
            headers["webhook-signature"] = " ".join(signed)
        return headers


def signature(secret: bytes, key: str, moment: str, body: bytes) -> str:
    digest = hmac.new(secret, b".".join((key.encode(), moment.encode(), body)), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def secret_of(text: str) -> bytes:
    """Raises ValueError where that is none. Without the mark it is taken as it stands."""
    try:
        secret = base64.b64decode(text.removeprefix(MARK), validate=True) if text.startswith(MARK) else text.encode()
    except binascii.Error as error:
        raise ValueError(f"what stands behind {MARK} is not base64") from error
    if text and len(secret) < LEAST_SECRET:
        raise ValueError(f"it is too short: {LEAST_SECRET} bytes of chance or more")
    return secret


def asked_to_stay_away(text: str, now: datetime) -> float:
    """Seconds, out of `Retry-After`: a number, or a date; 0 for what is neither."""
    if text.strip().isdecimal():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, ((until if until.tzinfo else until.replace(tzinfo=UTC)) - now).total_seconds())
