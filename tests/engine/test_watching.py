"""What is made of facts: metrics, the roster, the log; and the addresses of sound."""

import json
import logging
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from holdsvc.calls.decide import decide
from holdsvc.calls.estimate import Expected, Ground
from holdsvc.calls.events import AgentAnswered, CallerHungUp, CallHeld, DigitPressed, HeardUntil
from holdsvc.calls.model import CallId, CallRef, QueueName
from holdsvc.calls.service_level import Target
from holdsvc.engine import trail
from holdsvc.engine.links import SignedLinks
from holdsvc.engine.metrics import Metrics
from holdsvc.engine.roster import Roster
from holdsvc.ports import Ended, Totals
from tests.plans import NOON, a_plan, a_session, after


class Clock:
    at = after(100)

    def now(self):
        return self.at

    def monotonic(self):
        return 0.0


def call(name, *events, queue="support"):
    """A session and its facts after these events."""
    session, told = replace(a_session(), ref=CallRef("testphone", CallId(name)), queue=QueueName(queue)), []
    for event in (CallHeld(at=NOON, id="held", began=NOON), *events):
        decision = decide(session, event, a_plan())
        session, told = decision.session, [*told, *decision.facts]
    return session, told


def hung_up(seconds):
    return CallerHungUp(at=after(seconds), id=f"h{seconds}")


def answered(seconds):
    return AgentAnswered(at=after(seconds), id=f"x{seconds}")


