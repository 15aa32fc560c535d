"""Nothing twice, and everything where it stopped: over calls, weeks and platforms."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from holdsvc.calls.menu import SHIPPED
from holdsvc.calls.model import ContentId, ContentItem, Kind, Licence, PromptId
from holdsvc.calls.plan import Media, offered
from holdsvc.calls.rotation import DAY
from holdsvc.engine.plans import PlanBook, QueueRules
from tests.calls.lines import GRID, QUEUE, SPOKEN, Line, Person, complaints, resumed
from tests.calls.test_quizmaster import SOUND, a_quiz_plan
from tests.plans import NOON, PROMPTS, a_plan

WINDOW = 30 * DAY
REWIND = 5.0


def tune(number, genre):
    seconds = 60.0 + 7.3 * number
    artist = f"artist-{number % 5}"
    return ContentItem(ContentId(f"tune-{number}"), Kind.MUSIC, genre, f"Tune {number}", seconds, artist)


def spoken(name, kind, seconds, order, **more):
    return ContentItem(ContentId(name), kind, "stories", name, seconds, order=order, **more)


FEW = (
    *(tune(number, ("jazz", "folk")[number % 2]) for number in range(6)),
    *(spoken(f"episode-{number}", Kind.PODCAST, 90.0 + number, number) for number in range(3)),
    ContentItem(ContentId("quiet"), Kind.QUIET, "quiet", "Quiet", 60.0),
)
HOUSE = ContentItem(ContentId("house"), Kind.MUSIC, "house", "House", 45.0)
QUIZ = a_quiz_plan()
PLAYED = {"menu": offered(SHIPPED, (*FEW, SOUND)), "house": HOUSE.id, "quiz": QUIZ.quiz, "prompts": QUIZ.prompts}
PAPERS = a_plan(items=(*FEW, SOUND, HOUSE), **PLAYED)
WIRE = replace(PAPERS, media=Media.STREAM)


def ada(**changes):
    return Person("ada", lambda at, live: replace(WIRE if live else PAPERS, **changes))


moves = st.one_of(
    st.tuples(st.just("wait"), st.floats(0.1, 200)),
    st.tuples(st.just("press"), st.sampled_from("112244559999**078#x")),
    st.tuples(st.just("say"), st.sampled_from(["music:jazz", "music:folk", "back", "next", "podcast"])),
)
histories = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.1, 1, 5, 29, 31]), st.lists(moves, max_size=12)), min_size=1, max_size=6
)


def live_through(person, history):
    """Calls on this platform or that, each some days after the one before."""
    at = NOON
    for live, days, moves in history:
        line = Line(person, at, live=live)
        for what, how in moves:
            getattr(line, what)(how)
        line.wait(1.0)
        line.hang_up()
        at = line.now + timedelta(days=days)
    return person


@pytest.mark.parametrize("segment", [10, 60])
@settings(max_examples=150, deadline=None)
@given(history=histories)
def test_whatever_callers_do_nothing_comes_twice_while_something_is_left_and_all_goes_on_where_it_stopped(
    segment, history
):
    person = live_through(ada(segment_seconds=segment), history)

    assert list(complaints(person, WINDOW, REWIND)) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.just("press"), st.sampled_from("078#x01244"), st.floats(0.1, 40)), max_size=20))
def test_what_was_heard_of_a_piece_is_one_stretch_under_any_prompts_and_switches(history):
    person = ada(prompts_per_minute=100)
    line = Line(person, NOON, live=True)
    for _, digit, seconds in history:
        line.press(digit)
        line.wait(seconds)
    line.hang_up()

    pieces: dict[str, list[tuple[float, float]]] = {}
    for one in person.ear:
        if one.item.kind is Kind.MUSIC:
            pieces.setdefault(one.item.id, []).append((one.begin, one.end))
    for item, stretches in pieces.items():
        assert stretches[0][0] == 0, item
        for (_, stopped), (begins, _) in pairwise(stretches):
            assert begins == pytest.approx(stopped, abs=1e-6) or begins == 0, item


@pytest.mark.parametrize("then_live", [False, True], ids=["then documents", "then a stream"])
@pytest.mark.parametrize("first_live", [False, True], ids=["documents", "stream"])
@pytest.mark.parametrize("key", ["1", "2"], ids=["music", "podcast"])
@pytest.mark.parametrize("segment", [10, 60])
def test_who_hangs_up_and_calls_again_elsewhere_goes_on_there(segment, key, first_live, then_live):
    for tenths in range(3, 700, 13):
        person = ada(segment_seconds=segment)
        line = Line(person, NOON, live=first_live)
        line.press(key)
        line.wait(1.5 + tenths / 10)  # the prompt first
        line.hang_up()
        stopped = person.ear[-1]

        Line(person, NOON + timedelta(hours=1), live=then_live).wait(1.0)

        begins = person.ear[-1]
        place = max(0.0, stopped.end - (REWIND if stopped.item.kind in SPOKEN else 0.0))
        assert begins.item == stopped.item
        assert stopped.end == pytest.approx(tenths / 10, abs=1e-6)
        assert begins.begin == pytest.approx(place if then_live else place // GRID * GRID, abs=1e-6)


def test_a_rewind_that_is_longer_than_it_should_be_is_found_out():
    history = [(True, 1, [("press", "2"), ("wait", 60.0)]), (True, 1, [("wait", 5.0)])]

    assert list(complaints(live_through(ada(), history), WINDOW, REWIND)) == []
    (found,) = complaints(live_through(ada(rewind=30.0), history), WINDOW, REWIND)
    assert found == "episode-0 stopped at 59.50 and went on at 29.50"


@pytest.mark.parametrize("live", [False, True], ids=["documents", "stream"])
def test_what_was_sent_and_not_heard_was_not_heard(live):
    person = ada()
    line = Line(person, NOON, live=live)
    line.wait(20.0)
    line.press("2")
    line.wait(1.0)  # in the words before the episode
    line.hang_up()

    assert [content for content, _ in person.profile.plays] == [person.ear[0].item.id]
    assert {one.item.kind for one in person.ear} == {Kind.MUSIC}


def test_a_caller_whose_number_is_withheld_hears_nothing_twice_within_the_call():
    person = ada()
    line = Line(person, NOON, live=False)
    line.session = replace(line.session, caller=None)
    for _ in range(5):
        line.wait(30)
        line.press("9")
    line.wait(5)

    heard = [one.item.id for one in person.ear if one.begin == 0]
    assert len(set(heard)) == len(heard) == 6


# --- a week --------------------------------------------------------------------------------------------------------------

GENRES = ("jazz", "folk", "classical", "ambient", "blues")


class Shelves:
    """Sixty tunes, of which some may be played for a few days only or elsewhere; podcasts; updates that expire."""

    generation = 1
    house = HOUSE

    def __init__(self) -> None:
        tunes = [tune(number, GENRES[number % 5]) for number in range(60)]
        for number in (7, 21, 38):
            licence = Licence("own", "a label", until=date(2026, 3, 2 + number % 5))
            tunes[number] = replace(tunes[number], licence=licence)
        tunes[11] = replace(tunes[11], licence=Licence("own", "a label", territories=("JP",)))
        podcasts = [spoken(f"episode-{n}", Kind.PODCAST, 150.0 + n, n) for n in range(12)]
        noon = datetime.combine(NOON.date(), NOON.timetz())
        updates = [
            spoken(f"update-{n}", Kind.DAILY, 20.0, n, expires=noon + timedelta(hours=12 * n + 6)) for n in range(12)
        ]
        quiet = ContentItem(ContentId("quiet"), Kind.QUIET, "quiet", "Quiet", 60.0)
        self.items = (*tunes, *podcasts, *updates, quiet, HOUSE)

    def quiz(self):
        return {}

    def prompts(self):
        return {"en": {PromptId(name): seconds for name, seconds in PROMPTS.items()}}


class Hand:
    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0


class Week:
    """200 callers with one to ten calls each, on two platforms."""

    def __init__(self, seed: int, fresh_days: float = 30.0, segment: int = 60) -> None:
        self.rng, self.clock = random.Random(seed), Hand()
        rules = {"default": QueueRules(fresh_days=fresh_days, segment_seconds=segment)}
        self.book = PlanBook(Shelves(), rules, streams=True, clock=self.clock, territory="US")
        self.people = [Person(f"caller-{number}", self.plan) for number in range(200)]
        calls = [(self.moment(), person) for person in self.people for _ in range(self.rng.randint(1, 10))]
        self.calls = sorted(calls, key=lambda call: call[0])
        free: dict[str, datetime] = {}
        self.lines: list[Line] = []
        for at, person in self.calls:
            line = Line(person, max(at, free.get(person.name, at)), live=self.rng.random() < 0.5)
            self.live_through(line)
            self.lines.append(line)
            free[person.name] = line.now + timedelta(minutes=1)

    def moment(self) -> datetime:
        return NOON + timedelta(seconds=self.rng.uniform(0, 7 * DAY))

    def plan(self, at: datetime, live: bool):
        self.clock.at = at
        return self.book.plan(QUEUE, stream=live)

    def live_through(self, line: Line) -> None:
        for _ in range(self.rng.randint(0, 5)):
            line.wait(self.rng.expovariate(1 / 40))
            if self.rng.random() < 0.8:
                line.press(self.rng.choice("1122335999*078#"))
            else:
                line.say(self.rng.choice([f"music:{self.rng.choice(GENRES)}", "next", "back"]))
        line.wait(self.rng.expovariate(1 / 30) + 0.5)
        line.hang_up()

    def complaints(self) -> list[str]:
        return [one for person in self.people for one in complaints(person, WINDOW, REWIND)]


@pytest.fixture(scope="module", params=[10, 60])
def week(request):
    return Week(seed=1, segment=request.param)


def test_in_a_week_of_200_callers_nothing_is_repeated(week):
    assert len(week.calls) > 1000
    assert sum(len(person.ear) for person in week.people) > 2000
    assert week.complaints() == []


def test_in_a_week_nothing_is_planned_that_may_not_be_played(week):
    planned = [one for person in week.people for one in person.planned]

    assert any(item.licence.until for _, item in planned)
    assert any(item.expires for _, item in planned)
    for at, item in planned:
        assert item.licence.until is None or at.date() <= item.licence.until, item.id
        assert item.expires is None or at < item.expires, item.id
        assert not item.licence.territories, item.id


def test_in_a_week_everybody_goes_on_where_the_last_call_broke_off(week):
    exact = 0
    for person in week.people:
        for stopped, begins in resumed(person):
            if stopped.choice.partition(":")[0] != begins.choice.partition(":")[0]:
                continue  # what the caller chose last was never heard
            place = max(0.0, stopped.end - (REWIND if stopped.item.kind in SPOKEN else 0.0))
            if not begins.live:
                place = place // GRID * GRID
            assert begins.item == stopped.item, (person.name, stopped, begins)
            assert begins.begin == pytest.approx(place, abs=1e-6)
            exact += 1
    assert exact > 300


def test_a_week_without_the_rule_is_found_out():
    week = Week(seed=1, fresh_days=0.0)

    assert len([one for one in week.complaints() if "came again" in one]) > 50
