from __future__ import annotations

import pytest

from holdsvc.calls.model import CallId, CallRef, QueueName
from holdsvc.engine.tokens import Tokens
from holdsvc.errors import Unverified
from tests.engine.far_end import Time

REF, QUEUE = CallRef("acme", CallId("CA1")), QueueName("billing")


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def tokens(time):
    return Tokens(time.monotonic)


def refusal(tokens: Tokens, platform: str, token: str) -> str:
    with pytest.raises(Unverified) as refused:
        tokens.redeem(platform, token)
    return refused.value.reason


def test_a_token_lets_its_own_call_in_and_knows_its_queue(tokens):
    token = tokens.issue(REF, QUEUE)

    ticket = tokens.redeem("acme", token)

    assert (ticket.ref, ticket.queue) == (REF, QUEUE)
    assert ticket.matches(token)
    assert not ticket.matches(token[:-1])


def test_a_token_is_good_once(tokens):
    token = tokens.issue(REF, QUEUE)
    tokens.redeem("acme", token)

    assert refusal(tokens, "acme", token) == "token_used"


def test_a_token_is_good_for_a_minute(tokens, time):
    early, late = tokens.issue(REF, QUEUE), tokens.issue(REF, QUEUE)

    time.seconds += 59.9
    tokens.redeem("acme", early)
    time.seconds += 0.1

    assert refusal(tokens, "acme", late) == "token_expired"


def test_a_token_of_another_platform_lets_nobody_in_and_is_not_spent(tokens):
    token = tokens.issue(REF, QUEUE)

    assert refusal(tokens, "other", token) == "token_of_another_platform"
    assert tokens.redeem("acme", token).ref == REF


@pytest.mark.parametrize("guess", ["", "x", "a" * 32, "é" * 9, "\udc80", "0" * 5000])
def test_a_guess_is_refused(tokens, guess):
    tokens.issue(REF, QUEUE)

    assert refusal(tokens, "acme", guess) == "token_unknown"


def test_a_token_has_more_chance_in_it_than_can_be_guessed(tokens):
    made = {tokens.issue(REF, QUEUE) for _ in range(1000)}

    assert len(made) == 1000
    assert all(len(token) >= 22 for token in made), "128 bits in base64 are 22 letters"


def test_old_tokens_are_forgotten(tokens, time):
    for _ in range(100):
        tokens.issue(REF, QUEUE)
        time.seconds += 10

    assert len(tokens._issued) <= 13


def test_neither_token_nor_ticket_can_be_read_from_what_is_kept(tokens):
    token = tokens.issue(REF, QUEUE)

    assert token not in repr(tokens.__dict__)
    assert token not in repr(tokens.redeem("acme", token))


def test_a_token_that_was_made_elsewhere_is_good_once_and_for_a_minute_too(tokens, time):
    given = "0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0"
    assert tokens.issue(REF, QUEUE, given) == given

    time.seconds += 50
    tokens.issue(REF, QUEUE, given)
    time.seconds += 50
    ticket = tokens.redeem("acme", given)

    assert ticket.ref == REF
    assert refusal(tokens, "acme", given) == "token_used"
    with pytest.raises(Unverified, match="token_used"):
        tokens.issue(REF, QUEUE, given)
    assert refusal(tokens, "acme", given) == "token_used"
    tokens.issue(REF, QUEUE, "another")
    time.seconds += 61
    assert refusal(tokens, "acme", "another") == "token_expired"


def test_tokens_that_are_renewed_are_forgotten_in_their_turn(tokens, time):
    tokens.issue(REF, QUEUE, "renewed")
    time.seconds += 1
    tokens.issue(REF, QUEUE, "other")
    time.seconds += 50
    tokens.issue(REF, QUEUE, "renewed")
    time.seconds += 75

    tokens.issue(REF, QUEUE)

    assert refusal(tokens, "acme", "other") == "token_unknown"
    assert refusal(tokens, "acme", "renewed") == "token_expired"