HOUR = int(NOON.timestamp() // 3600)


def samples(metrics):
    found = {}
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        for sample in family.samples:
            found[(sample.name, *sorted(sample.labels.values()))] = sample.value
    return found


def test_metrics_count_waits_choices_and_content_from_facts():
    metrics = Metrics("1", Clock())
    metrics.start_from(Totals(), tuple, ("support", "default"))
    heard = DigitPressed(at=after(20), id="k", digit="2", heard=HeardUntil("waltz", 0, 15))

    metrics.facts(*call("a", heard, hung_up(40)))

    seen = samples(metrics)
    assert seen["holdsvc_calls_total", "abandoned", "support", "testphone"] == 1
    assert seen["holdsvc_choices_total", "default", "music", "support"] == 1
    assert seen["holdsvc_choices_total", "key", "podcast", "support"] == 1
    assert seen["holdsvc_content_seconds_total", "music", "support"] == 15
    assert seen["holdsvc_wait_seconds_bucket", "45.0", "abandoned", "support"] == 1
    assert seen["holdsvc_wait_seconds_bucket", "30.0", "abandoned", "support"] == 0


def test_totals_of_the_log_are_where_metrics_start_from():
    metrics = Metrics("1", Clock())
    totals = Totals(
        ended={("testphone", "support", "abandoned"): 7},
        amendments={("support", "abandoned", "answered"): 2},
        choices={("support", "podcast", "key"): 3},
        content_seconds={("support", "music"): 99.5},
    )
    metrics.start_from(totals, tuple, ("support",))

    metrics.facts(*call("a", hung_up(40)))

    seen = samples(metrics)
    assert seen["holdsvc_calls_total", "abandoned", "support", "testphone"] == 8
    assert seen["holdsvc_waits_amended_total", "abandoned", "answered", "support"] == 2
    assert seen["holdsvc_choices_total", "key", "podcast", "support"] == 3


def test_waiting_and_longest_wait_are_read_off_the_live_calls():
    roster, metrics = Roster(Clock()), Metrics("1", Clock())
    metrics.start_from(Totals(), roster.live, ("support",))

    roster.facts(*call("a"))
    roster.facts(*call("b", hung_up(3)))

    seen = samples(metrics)
    assert seen["holdsvc_calls_waiting", "support"] == 1
    assert seen["holdsvc_longest_wait_seconds", "support"] == 100


def test_the_expected_wait_is_a_figure_only_where_it_is_known():
    told = Expected(30.0, 60.0, 110.0, Ground.PLACE)
    metrics = Metrics("1", Clock())
    metrics.start_from(Totals(), tuple, ("support", "sales"), lambda queue, now: told if queue == "sales" else None)

    seen = samples(metrics)

    assert seen["holdsvc_expected_wait_seconds", "sales"] == 60
    assert ("holdsvc_expected_wait_seconds", "support") not in seen


def test_a_queue_that_is_not_configured_makes_no_label_of_its_own():
    metrics = Metrics("1", Clock())
    metrics.start_from(Totals(), tuple, ("support", "default"))

    metrics.facts(*call("a", hung_up(40), queue="made up by a stranger"))

    assert "stranger" not in metrics.exposition().decode()
    assert samples(metrics)["holdsvc_calls_total", "abandoned", "default", "testphone"] == 1


def test_nothing_exported_is_a_created_time():
    assert "_created" not in Metrics("1", Clock()).exposition().decode()


def test_the_wall_tells_this_moment_and_today():
    roster = Roster(Clock())
    roster.start_from([], {Ended("support", "answered", HOUR, 1): 4})
    roster.facts(*call("a"))
    roster.facts(*call("b", hung_up(40)))
    roster.facts(*call("c", AgentAnswered(at=after(30), id="x")))

    wall = roster.wall(("support", "sales"))

    assert (wall.waiting, wall.longest_wait_seconds, wall.answered, wall.abandoned) == (1, 100.0, 5, 1)
    assert wall.offered == 7
    assert [row.queue for row in wall.queues] == ["support", "sales"]


def test_the_service_level_of_the_day_counts_as_the_contract_does():
    calls = [("a", hung_up(15)), ("b", hung_up(40)), ("c", answered(20)), ("d", answered(21))]
    shares = {}
    for variant in ("V1", "V2", "V3"):
        roster = Roster(Clock(), Target(seconds=20, share=0.9, variant=variant))
        for name, event in calls:
            roster.facts(*call(name, event))
        level = roster.wall(("support",)).level
        shares[variant] = (level.share, level.counted, level.target)

    assert shares == {"V1": (0.5, 4, 0.9), "V2": (0.5, 2, 0.9), "V3": (0.25, 4, 0.9)}
    assert Roster(Clock()).wall(("support",)).level.share is None


def test_the_map_of_the_day_has_every_hour_so_far_and_each_wait_once():
    roster = Roster(Clock())
    for number, seconds in enumerate((5, 10, 11, 40, 90)):
        roster.facts(*call(f"c{number}", hung_up(seconds) if number == 3 else answered(seconds)))

    wall = roster.wall(("support",))

    assert [hour.begins.hour for hour in wall.hours] == list(range(13))
    last = wall.hours[-1]
    assert sum(map(sum, (hour.waits for hour in wall.hours))) == 5
    assert dict(zip((*wall.edges, "more"), last.waits, strict=True)) == {
        10.0: 2, 20.0: 1, 30.0: 0, 60.0: 1, 120.0: 1, 300.0: 0, 600.0: 0, "more": 0,
    }  # fmt: skip
    assert last.abandoned == 1


def test_what_those_who_wait_listen_to_is_told_without_telling_who():
    roster = Roster(Clock())
    for name in "abc":
        roster.facts(*call(name))

    wall = roster.wall(("support",))

    assert wall.hearing == {"music": 3}
    assert wall.queues[0].hearing == {"music": 3}


def test_a_day_begins_at_midnight_of_the_zone():
    tokyo = ZoneInfo("Asia/Tokyo")
    roster = Roster(Clock(), zone=tokyo)

    assert roster.midnight == datetime(2026, 3, 2, tzinfo=tokyo)
    assert len(roster.wall(()).hours) == 22  # there it is past nine in the evening


def test_an_amended_wait_moves_from_one_figure_of_the_wall_to_another():
    roster = Roster(Clock())

    roster.facts(*call("a", hung_up(40), AgentAnswered(at=after(30), id="x")))

    wall = roster.wall(("support",))
    assert (wall.answered, wall.abandoned, wall.offered) == (1, 0, 1)


def test_at_midnight_the_wall_begins_a_new_day_by_the_clock_and_not_by_the_news():
    clock = Clock()
    roster = Roster(clock)
    roster.facts(*call("a", hung_up(40)))

    clock.at = after(86_400)
    assert roster.wall(("support",)).abandoned == 0

    roster.facts(*call("b", hung_up(50)))
    session, facts = call("a", hung_up(40), AgentAnswered(at=after(30), id="x"))
    roster.facts(session, facts[-2:])
    assert roster.wall(("support",)).abandoned == 0, "yesterday's waits are not today's, and nothing is below zero"


def test_a_caller_who_is_forgotten_is_forgotten_on_the_wall_too():
    roster = Roster(Clock())
    session, facts = call("a")
    roster.facts(replace(session, caller="p1", masked="+15…23"), facts)

    roster.forget("p1")

    assert [(one.caller, one.masked) for one in roster.waiting()] == [(None, "")]


def record(message, **fields):
    made = logging.LogRecord("holdsvc", logging.INFO, "", 0, message, None, None)
    made.__dict__.update(fields)
    return made


hostile = st.text(max_size=60) | st.sampled_from(["\x1b[31mred", 'a"b', "line\nline", "\u2028", "\ud800"])


@given(hostile, hostile)
def test_a_line_of_the_log_is_one_json_object_whatever_stands_in_it(message, field):
    line = trail.ForMachines().format(record(message, caller_name=field))

    assert "\n" not in line
    assert json.loads(line)["caller_name"] == field


@given(hostile, hostile)
def test_a_line_for_people_carries_no_control_characters(message, field):
    line = trail.ForPeople().format(record(message, name_of_caller=field))

    first, *more = line.split("\n")
    assert all(part.startswith("   ") for part in more), "nobody can write a line that looks like one of ours"
    assert all(part.isprintable() for part in (first, *more))


def test_the_end_of_a_wait_is_a_line_of_the_log(caplog):
    with caplog.at_level(logging.INFO, "holdsvc.calls"):
        trail.tell(*call("a", hung_up(40)))

    ended = [line for line in caplog.records if line.getMessage() == "wait_ended"]
    assert [(line.call, line.queue, line.outcome, line.seconds) for line in ended] == [
        ("a", "support", "abandoned", 40)
    ]


def links(base="https://hold.example.com", key=b"k" * 32):
    return SignedLinks(base, key, lambda content: f"hash-of-{content}", lambda language, prompt: f"{language}-{prompt}")


def test_sound_has_the_same_address_for_all_callers():
    assert links().content("waltz", 0, 60, 0) == links().content("waltz", 0, 60, 0)
    assert links().content("waltz", 0, 60, 0) != links().content("waltz", 0, 60, 6)


@pytest.mark.parametrize(
    "change", [lambda path: path.replace("0-60", "0-70"), lambda path: path + "x", lambda path: ""]
)
def test_an_address_that_we_did_not_give_out_is_not_genuine(change):
    _, _, rest = links().content("waltz", 0, 60, 0).partition("/audio/")
    signature, _, path = rest.partition("/")

    assert links().genuine(signature, path)
    assert not links().genuine(signature, change(path))
    assert not links(key=b"other" * 8).genuine(signature, path)


def test_a_socket_is_opened_by_wss_behind_https():
    assert links().media("testphone", "t") == "wss://hold.example.com/media/testphone/t"
    assert links("").hook("testphone", "wait", {"queue": "a b"}) == "/hooks/testphone/wait?queue=a+b"
