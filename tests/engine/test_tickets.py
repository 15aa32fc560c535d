"""Whose word it is whether a token is good, where several processes serve and one of them cannot ask the others for a moment."""

from __future__ import annotations

import pytest

from holdsvc.calls.model import CallId, CallRef, QueueName
from holdsvc.engine.tickets import AGAIN, Tickets
from holdsvc.engine.tokens import Tokens
from holdsvc.errors import StoreUnavailable, Unverified
from holdsvc.ports import Ticketed
from tests.engine.far_end import Time

REF, QUEUE = CallRef("acme", CallId("CA1")), QueueName("billing")


class Shelf:
    """What processes share. As often as it is told to it answers nobody: `silent` without having heard, `late` having done it."""

    alone = False

    def __init__(self):
        self.tickets, self.given, self.silent, self.late, self.rests = {}, {}, 0, 0, []

    async def deposit(self, token, ticket, seconds):
        self.tickets[token] = ticket
        return True

    async def redeem(self, token, attempt):
        if self.silent:
            self.silent -= 1
            raise StoreUnavailable("Redis has not answered yet")
        if token not in self.tickets:
            return Ticketed.UNKNOWN
        to, ticket = self.given.setdefault(token, (attempt, self.tickets[token]))
        if self.late:
            self.late -= 1
            raise StoreUnavailable("Redis has not answered yet")
        return ticket if to == attempt else Ticketed.USED

    async def sleep(self, seconds):
        self.rests.append(seconds)


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def two(shelf):
    return [Tickets(Tokens(Time().monotonic), shelf, shelf.sleep) for _ in range(2)]


async def refusal(tickets, token):
    with pytest.raises(Unverified) as refused:
        await tickets.redeem("acme", token)
    return refused.value.reason


async def test_a_token_of_another_process_is_asked_for_again_where_one_answer_did_not_come(two, shelf):
    issuer, other = two
    token = await issuer.issue(REF, QUEUE)
    shelf.silent = 1

    assert (await other.redeem("acme", token)).ref == REF
    assert shelf.rests == [AGAIN]
    assert await refusal(issuer, token) == "token_used"


async def test_a_token_of_which_only_the_answer_came_late_lets_in_who_asked_for_it_and_nobody_else(two, shelf):
    issuer, other = two
    token = await issuer.issue(REF, QUEUE)
    shelf.late = 1

    assert (await other.redeem("acme", token)).ref == REF
    assert shelf.rests == [AGAIN]
    assert [await refusal(one, token) for one in (other, issuer)] == ["token_used", "token_used"]


async def test_what_nobody_can_say_twice_is_refused(two, shelf):
    issuer, other = two
    token = await issuer.issue(REF, QUEUE)
    shelf.silent = 2

    assert await refusal(other, token) == "token_unknown"
    assert shelf.rests == [AGAIN]


async def test_a_token_of_our_own_waits_for_nobody(two, shelf):
    issuer, _ = two
    token = await issuer.issue(REF, QUEUE)
    shelf.silent = 2

    assert (await issuer.redeem("acme", token)).ref == REF
    assert await refusal(issuer, token) == "token_used"
    assert shelf.rests == []


async def test_a_token_that_nobody_issued_is_asked_for_once(two, shelf):
    assert await refusal(two[0], "made up") == "token_unknown"
    assert shelf.rests == []
