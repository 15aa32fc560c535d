"""Few words for much: what is counted together still adds up to what the log has."""

from collections import Counter
from itertools import product

import pytest

from holdsvc.calls.facts import WaitAmended, WaitEnded
from holdsvc.calls.model import CallId, CallRef, Outcome, QueueName
from holdsvc.calls.session import HoldSession
from holdsvc.engine import labels
from holdsvc.engine.metrics import Metrics
from holdsvc.ports import Totals
from tests.engine.test_watching import Clock, samples
from tests.plans import NOON, after

ENDS = (*(one.value for one in Outcome), labels.WAITING)
SUPPORT = QueueName("support")
CALL = HoldSession(CallRef("testphone", CallId("a")), SUPPORT)


@pytest.mark.parametrize(("was", "became"), [*product(ENDS, ENDS)])
def test_a_change_takes_one_from_where_it_was_and_adds_one_where_it_is(was, became):
    net = Counter()
    for left, came in labels.changes(was, became):
        net[left] -= 1
        net[came] += 1

    expected = Counter({became: 1})
    expected[was] -= 1
    assert {word: number for word, number in net.items() if number} == {
        word: number for word, number in expected.items() if number
    }


def test_what_often_happens_is_told_as_it_is():
    for was, became in (("abandoned", "answered"), ("unknown", "answered"), ("short_abandoned", "abandoned")):
        assert list(labels.changes(was, became)) == [(was, became)]
    assert list(labels.changes("failed", "overflowed")) == [("failed", "waiting"), ("waiting", "overflowed")]


def test_ends_as_first_told_and_amendments_are_the_log_whatever_became_of_whatever():
    metrics, log = Metrics("1", Clock()), Counter()
    metrics.start_from(Totals(), tuple, ("support",))

    for was, became in product(Outcome, (*Outcome, None)):
        ended = WaitEnded(at=after(60), queue=SUPPORT, began=NOON, ended=after(60), outcome=was)
        late = WaitAmended(at=after(90), queue=SUPPORT, began=NOON, ended=after(70), was=was, became=became)
        metrics.facts(CALL, [ended, late])
        log[became.value if became else labels.WAITING] += 1

    seen, told = samples(metrics), Counter()
    for outcome in Outcome:
        told[outcome.value] = int(seen["holdsvc_calls_total", *sorted((outcome.value, "support", "testphone"))])
    for family in metrics.registry.collect():
        for sample in family.samples if family.name == "holdsvc_waits_amended" else ():
            told[sample.labels["from"]] -= int(sample.value)
            told[sample.labels["to"]] += int(sample.value)
    assert told == log


def test_amendments_of_the_log_are_folded_as_those_that_come():
    metrics = Metrics("1", Clock())
    metrics.start_from(Totals(amendments={("support", "failed", "overflowed"): 3}), tuple, ("support",))

    seen = samples(metrics)

    assert seen["holdsvc_waits_amended_total", "failed", "support", "waiting"] == 3
    assert seen["holdsvc_waits_amended_total", "overflowed", "support", "waiting"] == 3
    assert ("holdsvc_waits_amended_total", "failed", "overflowed", "support") not in seen


def test_lengths_that_nobody_asks_for_stand_together():
    metrics = Metrics("1", Clock())
    metrics.start_from(Totals(), tuple, ("support",))

    for outcome in Outcome:
        metrics.facts(CALL, [WaitEnded(at=after(9), queue=SUPPORT, began=NOON, ended=after(9), outcome=outcome)])

    counted = {
        sample.labels["outcome"]: sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "holdsvc_wait_seconds_count"
    }
    assert counted == {"answered": 1, "abandoned": 1, "short_abandoned": 1, "unknown": 1, "other": 4}


@pytest.mark.parametrize(
    ("choice", "label"),
    [
        ("music:jazz", "music"),
        ("language:es", "language"),
        ("leave", "leave"),
        ("softer", "softer"),
        ("item:x", "other"),
    ],
)
def test_a_choice_is_told_by_its_entry(choice, label):
    assert labels.entry(choice) == label


def test_a_reason_that_nobody_wrote_down_makes_no_label_of_its_own():
    assert labels.reason("late") == "late"
    assert labels.reason("made up by a stranger") == "other"
