"""How a silence came about is told from the caller's side and the machines', in one order."""

import pytest

from tests.chaos.diary import BEFORE, Diary
from tests.chaos.hearing import Hearing
from tests.chaos.load import LONG, TOLD, Load


class Moment:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def moment() -> Moment:
    return Moment()


def test_a_silence_is_told_with_what_was_done_meanwhile_and_nothing_of_another_call(moment):
    diary = Diary(moment)
    for moment.now, call, words in ((1.0, "CA1", "long ago"), (9.5, "CA1", "wait asked"), (11.0, "CA2", "wait asked")):
        diary.note(call, words)
    moment.now = 12.4
    diary.note("CA1", "wait 200 after 2.9 s")

    told = diary.around("CA1", 10.0, 2.5, [(10.0 - BEFORE, "replica0 KILLED"), (12.7, "replica0 READY")])

    assert told == "-3.0 replica0 KILLED, -0.5 wait asked, +2.4 wait 200 after 2.9 s"


def test_the_longest_silence_knows_when_it_began(moment):
    ear = Hearing(moment)
    ear.became("in-progress")
    for moment.now, seconds in ((2.0, 1.0), (7.0, 1.0), (9.0, 1.0)):
        ear.frames(b"\xff" * round(8000 * seconds))

    assert (ear.longest, ear.since) == (4.0, 3.0)


def test_only_the_longest_silences_are_told_the_longest_first():
    load = Load("http://127.0.0.1:1")
    for number, seconds in enumerate((LONG - 0.1, 2.0, 5.0, 3.0, 4.0)):
        load.hearing[f"CA{number}"] = ear = Hearing(lambda: 0.0)
        ear.longest = seconds

    told = load.silences()

    assert [one.split(":")[0] for one in told] == ["5.0 s, CA2", "4.0 s, CA4", "3.0 s, CA3"][:TOLD]
