from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from holdsvc.simulator.clock import VirtualClock
from holdsvc.simulator.findings import Findings
from holdsvc.simulator.ledger import Listened, Row, Samples
from holdsvc.simulator.truth import End, Truth, Wait
from holdsvc.simulator.verdict import (
    REAL,
    VIRTUAL,
    Verdict,
    compare_choices,
    compare_metrics,
    compare_rejected,
    compare_waits,
    conserved,
    report,
)

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def samples(outcomes=(), amended=(), waiting=0.0, rejected=()) -> Samples:
    return Samples(Counter(dict(outcomes)), Counter(dict(amended)), waiting, Counter(dict(rejected)))


NONE = samples()


def truth_of(end: End, seconds: float, *, prompt: bool = False) -> Truth:
    truth = Truth(VirtualClock(START))
    wait = Wait("support", START, START + timedelta(seconds=seconds), end, prompt)
    truth.arrive("CA1", "+15005550122").waits.append(wait)
    return truth


def row(outcome: str | None, seconds: float | None, queue: str = "support") -> Row:
    ended = START + timedelta(seconds=seconds) if seconds is not None else None
    return Row("CA1", queue, START, seconds, ended, outcome)


@pytest.mark.parametrize(
    ("end", "seconds", "prompt", "logged"),
    [
        (End.ANSWERED, 40.7, True, row("answered", 40.7)),
        (End.ANSWERED, 40.7, False, row("answered", 40.0)),
        (End.HUNG_UP, 4.9, True, row("short_abandoned", 4.9)),
        (End.HUNG_UP, 5.4, False, row("abandoned", 5.0)),
        (End.HUNG_UP, 4.6, False, row("abandoned", 5.0)),  # so near the threshold both are right
        (End.LEFT, 9.0, True, row("left_by_choice", 9.0)),
        (End.SENT_AWAY, 9.0, False, row("callback_taken", 9.0)),
    ],
)
def test_a_log_that_is_right_has_no_difference(end, seconds, prompt, logged):
    assert list(compare_waits(truth_of(end, seconds, prompt=prompt), [logged], VIRTUAL)) == []


@pytest.mark.parametrize(
    ("end", "seconds", "prompt", "logged", "sentence"),
    [
        (End.ANSWERED, 40.7, True, [row("answered", 40.0)], "(exactly; answered)"),
        (End.ANSWERED, 40.7, False, [row("answered", 38.0)], "in whole seconds"),
        (End.HUNG_UP, 40.0, True, [row("answered", 40.0)], "hung up after 40.000 s, the log says answered"),
        (End.HUNG_UP, 4.0, True, [row("abandoned", 4.0)], "the log says abandoned"),
        (End.HUNG_UP, 40.0, True, [row(None, None)], "still open in the log"),
        (End.HUNG_UP, 40.0, True, [], "1 wait happened, 0 rows"),
        (End.HUNG_UP, 40.0, True, [row("abandoned", 40.0)] * 2, "1 wait happened, 2 rows"),
        (End.HUNG_UP, 40.0, True, [row("abandoned", 40.0, "default")], "waited in support, the log says default"),
        (End.LEFT, 40.0, True, [row("unknown", 40.0)], "the log says unknown"),
    ],
)
def test_a_log_that_is_wrong_is_told_in_a_sentence(end, seconds, prompt, logged, sentence):
    found = list(compare_waits(truth_of(end, seconds, prompt=prompt), logged, VIRTUAL))

    assert len(found) == 1
    assert sentence in found[0]


def test_in_real_time_the_log_may_be_off_by_as_much_as_the_service_was_slow():
    truth = truth_of(End.ANSWERED, 40.0, prompt=True)

    assert list(compare_waits(truth, [row("answered", 39.5)], REAL, {"CA1": 0.4})) == []
    assert list(compare_waits(truth, [row("answered", 39.5)], REAL, {"CA2": 0.4})) != []
    assert list(compare_waits(truth, [row("answered", 37.0)], REAL, {"CA1": 3.0})) == []


