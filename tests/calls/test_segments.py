"""However long a document's sound may be: all is heard once and in one piece, and nothing more is said than else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from holdsvc.calls.instructions import Play, Say
from holdsvc.calls.model import PromptId
from holdsvc.calls.plan import Notice
from holdsvc.engine.plans import SEGMENTS
from tests.calls.lines import GRID, Line, Person
from tests.plans import NOON, PROMPTS, a_plan

STORM = Notice("n1", PromptId("notice_storm"))
SPOKEN = {"en": {**PROMPTS, "notice_storm": 3.0}}


class Sheets(Line):
    """A line that keeps its documents."""

    def __init__(self, person, at):
        self.sheets = []
        super().__init__(person, at, live=False)

    def _perform(self, instructions, plan):
        self.sheets.append((self.now, instructions))
        super()._perform(instructions, plan)

    def said(self):
        return [prompt for _, turn in self.sheets for one in turn if isinstance(one, Say) for prompt in one.prompts]


def sheets(segment, seconds=600.0):
    line = Sheets(Person("ada", lambda at, live: a_plan(segment_seconds=segment)), NOON)
    line.wait(seconds)
    return line


@pytest.mark.parametrize("segment", SEGMENTS)
def test_each_stretch_begins_on_the_grid_and_is_no_longer_than_the_queue_says(segment):
    turns = [[one for one in turn if isinstance(one, Play)] for _, turn in sheets(segment).sheets]

    for plays in turns:
        assert plays[0].from_second % GRID == 0
        assert 0 < plays[-1].until_second - plays[0].from_second <= segment
    assert any(plays[-1].until_second - plays[0].from_second == segment for plays in turns)


@pytest.mark.parametrize("segment", SEGMENTS)
def test_what_is_heard_is_the_same_to_the_second_however_it_is_cut(segment):
    heard, usual = (
        [(one.item.id, one.begin, one.end) for one in sheets(length).person.ear[:4]] for length in (segment, 60)
    )

    assert heard == usual


@pytest.mark.parametrize("segment", SEGMENTS)
def test_short_documents_say_no_more_of_their_own_accord(segment):
    assert sheets(segment).said() == sheets(60).said()


@pytest.mark.parametrize("segment", SEGMENTS)
def test_a_word_from_the_floor_is_heard_when_the_present_piece_is_over_at_the_latest(segment):
    quiet = a_plan(segment_seconds=segment, prompts=SPOKEN)
    for tenths in range(1, 1200, 37):
        plan = [quiet]
        line = Sheets(Person("ada", lambda at, live, plan=plan: plan[0]), NOON)
        line.wait(60.0 + tenths / 10)
        plan[0] = replace(quiet, notice=STORM)
        posted = line.now

        line.wait(segment + 0.1)

        begins = [at for at, turn in line.sheets if isinstance(turn[0], Say) and "notice_storm" in turn[0].prompts]
        assert len(begins) == 1
        assert begins[0] - posted <= timedelta(seconds=segment)
