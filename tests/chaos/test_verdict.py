"""Each way of losing is told, by hand: a verdict that finds nothing proves nothing."""

from collections import Counter

import pytest

from holdsvc.simulator.findings import Findings
from holdsvc.simulator.hooks import Hook
from holdsvc.simulator.truth import Call
from tests.chaos.hearing import Hearing
from tests.chaos.load import Load
from tests.chaos.verdict import SILENCE, Kept, judge
from tests.plans import NOON


class Board:
    """A carrier that has had one call, which was answered."""

    def __init__(self) -> None:
        self.findings, self.truth, self.hooks = Findings(), self, self
        self.calls = {"CA1": Call("CA1", "+15005550123", NOON, pressed=[("1", True), ("2", False)])}
        self.sent, self.seconds = Counter({"wait": 1, "input": 1, "left": 1}), [0.01]


@pytest.fixture
def load() -> Load:
    one = Load("http://127.0.0.1:1")
    one.carrier = Board()
    for step, fields in (("wait", ()), ("input", (("Digits", "1"),)), ("left", (("QueueResult", "bridged"),))):
        asked = Hook(1, step, "POST", f"https://hold.example.com/hooks/{step}", (("CallSid", "CA1"), *fields))
        one._see(asked)
        one._see(Hook(1, step, "POST", asked.url, asked.fields, answered=True, status=200))
    return one


def kept(**more) -> dict[str, Kept]:
    whole = {"outcomes": ["answered"], "choices": 1, "facts": Counter(WaitBegan=1, WaitEnded=1)}
    return {"CA1": Kept(**whole | more)}


def test_a_call_that_is_kept_as_it_was_is_no_matter(load):
    assert judge(load, kept()).ok


@pytest.mark.parametrize(
    ("log", "lost", "doubled", "other"),
    [
        ({}, ["CA1: its wait", "CA1: 1 of 1 choices"], [], []),
        (kept(outcomes=[None], facts=Counter(WaitBegan=1)), ["CA1: its end", "CA1: the fact of its end"], [], []),
        (kept(facts=Counter(WaitEnded=1)), ["CA1: the fact of its beginning"], [], []),
        (kept(choices=0), ["CA1: 1 of 1 choices"], [], []),
        (kept(outcomes=["answered"] * 2), [], ["CA1: 2 rows"], []),
        (kept(facts=Counter(WaitBegan=1, WaitEnded=2)), [], ["CA1: 2 facts of its end"], []),
        (kept(choices=3), [], ["CA1: 3 choices, 2 keys"], []),
        (
            kept(outcomes=["abandoned"]),
            [],
            [],
            ["CA1: the end was acknowledged as ['answered'], the log says abandoned"],
        ),
    ],
)
def test_what_is_lost_doubled_or_otherwise_is_told(load, log, lost, doubled, other):
    verdict = judge(load, log)

    assert (verdict.lost, verdict.doubled, verdict.other) == (lost, doubled, other)
    assert not verdict.ok


def test_an_answer_that_is_no_answer_and_a_long_silence_are_not_borne(load):
    load._see(Hook(2, "wait", "POST", "https://hold.example.com/", (("CallSid", "CA1"),), answered=True, status=502))
    assert judge(load, kept()).refused == Counter({"wait 502": 1})

    load.refused.clear()
    load.hearing["CA1"] = Hearing(lambda: 0.0)
    load.hearing["CA1"].longest = SILENCE + 0.1
    assert not judge(load, kept()).ok


def test_silence_is_what_lies_between_two_sounds_and_not_what_is_still_being_played():
    moment = [0.0]
    ear = Hearing(lambda: moment[0])
    ear.became("in-progress")

    for at, sound in ((1.0, 8000), (2.0, 32000)):  # a second of it after one of nothing; then four
        moment[0] = at
        ear.frames(b"\xff" * sound)
    assert ear.longest == 1.0
    moment[0] = 9.0
    ear.say("x" * 14)
    assert ear.longest == 3.0
    ear.over(20.0)

    assert ear.longest == pytest.approx(20.0 - 9.0 - 1.4)
