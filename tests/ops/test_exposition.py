"""/metrics with fifty queues and three platforms on which everything has happened that can: clean to promtool, bounded in size,
and no label of a stranger's making. What can happen is read from the code: its sets of words, and what it calls things where it
turns something away."""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from holdsvc.audio.utterance import Drop
from holdsvc.calls.callback import State
from holdsvc.calls.estimate import Expected, Ground
from holdsvc.calls.events import CallHeld
from holdsvc.calls.facts import AnyFact, ContentChosen, ContentHeard, WaitAmended, WaitEnded
from holdsvc.calls.menu import CALLBACK
from holdsvc.calls.model import CallId, CallRef, ContentId, Kind, Outcome, QueueName, Via
from holdsvc.calls.naming import ITEM
from holdsvc.calls.promise import Came
from holdsvc.calls.session import HoldSession, lived
from holdsvc.catalogue import PLATFORMS as SHIPPED_PLATFORMS
from holdsvc.engine import labels
from holdsvc.engine.ears import PART as SPEECH
from holdsvc.engine.lookup import Found
from holdsvc.engine.metrics import Metrics
from holdsvc.engine.outbox import Result
from holdsvc.ports import Certainty, Totals
from tests.engine.test_watching import Clock
from tests.ops.programs import program
from tests.plans import NOON, after

SOURCE = Path(__file__).parents[2] / "holdsvc"
ANSWERED_BY_THEMSELVES = ("announce.py",)  # its refusals are answers to whoever asks, and no label

QUEUES = tuple(QueueName(f"queue-{number}") for number in range(50))
NAMES = (*QUEUES, QueueName("default"))  # with that of all others together
PLATFORMS = ("twilio", "audiosocket", "vonage")
DIRECTORIES = ("customers", "crm")
GENRES = ("ambient", "classical", "folk", "jazz", "latin", "piano", "ragtime")
ITEMS = (f"{ITEM}waltz", "of nobody's menu")  # what may stand where an entry's id should
CHOICES = (*sorted(labels.CHOICES), *(f"music:{genre}" for genre in GENRES), "language:es", *ITEMS, CALLBACK)
STEPS = max((make({}, (), False).steps for make in SHIPPED_PLATFORMS.values()), key=len)
OFTEN = (Outcome.ANSWERED, Outcome.ABANDONED, Outcome.SHORT_ABANDONED)
PARTS = ("store", "ledger", SPEECH, *DIRECTORIES)
REFUSALS = (
    "Unverified",
    "BadWebhook",
    "webhook_rejected",
    "stream_refused",
    "doubts",
    "fault",
    "_refuse",
    "_refused",
    "_send_away",
)
STATES = {one.value for one in State if one is not State.CALLING}
MOST_SERIES = 12_000
SPARE = 0.05  # of them, for what is counted next


def session(platform: str, queue: QueueName) -> HoldSession:
    one = HoldSession(CallRef(platform, CallId(f"{platform}-{queue}")), queue)
    return lived(one, CallHeld(at=NOON, id="held", began=NOON))  # type: ignore[arg-type]


def everything_that_happens(queue: QueueName) -> Iterator[AnyFact]:
    for outcome in Outcome:
        yield WaitEnded(at=after(60), queue=queue, began=NOON, ended=after(60), outcome=outcome)
    for was, became in itertools.product((*Outcome, None), repeat=2):
        yield WaitAmended(at=after(90), queue=queue, began=NOON, ended=after(70), was=was, became=became)
    for came in Came:
        yield WaitEnded(at=after(60), queue=queue, began=NOON, ended=after(60), outcome=Outcome.ANSWERED, came=came)
    for choice in CHOICES:
        for via in ways(choice):
            yield ContentChosen(at=after(5), queue=queue, choice=choice, via=via)
    for kind in Kind:
        yield ContentHeard(
            at=after(9), queue=queue, content=ContentId("x"), kind=kind, shelf="", from_second=0, until_second=9
        )


def ways(choice: str) -> tuple[Via, ...]:
    """How it may come to be chosen: nobody remembers, and no queue begins with, what plays nothing."""
    return tuple(Via) if labels.entry(choice) in labels.PLAYS else (Via.KEY, Via.VOICE)


