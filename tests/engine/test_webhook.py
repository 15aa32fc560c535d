"""The way to a subscriber, in the words of Standard Webhooks."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from holdsvc.calls.telling import Effect
from holdsvc.engine.outbound import Answer
from holdsvc.engine.webhook import Webhook, asked_to_stay_away, secret_of, signature
from holdsvc.errors import OutboundFailed
from tests.engine.test_watching import Clock

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EFFECT = Effect(key="e5", to="desk", kind="wait.ended", call="twilio/CA1", line="l", turn=0, body=b'{"a": 1}')


class Desk:
    def __init__(self, status: int, **headers: str) -> None:
        self.answer = Answer(status, headers, b"")
        self.heard: list[tuple[str, Mapping[str, str], bytes]] = []

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, seconds: float) -> Answer:
        self.heard.append((url, headers, body))
        return self.answer


def webhook(desk: Desk, *secrets: bytes) -> Webhook:
    return Webhook("https://desk.example.com/", secrets, desk.post, Clock(), "desk")


def test_a_signature_is_that_of_the_specifications_own_example() -> None:
    secret = secret_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    assert signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}') == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_a_secret_is_base64_behind_its_mark_and_else_as_it_stands() -> None:
    assert secret_of("whsec_" + base64.b64encode(b"x" * 24).decode()) == b"x" * 24
    assert secret_of("x" * 24) == b"x" * 24
    assert secret_of("") == b""


@pytest.mark.parametrize("text", ["brief", "whsec_", "whsec_short!", "whsec_" + base64.b64encode(b"x" * 23).decode()])
def test_a_secret_that_is_none_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"base64|too short") as refused:
        secret_of(text)

    assert text.removeprefix("whsec_") not in str(refused.value) or text == "whsec_"


async def test_without_a_secret_nothing_is_signed_and_all_else_is_the_same() -> None:
    plain, signed = Desk(200), Desk(204)
    await webhook(plain)(EFFECT)
    await webhook(signed, b"x" * 24)(EFFECT)

    (_, bare, body), (_, whole, _) = plain.heard[0], signed.heard[0]
    assert set(whole) - set(bare) == {"webhook-signature"}
    assert body == EFFECT.body
    assert bare["idempotency-key"] == bare["webhook-id"] == "e5"


async def test_while_secrets_are_rotated_it_is_signed_with_both() -> None:
    desk = Desk(200)
    await webhook(desk, b"new" * 8, b"old" * 8)(EFFECT)

    ((_, headers, body),) = desk.heard
    moment = headers["webhook-timestamp"]
    assert headers["webhook-signature"].split() == [
        signature(secret, "e5", moment, body) for secret in (b"new" * 8, b"old" * 8)
    ]


@pytest.mark.parametrize("status", [100, 199, 301, 400, 404, 409, 410, 429, 500, 503])
async def test_what_is_not_2xx_is_a_try_in_vain(status: int) -> None:
    with pytest.raises(OutboundFailed) as failed:
        await webhook(Desk(status))(EFFECT)

    assert failed.value.why == "status"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("99999999999999999999", 999_999_999.0),
        ("Mon, 02 Mar 2026 12:10:00 GMT", 600.0),
        ("Mon, 02 Mar 2026 11:00:00 GMT", 0.0),
        ("Mon, 02 Mar 2026 12:00:30 -0000", 30.0),
        ("Mon, 99 Mar 2026 12:00:30 GMT", 0.0),
        ("²", 0.0),
    ],
)
def test_how_long_we_are_asked_to_stay_away(text: str, seconds: float) -> None:
    assert asked_to_stay_away(text, NOW) == seconds
