from __future__ import annotations

from holdsvc.engine import limits
from holdsvc.engine.supply import Supply


def test_more_is_asked_for_once_and_again_only_after_a_while():
    supply = Supply()
    assert supply.may_ask(100.0)

    supply.asked(100.0)
    assert not supply.may_ask(200.0), "an answer is awaited"
    supply.came()

    assert not supply.may_ask(100.5)
    assert supply.may_ask(101.0)


def test_an_answer_is_overdue_when_what_was_left_has_been_heard():
    supply = Supply()
    assert not supply.overdue(1e9), "nothing was asked for"

    supply.asked(100.0)

    assert supply.awaited
    assert not supply.overdue(100.0 + limits.LOOK_AHEAD)
    assert supply.overdue(100.0 + limits.LOOK_AHEAD + limits.PATIENCE)


def test_where_the_sound_was_stopped_the_answer_is_overdue_sooner():
    supply = Supply()

    supply.stopped(100.0)

    assert not supply.overdue(100.0 + limits.PATIENCE / 2)
    assert supply.overdue(100.0 + limits.PATIENCE)
    supply.came()
    assert not supply.awaited