def fill(metrics: Metrics) -> None:
    """Everything happens in every queue, on every platform, with every word that a label can have."""
    expected = Expected(20, 60, 120, Ground.PLACE)
    metrics.waits.expected = lambda queue, now: expected
    for platform, queue in itertools.product(PLATFORMS, NAMES):
        metrics.facts(session(platform, queue), list(everything_that_happens(queue)))
    for choice in CHOICES:
        metrics.facts(
            replace(session(PLATFORMS[0], QUEUES[0]), choice=choice), list(everything_that_happens(QUEUES[0]))
        )
    for queue, state in itertools.product(NAMES, (*State, "offered")):
        metrics.callback(queue, state)
    for platform in PLATFORMS:
        for step in STEPS:
            metrics.webhook_answered(platform, step, 0.01)
        for reason in (*labels.REASONS, "of nobody's making"):
            metrics.webhook_rejected(platform, reason)
        metrics.webhook_repeated(platform)
    for source, found in itertools.product(DIRECTORIES, Found):
        metrics.looked_up(source, found.value, 0.1)
    for wire in PLATFORMS:  # each has one of its own
        metrics.stream_opened(wire)
        metrics.stream_underrun(wire)
        metrics.stream_cut(wire)
        metrics.stream_late(wire, 0.01)
        metrics.stream_switched(wire, 0.05)
    for queue, result in itertools.product(NAMES, sorted(SAID)):
        metrics.utterance_heard(queue, result, 0.2)
        metrics.echo_suppressed(queue, 0.1)
    metrics.utterances_asked(1)
    metrics.committed(0.001)
    for part in PARTS:
        metrics.degraded(part, away=False)


def said(*names: str, but: tuple[str, ...] = ()) -> set[str]:
    """The words that the code gives to what is called so, wherever it does: a function, an argument, a variable or a field."""
    found = set[str]()
    for file in SOURCE.rglob("*.py"):
        if file.name not in but and "simulator" not in file.parts:
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                found |= {word for given in given_to(node, names) for word in words(given)}
    return found


def given_to(node: ast.AST, names: tuple[str, ...]) -> Iterator[ast.expr]:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args) if name in names:
            yield from args
        case ast.keyword(arg=name, value=value) if name in names:
            yield value
        case ast.Assign(targets=[ast.Name(id=name) | ast.Attribute(attr=name)], value=value) if name in names:
            yield value


def words(node: ast.expr) -> Iterator[str]:
    """A word of ours has no spaces in it: what has some is a sentence for people."""
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str) and one.value.isidentifier():
            yield one.value


SAID = {*(one.value for one in Certainty), *(one.value for one in Drop), *said("Unheard", "utterance_heard")}


@pytest.fixture(scope="module")
def exposition() -> str:
    metrics = Metrics("1.2.3", Clock())
    waiting = [session(platform, queue) for platform in PLATFORMS for queue in QUEUES]
    metrics.start_from(Totals(), lambda: waiting, NAMES)
    fill(metrics)
    return metrics.exposition().decode()


def test_every_word_for_what_is_turned_away_is_known_to_the_metric_and_none_besides() -> None:
    """What is not known there is told as `other`, of which no runbook can say anything."""
    assert said(*REFUSALS, but=ANSWERED_BY_THEMSELVES) == labels.REASONS


def test_everything_that_happens_is_every_word_of_every_label(exposition: str) -> None:
    """So many series are of each as there are words, or the bound below is none."""
    seen = {
        family.name: len({(*sample.labels.items(),) for sample in family.samples if "le" not in sample.labels})
        for family in text_string_to_metric_families(exposition)
    }
    ends, queues, platforms = len(Outcome), len(NAMES), len(PLATFORMS)
    kept = sum(1 for _ in itertools.product((*OFTEN, Outcome.UNKNOWN), OFTEN))

    assert seen["holdsvc_calls"] == platforms * queues * ends
    assert seen["holdsvc_wait_seconds"] == queues * (len(labels.MEASURED) + 1)
    assert seen["holdsvc_waits_amended"] == queues * (2 * ends + 1 + kept)
    assert seen["holdsvc_choices"] == queues * (
        len(labels.PLAYS) * len(Via) + (len(labels.CHOICES - labels.PLAYS) + 1) * 2
    )
    assert seen["holdsvc_webhooks_rejected"] == platforms * (len(labels.REASONS) + 1)
    assert seen["holdsvc_content_seconds"] == queues * len(Kind)
    assert seen["holdsvc_waits_told"] == queues * len(Came)
    assert seen["holdsvc_utterances"] == len(SAID)
    assert seen["holdsvc_waits_by_choice"] == (len(labels.PLAYS) + 1) * len(labels.ENDINGS)


