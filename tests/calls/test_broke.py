"""A stream that breaks with the process that served it: the caller goes on where the music was by then, and a moment earlier."""

import pytest

from holdsvc.calls.decide import decide
from holdsvc.calls.events import CallArrived, DigitPressed, Heard, HeardUntil, StreamClosed, StreamOpened
from holdsvc.calls.model import ContentId
from holdsvc.calls.plan import Media
from tests.plans import a_plan, a_session, after

PLAN = a_plan(media=Media.STREAM)
WALTZ = ContentId("waltz")


def heard(at, until):
    stretch = HeardUntil(WALTZ, until - 10.0, until)
    return Heard(at=after(at), id=f"s:own#{at}", heard=stretch)


def told(*events):
    session, facts = a_session(), ()
    for event in (CallArrived(at=after(0), id="a"), StreamOpened(at=after(1), id="o"), *events):
        decision = decide(session, event, PLAN)
        session, facts = decision.session, decision.facts
    return session, facts


@pytest.mark.parametrize(
    ("broke", "place"),
    [(21.0, 20.0), (23.0, 20.0), (24.0, 21.0), (31.0, 28.0), (33.5, 20.0), (90.0, 20.0)],
    ids=[
        "at once",
        "within what is heard twice",
        "soon",
        "when the next news was due",
        "later than that",
        "much later",
    ],
)
def test_the_place_moves_on_with_the_time_since_it_was_told_as_long_as_it_can_be_known(broke, place):
    session, facts = told(heard(21.0, 20.0), StreamClosed(at=after(broke), id="c"))

    assert session.now == WALTZ
    assert session.offset(WALTZ) == place
    assert facts == ()  # nothing of it counts as heard


def test_what_we_said_ourselves_at_a_parting_stands():
    for how in ({"moved": True}, {"by_caller": True}):
        session, _ = told(heard(21.0, 20.0), StreamClosed(at=after(29), id="c", **how))

        assert session.offset(WALTZ) == 20.0


def test_a_place_is_never_behind_the_end_of_its_item():
    assert told(heard(130.0, 129.0), StreamClosed(at=after(139), id="c"))[0].offset(WALTZ) == 130.0


def test_what_was_said_before_the_music_went_on_is_no_music():
    session, _ = told(heard(21.0, 20.0), DigitPressed(at=after(22), id="k", digit="#"))
    speaks = (session.talks_until - after(22)).total_seconds()
    place = session.offset(session.now)

    session, _ = told(
        heard(21.0, 20.0), DigitPressed(at=after(22), id="k", digit="#"), StreamClosed(at=after(28), id="c")
    )

    assert speaks > 0
    assert session.offset(session.now) == pytest.approx(place + 28 - 22 - speaks - 2.0)