def test_on_a_stream_the_wish_to_leave_ends_the_wait_however_long_the_good_bye():
    truth = truth_of(End.HUNG_UP, 12.0, prompt=True)
    truth.calls["CA1"].waits[0].keys = [START + timedelta(seconds=second) for second in (9, 11)]

    assert list(compare_waits(truth, [row("left_by_choice", 9.0)], VIRTUAL)) == []
    assert list(compare_waits(truth, [row("abandoned", 12.0)], VIRTUAL)) == []
    assert list(compare_waits(truth, [row("left_by_choice", 5.0)], VIRTUAL)) != []
    assert list(compare_waits(truth, [row("abandoned", 9.0)], VIRTUAL)) != []


def test_a_call_that_never_waited_may_have_no_row():
    truth = Truth(VirtualClock(START))
    truth.arrive("CA1", "+15005550122")

    assert list(compare_waits(truth, [], VIRTUAL)) == []
    assert list(compare_waits(truth, [row("abandoned", 1.0)], VIRTUAL)) != []


def test_totals_and_amendments_together_are_the_log():
    rows = [row("answered", 9.0), row("abandoned", 9.0), row("abandoned", 9.0)]
    totals = samples({"abandoned": 3}, {("abandoned", "answered"): 1})

    assert list(compare_metrics(NONE, totals, rows)) == []
    assert list(compare_metrics(totals, totals, [])) == []
    assert list(compare_metrics(NONE, samples({"abandoned": 3}), rows)) == [
        "/metrics with amendments counts 3 abandoned, the log has 2",
        "/metrics with amendments counts 0 answered, the log has 1",
    ]


def test_what_began_is_what_ended_plus_what_waits():
    now = samples({"answered": 3, "abandoned": 1}, {("abandoned", "answered"): 1}, 2.0)

    assert conserved(NONE, now, 6, 6) is None
    assert conserved(NONE, now, 5, 8) is None
    assert conserved(now, now, 0, 0) is None
    assert conserved(NONE, now, 7, 7) == "offered 7, but ended 4 + waiting 2"


def test_genuine_requests_that_were_not_understood_are_a_difference():
    assert list(compare_rejected(NONE, samples(rejected={"signature": 3}), 3)) == []
    assert list(compare_rejected(NONE, samples(rejected={"signature": 3, "fault": 2}), 3)) == [
        "/metrics counts 5 rejected webhooks (fault 2, signature 3), 3 were forged"
    ]


def test_keys_that_change_nothing_are_a_difference_once_there_are_enough_of_them():
    truth = Truth(VirtualClock(START))
    call = truth.arrive("CA1", "+15005550122")

    call.changed = [False] * 19
    few = list(compare_choices(truth))
    call.changed = [False] * 30 + [True] * 5
    many = list(compare_choices(truth))

    assert few == []
    assert many == ["of 35 keys and words only 5 changed what was heard"]


def test_content_that_nobody_heard_is_a_difference():
    truth = truth_of(End.ANSWERED, 40.0, prompt=True)
    truth.calls["CA1"].heard["https://a.example/1.wav"] = 38.0

    said = [replace(row("answered", 40.0), listened=(Listened(seconds),)) for seconds in (41.5, 44.0)]

    assert list(compare_waits(truth, said[:1], VIRTUAL)) == []
    assert list(compare_waits(truth, said[1:], VIRTUAL)) == [
        "CA1: heard 38.0 s of sound, the log says 44.0 s of content"
    ]


def test_a_report_names_differences_and_findings_and_does_not_drown_in_them():
    findings = Findings()
    for call in ("CA1", "CA2"):
        findings.add("spin", "a document took no time", call=call, url="http://127.0.0.1/hooks/twilio/wait?queue=q")
    differences = tuple(f"CA{number}: wrong" for number in range(30))
    verdict = Verdict(30, 30, {"answered": 30}, 30, 0, differences, findings.all(), {"hooks": 61.0})

    told = report(verdict)

    assert "finding: a document took no time (2 times, first in CA1 http://127.0.0.1/hooks/twilio/wait)" in told
    assert "difference: CA19: wrong" in told
    assert "CA20" not in told
    assert "... and 10 more" in told
    assert told.endswith("verdict: 31 differences")