def test_a_wait_that_ends_is_counted_with_what_its_caller_had_chosen() -> None:
    metrics = Metrics("1.2.3", Clock())
    one = replace(session(PLATFORMS[0], QUEUES[0]), choice="music:jazz")

    metrics.facts(
        one, [WaitEnded(at=after(60), queue=QUEUES[0], began=NOON, ended=after(60), outcome=Outcome.ABANDONED)]
    )

    (told,) = (
        line for line in metrics.exposition().decode().splitlines() if line.startswith("holdsvc_waits_by_choice")
    )
    assert told == 'holdsvc_waits_by_choice_total{choice="music",outcome="abandoned"} 1.0'


def test_promtool_finds_nothing_to_say(exposition: str) -> None:
    words = [program("promtool", "prometheus"), "check", "metrics"]
    done = subprocess.run(words, input=exposition, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_fifty_queues_and_three_platforms_leave_room_for_what_is_counted_next(exposition: str) -> None:
    series = [line for line in exposition.splitlines() if not line.startswith("#")]

    assert 10_000 < len(series) <= (1 - SPARE) * MOST_SERIES
    assert len(series) == len({line.rpartition(" ")[0] for line in series})
    assert "_created" not in exposition
    told = re.search(r"are some ([\d,]+) series", (SOURCE.parent / "docs/metrics.md").read_text("utf-8"))
    assert told is not None
    assert len(series) == pytest.approx(int(told[1].replace(",", "")), rel=0.01), "docs/metrics.md tells another number"


def test_the_first_wait_after_a_start_is_counted() -> None:
    """By Prometheus, which takes a series' first value for where it begins and not for what was added."""
    metrics = Metrics("1.2.3", Clock())
    metrics.start_from(Totals(), list, NAMES)

    begun = {
        name: [sample.labels for sample in family.samples if sample.name == name]
        for family in metrics.registry.collect()
        for name in ("holdsvc_wait_seconds_count", "holdsvc_waits_told_total")
        if name.startswith(family.name)
    }

    assert len(begun["holdsvc_wait_seconds_count"]) == len(NAMES) * len(labels.ENDINGS)
    assert len(begun["holdsvc_waits_told_total"]) == len(NAMES) * len(Came)


def test_nothing_that_is_exported_is_missing_here(exposition: str) -> None:
    """What is not here is neither bounded nor looked at for labels."""
    here = {family.name for family in text_string_to_metric_families(exposition) if family.samples}

    assert here == {family.name for family in Metrics("0", Clock()).registry.collect()}


def test_every_label_comes_from_a_closed_set(exposition: str) -> None:
    ends = {*(one.value for one in Outcome), labels.WAITING}
    allowed: dict[str, set[str]] = {
        "queue": {*NAMES},
        "platform": set(PLATFORMS),
        "outcome": ends | {labels.OTHER},
        "came": {one.value for one in Came},
        "from": ends,
        "to": ends,
        "choice": {*labels.CHOICES, labels.OTHER},
        "via": {one.value for one in Via},
        "kind": {one.value for one in Kind},
        "wire": set(PLATFORMS),
        "source": set(DIRECTORIES),
        "result": {*(one.value for one in (*Found, *Result)), *SAID},
        "state": STATES,
        "part": set(PARTS),
        "step": set(STEPS),
        "reason": {*labels.REASONS, labels.OTHER},
        "version": {"1.2.3"},
    }
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            for label, value in sample.labels.items():
                if label != "le":
                    assert value in allowed[label], (sample.name, label, value)
