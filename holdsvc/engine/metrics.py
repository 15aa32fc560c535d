"""What Prometheus reads. Derived from facts and from live sessions; labels come from closed sets, never from callers.

Totals start from the wait log, so that a restart is no drop.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter as Sums
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import accumulate, product
from typing import TypeVar

from prometheus_client import CollectorRegistry, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client import Counter as Count
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from holdsvc.calls.callback import State
from holdsvc.calls.estimate import Expected
from holdsvc.calls.facts import AnyFact, ContentChosen, ContentHeard, WaitAmended, WaitEnded
from holdsvc.calls.menu import CALLBACK
from holdsvc.calls.model import QueueName
from holdsvc.calls.promise import Came
from holdsvc.calls.session import HoldSession
from holdsvc.clock import Clock
from holdsvc.engine import labels
from holdsvc.engine.callbacks import Owing
from holdsvc.engine.outbox import Result
from holdsvc.ports import Standing, Totals

WAIT_BUCKETS = (2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1800, 3600)
HOOK_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 3, 5, 10, 15)  # the platforms' deadlines are edges
LOOKUP_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1)
COMMIT_BUCKETS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5)
UTTERANCE_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 2)
K = TypeVar("K", bound=tuple[str, ...])
# What is told of call-backs: what was promised, and what came of it. With fifty queues each is fifty series; the log has all.
PROMISED = (State.OWED, State.REACHED, State.GIVEN_UP, State.WITHDRAWN)
CALLBACKS = "Call-backs, by what came of them"
SOUND_BUCKETS = (0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.5, 1)

disable_created_metrics()  # type: ignore[no-untyped-call]  # theirs is not annotated


class Metrics:
    """One registry; facts come in by `facts`, everything else by a method named after what happened."""

    def __init__(self, version: str, clock: Clock) -> None:
        self.registry = CollectorRegistry()
        self.waits = _Waits(clock)
        self.registry.register(self.waits)
        new = self.registry
        self._wait = Histogram(
            "holdsvc_wait_seconds",
            "Time from hold to the end of the wait",
            ["queue", "outcome"],
            buckets=WAIT_BUCKETS,
            registry=new,
        )
        self._ends = Count(
            "holdsvc_waits_by_choice",
            "Waits that ended, by what the caller had chosen to hear last",
            ["choice", "outcome"],
            registry=new,
        )
        self._hook = Histogram(
            "holdsvc_webhook_duration_seconds",
            "Time to answer a webhook",
            ["platform", "step"],
            buckets=HOOK_BUCKETS,
            registry=new,
        )
        self._lookup = Histogram(
            "holdsvc_lookup_duration_seconds",
            "Time that a directory took",
            ["source", "result"],
            buckets=LOOKUP_BUCKETS,
            registry=new,
        )
        self._commit = Histogram(
            "holdsvc_journal_commit_seconds",
            "Time to make a group of records durable",
            buckets=COMMIT_BUCKETS,
            registry=new,
        )
        self._rejected = Count(
            "holdsvc_webhooks_rejected", "Webhooks refused or not understood", ["platform", "reason"], registry=new
        )
        self._duplicates = Count("holdsvc_duplicate_events", "Webhooks that came again", ["platform"], registry=new)
        self._streams = Gauge("holdsvc_streams", "Live media streams", ["wire"], registry=new)
        self._underruns = Count(
            "holdsvc_stream_underruns", "Times a stream had nothing to send", ["wire"], registry=new
        )
        self._cuts = Count(
            "holdsvc_stream_cuts", "Times a network took no more and sound was dropped", ["wire"], registry=new
        )
        self._lateness = _Spread("holdsvc_stream_lateness_seconds", "How late sound was sent", "wire", SOUND_BUCKETS)
        new.register(self._lateness)
        self._switch = Histogram(
            "holdsvc_switch_seconds", "Key press to new sound sent", ["wire"], buckets=SOUND_BUCKETS, registry=new
        )
        self._utterances = Count(
            "holdsvc_utterances", "What callers said, by what came of it", ["result"], registry=new
        )
        self._utterance = Histogram(
            "holdsvc_utterance_seconds",
            "End of an utterance to the recogniser's answer",
            buckets=UTTERANCE_BUCKETS,
            registry=new,
        )
        self._asked = Gauge("holdsvc_utterances_asked", "Utterances that wait for an answer", registry=new)
        self._echo = Count(
            "holdsvc_echo_suppressed_seconds", "Our own sound that came back and did not count", registry=new
        )
        self._tries = Count(
            "holdsvc_outbox_tries", "Tries to tell the outside, by what came of them", ["result"], registry=new
        )
        for result in Result:
            self._tries.labels(result.value)
        self._away: frozenset[str] = frozenset()
        self._degraded = Gauge("holdsvc_degraded", "1 while a part is away and served without", ["part"], registry=new)
        Gauge("holdsvc_build_info", "The version that runs", ["version"], registry=new).labels(version).set(1)

    def start_from(
        self,
        totals: Totals,
        live: Callable[[], Sequence[HoldSession]],
        queues: Sequence[str],
        expected: Callable[[QueueName, datetime], Expected | None] = lambda queue, now: None,
    ) -> None:
        self.waits.start_from(totals, live, queues)
        self.waits.expected = expected
        for queue, ending in product(queues, labels.ENDINGS):
            self._wait.labels(queue, ending)  # of what begins with its first one Prometheus would not count that one
        for choice, ending in product((*sorted(labels.PLAYS), labels.OTHER), labels.ENDINGS):
            self._ends.labels(choice, ending)

    def facts(self, session: HoldSession, facts: Sequence[AnyFact]) -> None:
        for fact in facts:
            self.waits.add(session.ref.platform, fact)
            if isinstance(fact, WaitEnded):
                ending = labels.measured(fact.outcome)
                self._wait.labels(self.waits.queue(fact.queue), ending).observe(fact.seconds)
                self._ends.labels(labels.chosen(session.choice), ending).inc()

    def callback(self, queue: str, state: str) -> None:
        if state in PROMISED:
            self.waits.callbacks[self.waits.queue(queue), state] += 1

    def webhook_answered(self, platform: str, step: str, seconds: float) -> None:
        self._hook.labels(platform, step).observe(seconds)

    def webhook_rejected(self, platform: str, reason: str) -> None:
        self._rejected.labels(platform, labels.reason(reason)).inc()

    def webhook_repeated(self, platform: str) -> None:
        self._duplicates.labels(platform).inc()

    def looked_up(self, source: str, result: str, seconds: float) -> None:
        self._lookup.labels(source, result).observe(seconds)

    def committed(self, seconds: float) -> None:
        self._commit.observe(seconds)

    def store_away(self, away: bool) -> None:
        self.degraded("store", away)

    def degraded(self, part: str, away: bool) -> None:
        self._degraded.labels(part).set(1 if away else 0)
        self._away = self._away | {part} if away else self._away - {part}

    def away(self) -> tuple[str, ...]:
        """The parts that are served without now."""
        return tuple(sorted(self._away))

    def outbox_tried(self, result: Result) -> None:
        self._tries.labels(result.value).inc()

    def utterance_heard(self, queue: str, result: str, seconds: float | None = None) -> None:
        """`seconds` from its end to the answer, where one was asked for. All queues ask the same recogniser, and with a
        label for each of fifty a scrape would be over its bound."""
        self._utterances.labels(result).inc()
        if seconds is not None:
            self._utterance.observe(seconds)

    def utterances_asked(self, number: int) -> None:
        self._asked.set(number)

    def echo_suppressed(self, queue: str, seconds: float) -> None:
        self._echo.inc(seconds)

    def stream_opened(self, wire: str) -> None:
        self._streams.labels(wire).inc()

    def stream_closed(self, wire: str) -> None:
        self._streams.labels(wire).dec()

    def stream_underrun(self, wire: str) -> None:
        self._underruns.labels(wire).inc()

    def stream_cut(self, wire: str) -> None:
        self._cuts.labels(wire).inc()

    def stream_refused(self, platform: str, reason: str) -> None:
        self.webhook_rejected(platform, reason)

    def stream_late(self, wire: str, seconds: float, blocks: int = 1) -> None:
        """`seconds` of all these blocks together, none much later than the others."""
        self._lateness.observe(wire, seconds, blocks)

    def stream_switched(self, wire: str, seconds: float) -> None:
        self._switch.labels(wire).observe(seconds)

    def exposition(self) -> bytes:
        return generate_latest(self.registry)


class _Spread(Collector):
    """A histogram that is observed thousands of times a second from one thread: no lock, one look-up, one addition."""

    def __init__(self, name: str, text: str, label: str, buckets: Sequence[float]) -> None:
        self._name, self._text, self._label, self._edges = name, text, label, tuple(buckets)
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, value: str, seconds: float, times: int = 1) -> None:
        counts = self._counts.get(value)
        if counts is None:
            counts = self._counts[value] = [0] * (len(self._edges) + 1)
            self._sums[value] = 0.0
        counts[bisect_left(self._edges, seconds / times)] += times
        self._sums[value] += seconds

    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(self._name, self._text, labels=[self._label])
        for value, counts in self._counts.items():
            edges = [*map(floatToGoString, self._edges), "+Inf"]
            family.add_metric([value], list(zip(edges, accumulate(counts), strict=True)), self._sums[value])
        yield family


class _Waits(Collector):
    """The figures that must be right across restarts, and those that are read off the live sessions at the scrape."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queues: frozenset[str] = frozenset()
        self._live: Callable[[], Sequence[HoldSession]] = tuple
        self.expected: Callable[[QueueName, datetime], Expected | None] = lambda queue, now: None
        self.reports: Callable[[], bool] = lambda: True  # False: another process tells what all have in common
        self.calls: Sums[tuple[str, str, str]] = Sums()
        self.amended: Sums[tuple[str, str, str]] = Sums()
        self.choices: Sums[tuple[str, str, str]] = Sums()
        self.content: dict[tuple[str, str], float] = {}
        self.came: Sums[tuple[str, str]] = Sums()
        self.callbacks: Sums[tuple[str, str]] = Sums()
        self.owing: Callable[[], Mapping[str, Owing]] = dict
        self.standing: Callable[[], Standing] = lambda: Standing(0, 0)  # of the outbox

    def start_from(self, totals: Totals, live: Callable[[], Sequence[HoldSession]], queues: Sequence[str]) -> None:
        self._live, self._queues = live, frozenset(queues)
        self.callbacks.update(dict.fromkeys(((queue, State.OWED.value) for queue in queues), 0))
        self._add(totals)

    def begin_anew(self, totals: Totals) -> None:
        """With what is kept, in place of what was counted here."""
        for sums in (self.calls, self.amended, self.choices, self.content, self.came):
            sums.clear()
        self.callbacks = Sums({key: number for key, number in self.callbacks.items() if key[1] not in PROMISED})
        self._add(totals)

    def _add(self, totals: Totals) -> None:
        self.came.update({(queue, came.value): 0 for queue, came in product(self._queues, Came)})
        for (platform, queue, outcome), number in totals.ended.items():
            self.calls[platform, self.queue(queue), outcome] += number
        for (queue, was, became), number in totals.amendments.items():
            self._amend(queue, was, became, number)
        for (queue, came), number in totals.came.items():
            self.came[self.queue(queue), came] += number
        for (queue, choice, via), number in totals.choices.items():
            if choice == CALLBACK:
                continue
            self.choices[self.queue(queue), labels.entry(choice), via] += number
        for (queue, kind), seconds in totals.content_seconds.items():
            self.content[self.queue(queue), kind] = self.content.get((self.queue(queue), kind), 0.0) + seconds
        for (queue, state), number in totals.callbacks.items():
            if state in PROMISED:
                self.callbacks[self.queue(queue), state] += number

    def queue(self, name: str) -> str:
        """Names that are not configured share a label: callers and platforms cannot make up new ones."""
        return name if name in self._queues else "default"

    def add(self, platform: str, fact: AnyFact) -> None:
        match fact:
            case WaitEnded():
                self.calls[platform, self.queue(fact.queue), fact.outcome.value] += 1
                if fact.came is not None:
                    self.came[self.queue(fact.queue), fact.came.value] += 1
            case WaitAmended():
                was = fact.was.value if fact.was else labels.WAITING
                became = fact.became.value if fact.became else labels.WAITING
                self._amend(fact.queue, was, became, 1)
            case ContentChosen(choice=choice) if choice != CALLBACK:
                self.choices[self.queue(fact.queue), labels.entry(fact.choice), fact.via.value] += 1
            case ContentHeard():
                key = self.queue(fact.queue), fact.kind.value
                self.content[key] = self.content.get(key, 0.0) + fact.until_second - fact.from_second
            case _:
                pass

    def _amend(self, queue: str, was: str, became: str, number: int) -> None:
        for left, came in labels.changes(was, became):
            self.amended[self.queue(queue), left, came] += number

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        if not self.reports():
            here = Sums({key: number for key, number in self.callbacks.items() if key[1] not in PROMISED})
            yield total("holdsvc_callbacks", CALLBACKS, ("queue", "state"), here)
            return
        now = self._clock.now()
        waiting, longest = self._now(now)
        expected = {name: told.likely for name in self._queues if (told := self.expected(QueueName(name), now))}
        yield gauge("holdsvc_calls_waiting", "Callers waiting now", waiting)
        yield gauge("holdsvc_longest_wait_seconds", "The longest wait among those waiting now", longest)
        yield gauge("holdsvc_expected_wait_seconds", "Likely wait of who came now; none where not known", expected)
        yield total("holdsvc_calls", "Waits that ended", ("platform", "queue", "outcome"), self.calls)
        yield total("holdsvc_waits_amended", "Waits told otherwise later", ("queue", "from", "to"), self.amended)
        yield total("holdsvc_waits_told", "Ends of waits, against what was told", ("queue", "came"), self.came)
        yield total("holdsvc_choices", "What callers chose to hear", ("queue", "choice", "via"), self.choices)
        yield from self._promised()
        outbox = self.standing()
        yield GaugeMetricFamily("holdsvc_outbox_waiting", "What the outside is still to be told", value=outbox.waiting)
        yield GaugeMetricFamily(
            "holdsvc_outbox_dead", "What it could not be told, for a person to see", value=outbox.dead
        )
        yield total("holdsvc_content_seconds", "Seconds of content heard", ("queue", "kind"), self.content)

    def _promised(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        owed, oldest = dict.fromkeys(self._queues, 0.0), dict.fromkeys(self._queues, 0.0)
        for name, told in self.owing().items():
            queue = self.queue(name)
            owed[queue] = owed.get(queue, 0.0) + told.owed
            oldest[queue] = max(oldest.get(queue, 0.0), told.oldest_seconds)
        yield gauge("holdsvc_callbacks_owed", "Call-backs that are owed now, and nobody is calling", owed)
        yield gauge("holdsvc_callback_oldest_seconds", "Since the oldest of them was asked for", oldest)
        yield total("holdsvc_callbacks", CALLBACKS, ("queue", "state"), self.callbacks)

    def _now(self, now: datetime) -> tuple[dict[str, float], dict[str, float]]:
        waiting = dict.fromkeys(self._queues, 0.0)
        longest = dict.fromkeys(self._queues, 0.0)
        for session in self._live():
            wait = session.history.wait
            if wait is None or wait.ended:
                continue
            queue = self.queue(session.queue)
            waiting[queue] = waiting.get(queue, 0.0) + 1
            longest[queue] = max(longest.get(queue, 0.0), (now - wait.began).total_seconds())
        return waiting, longest


def gauge(name: str, text: str, values: dict[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=["queue"])
    for queue, value in values.items():
        family.add_metric([queue], value)
    return family


def total(name: str, text: str, labels: tuple[str, ...], values: Mapping[K, float]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=list(labels))
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family
