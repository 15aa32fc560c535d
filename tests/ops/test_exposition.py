"""/metrics with fifty queues and three platforms: clean to promtool, bounded in size, and no label of a stranger's making."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from holdsvc.calls.callback import State
from holdsvc.calls.estimate import Expected, Ground
from holdsvc.calls.events import CallHeld
from holdsvc.calls.facts import AnyFact, ContentChosen, ContentHeard, WaitAmended, WaitEnded
from holdsvc.calls.menu import SHIPPED, Action
from holdsvc.calls.model import CallId, CallRef, ContentId, Kind, Outcome, QueueName, Via
from holdsvc.calls.promise import Came
from holdsvc.calls.session import HoldSession, lived
from holdsvc.engine.lookup import Found
from holdsvc.engine.metrics import Metrics
from holdsvc.ports import Totals
from tests.engine.test_watching import Clock
from tests.ops.programs import program
from tests.plans import NOON, after

QUEUES = tuple(QueueName(f"queue-{number}") for number in range(50))
PLATFORMS = ("twilio", "audiosocket", "vonage")
GENRES = ("ambient", "classical", "folk", "jazz", "latin", "piano", "ragtime")
PLAYED = (*(one.id for one in SHIPPED if one.action is Action.PLAY), *(f"music:{genre}" for genre in GENRES))
CHOICES = (
    *PLAYED,
    *(one.id for one in SHIPPED if one.action is not Action.PLAY),
    "leave",
    "callback",
    "language:es",
    "language:ru",
)
KEYED = {"leave", "callback", *(one.id for one in SHIPPED if one.digit)}
STEPS = ("call", "wait", "input", "left", "status", "agent", "hold", "whisper")
REASONS = ("bad_signature", "late", "fault", "unknown_queue", "streams_full")
SAID = ("sure", "near", "none", "short", "voiceless", "long", "busy", "late", "absent", "broken")
PARTS = ("store", "ledger", "recogniser", "synthesiser", "customers", "crm")
STATES = {one.value for one in State if one is not State.CALLING}
MOST_SERIES = 12_000


def session(platform: str, queue: QueueName) -> HoldSession:
    one = HoldSession(CallRef(platform, CallId(f"{platform}-{queue}")), queue)
    return lived(one, CallHeld(at=NOON, id="held", began=NOON))  # type: ignore[arg-type]


def everything_that_happens(queue: QueueName) -> Iterator[AnyFact]:
    for outcome in Outcome:
        yield WaitEnded(at=after(60), queue=queue, began=NOON, ended=after(60), outcome=outcome)
    for was, became in ((Outcome.ABANDONED, Outcome.ANSWERED), (Outcome.UNKNOWN, Outcome.ANSWERED)):
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


def ways(choice: str) -> Iterator[Via]:
    """How it may come to be chosen: one entry is a queue's default, and what has no key is only said."""
    if choice in KEYED or choice in PLAYED:
        yield Via.KEY
    yield Via.VOICE
    if choice in PLAYED:
        yield Via.REMEMBERED
    if choice == "music":
        yield Via.DEFAULT


@pytest.fixture(scope="module")
def exposition() -> str:
    metrics = Metrics("1.2.3", Clock())
    waiting = [session(platform, queue) for platform in PLATFORMS for queue in QUEUES]
    expected = Expected(20, 60, 120, Ground.PLACE)
    metrics.start_from(Totals(), lambda: waiting, (*QUEUES, "default"), lambda queue, now: expected)
    for platform, queue in itertools.product(PLATFORMS, QUEUES):
        metrics.facts(session(platform, queue), list(everything_that_happens(queue)))
    for queue, state in itertools.product((*QUEUES, "default"), (*State, "offered")):
        metrics.callback(queue, state)
    for platform in PLATFORMS:
        for step in STEPS:
            metrics.webhook_answered(platform, step, 0.01)
        for reason in REASONS:
            metrics.webhook_rejected(platform, reason)
        metrics.webhook_repeated(platform)
    for source, result in itertools.product(("customers", "crm"), Found):
        metrics.looked_up(source, result.value, 0.1)
    for wire in ("twilio", "audiosocket", "vonage"):
        metrics.stream_opened(wire)
        metrics.stream_underrun(wire)
        metrics.stream_cut(wire)
        metrics.stream_late(wire, 0.01)
        metrics.stream_switched(wire, 0.05)
    for queue, result in itertools.product(QUEUES, SAID):
        metrics.utterance_heard(queue, result, 0.2)
        metrics.echo_suppressed(queue, 0.1)
    metrics.utterances_asked(1)
    metrics.committed(0.001)
    for part in PARTS:
        metrics.degraded(part, away=False)
    return metrics.exposition().decode()


def test_promtool_finds_nothing_to_say(exposition: str) -> None:
    words = [program("promtool", "prometheus"), "check", "metrics"]
    done = subprocess.run(words, input=exposition, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_fifty_queues_and_three_platforms_stay_within_the_bound(exposition: str) -> None:
    series = [line for line in exposition.splitlines() if not line.startswith("#")]

    assert 5_000 < len(series) <= MOST_SERIES
    assert "_created" not in exposition


def test_nothing_that_is_exported_is_missing_here(exposition: str) -> None:
    """What is not here is neither bounded nor looked at for labels."""
    here = {family.name for family in text_string_to_metric_families(exposition) if family.samples}

    assert here == {family.name for family in Metrics("0", Clock()).registry.collect()}


def test_every_label_comes_from_a_closed_set(exposition: str) -> None:
    ends = {*(one.value for one in Outcome), "waiting"}
    allowed = {
        "queue": {*QUEUES, "default"},
        "platform": set(PLATFORMS),
        "outcome": ends,
        "came": {one.value for one in Came},
        "from": ends,
        "to": ends,
        "choice": {choice.partition(":")[0] for choice in CHOICES},
        "via": {one.value for one in Via},
        "kind": {one.value for one in Kind},
        "wire": {"twilio", "audiosocket", "vonage"},
        "source": {"customers", "crm"},
        "result": {*(one.value for one in Found), *SAID},
        "state": STATES,
        "part": set(PARTS),
        "step": set(STEPS),
        "reason": set(REASONS),
        "version": {"1.2.3"},
    }
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            for label, value in sample.labels.items():
                if label != "le":
                    assert value in allowed[label], (sample.name, label, value)
