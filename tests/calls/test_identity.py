"""How sure we are of who is calling: said by the contact centre for this call alone, and never by the number."""

from __future__ import annotations

import pytest

from holdsvc.calls.briefing import brief
from holdsvc.calls.events import CallerIdentified, CallerKnown
from holdsvc.calls.memory import remember
from holdsvc.calls.model import Contact, Identity, Profile
from tests.calls.test_decide import Call, held
from tests.plans import after

ADA = Contact(name="Ada", account="77", segment="gold")
NONE, NUMBER, VERIFIED = Identity


def known(contact=ADA):
    return CallerKnown(at=after(0), id="known", contact=contact)


def identified(level, account="", seconds=0):
    return CallerIdentified(at=after(seconds), id=f"{level}{seconds}", level=level, account=account)


@pytest.mark.parametrize(
    ("events", "level"),
    [
        ([], NONE),
        ([known()], NUMBER),
        ([known(), identified(VERIFIED)], VERIFIED),
        ([identified(VERIFIED), known()], VERIFIED),
        ([identified(VERIFIED)], NONE),  # nobody knows whom
        ([known(), identified(NUMBER)], NUMBER),
        ([known(), identified(NONE)], NONE),
        ([known(Contact(name="Ada / Bob", ambiguous=True)), identified(VERIFIED)], NONE),
        ([known(), identified(VERIFIED, "77")], VERIFIED),
        ([known(), identified(VERIFIED, "78")], NUMBER),
        ([known(Contact(name="Ada")), identified(VERIFIED, "78")], NUMBER),
        ([known(), identified(VERIFIED), identified(NUMBER, seconds=5)], NUMBER),  # the last word counts
    ],
)
def test_the_level_is_what_was_said_and_no_more_than_the_record_bears(events, level):
    call = Call()
    for event in events:
        call(event)

    assert call.session.identity is level


def test_it_is_said_for_this_call_and_is_not_remembered():
    call = Call()(known())(identified(VERIFIED))(held())

    assert "verified" not in str(remember(Profile(), call.facts)).lower()
    assert Call()(known()).session.identity is NUMBER


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        ([known()], "By the number: Ada, account 77, gold."),
        ([known(), identified(VERIFIED)], "Verified: Ada, account 77, gold."),
        ([known(), identified(VERIFIED, "78")], "By the number: Ada, account 77, gold. Verified for account 78."),
        ([identified(VERIFIED)], "The caller was verified."),
        ([identified(NUMBER), held()], "Waited 0 seconds."),
    ],
)
def test_the_agent_is_told_what_was_verified(events, sentence):
    call = Call()
    for event in events:
        call(event)

    assert brief(call.session, after(0))[0] == sentence


def test_levels_include_those_below():
    assert VERIFIED.reaches(NUMBER)
    assert NUMBER.reaches(NUMBER)
    assert not NUMBER.reaches(VERIFIED)
    assert not NONE.reaches(NUMBER)
