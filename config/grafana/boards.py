"""What the dashboards show. Panels ask for the recorded figures of config/prometheus where there are some."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from panels import ABANDONED, AMBER, GREEN, PLATFORM, QUEUE, RED, REPLICA, Panel, bars, heat, lines, number


@dataclass(frozen=True, slots=True)
class Board:
    uid: str  # its address: /d/UID
    title: str
    text: str
    panels: Sequence[Panel]
    since: str = "now-6h"


def wallboard() -> Board:
    share = ((None, RED), (0.7, AMBER), (0.8, GREEN))
    lost = ((None, GREEN), (0.05, AMBER), (0.15, RED))
    waiting = f"sum by (queue) (holdsvc_calls_waiting{{{QUEUE}}})"
    return Board(
        "holdsvc-wallboard",
        "holdsvc: wallboard",
        "What the floor looks at.",
        (
            number("Waiting now", "Callers on hold.", "short", waiting),
            number(
                "Longest wait now",
                "Of those who wait still.",
                "s",
                f"max by (queue) (holdsvc_longest_wait_seconds{{{QUEUE}}})",
                ((None, GREEN), (120, AMBER), (300, RED)),
            ),
            number(
                "Service level, last hour",
                "V1: within 20 s, early abandons credited.",
                "percentunit",
                f"queue:holdsvc_service_level_v1:ratio1h{{{QUEUE}}} and queue:holdsvc_ended:increase1h >= 10",
                share,
            ),
            number(
                "Abandonment, last hour",
                "Gross: of all that ended.",
                "percentunit",
                f"queue:holdsvc_abandonment:ratio1h{{{QUEUE}}} and queue:holdsvc_ended:increase1h >= 10",
                lost,
            ),
            lines("Waiting", "Callers on hold over the day.", "short", (waiting, "{{queue}}")),
            lines(
                "Expected wait",
                "Of a caller who came now and had to wait. A gap: there was no ground for an estimate.",
                "s",
                (f"max by (queue) (holdsvc_expected_wait_seconds{{{QUEUE}}})", "{{queue}}"),
            ),
            lines(
                "When agents came, against what was told, a minute",
                "The wait that callers are told first, as a range: later counts also who left when it had passed.",
                "short",
                (f"sum by (came) (60 * rate(holdsvc_waits_told_total{{{QUEUE}}}[5m]))", "{{came}}"),
                stack=True,
            ),
            lines(
                "Told and kept, last hour",
                "Share of those told a wait whose agent came within it, or sooner. A gap: told to fewer than ten.",
                "percentunit",
                (
                    f"queue:holdsvc_told_kept:ratio1h{{{QUEUE}}} and queue:holdsvc_told:increase1h >= 10",
                    "{{queue}}",
                ),
                top=1,
            ),
            number(
                "Call-backs owed",
                "Promised, and nobody is calling them now.",
                "short",
                f"max by (queue) (holdsvc_callbacks_owed{{{QUEUE}}})",
                width=4,
            ),
            number(
                "Oldest call-back owed",
                "Since it was asked for.",
                "s",
                f"max by (queue) (holdsvc_callback_oldest_seconds{{{QUEUE}}})",
                ((None, GREEN), (1800, AMBER), (3600, RED)),
                width=4,
            ),
            lines(
                "Call-backs, a minute",
                "Asked for (owed), and what came of them.",
                "short",
                (f"sum by (state) (60 * rate(holdsvc_callbacks_total{{{QUEUE}}}[5m]))", "{{state}}"),
                width=16,
            ),
            lines(
                "How waits ended, a minute",
                "Each wait ends in exactly one way.",
                "short",
                (f"sum by (outcome) (60 * rate(holdsvc_calls_total{{{QUEUE}}}[5m]))", "{{outcome}}"),
                stack=True,
            ),
            lines(
                "Mean wait of the answered, last hour",
                "ASA, those answered at once included.",
                "s",
                (f"queue:holdsvc_asa_seconds:mean1h{{{QUEUE}}}", "{{queue}}"),
            ),
        ),
    )


def experience() -> Board:
    return Board(
        "holdsvc-experience",
        "holdsvc: caller experience",
        "How long callers wait, what they choose and hear, and when they give up.",
        (
            heat(
                "Waits",
                "How many waits of which length ended when.",
                "s",
                f"sum by (le) (increase(holdsvc_wait_seconds_bucket{{{QUEUE}}}[$__rate_interval]))",
            ),
            heat(
                "Waits of those who gave up",
                "The same of abandoned calls alone.",
                "s",
                f"sum by (le) (increase(holdsvc_wait_seconds_bucket{{{QUEUE}, {ABANDONED}}}[$__rate_interval]))",
            ),
            bars(
                "Given up by then",
                "Share of all waits of the period that were abandoned within so many seconds.",
                "percentunit",
                f"sum by (le) (increase(holdsvc_wait_seconds_bucket{{{QUEUE}, {ABANDONED}}}[$__range]))"
                f" / scalar(sum(increase(holdsvc_wait_seconds_count{{{QUEUE}}}[$__range])))",
                "{{le}} s",
            ),
            bars(
                "What callers chose",
                "By key and by voice; what we did on their behalf is left out.",
                "short",
                f'sort_desc(sum by (choice) (increase(holdsvc_choices_total{{{QUEUE}, via=~"key|voice"}}[$__range])))',
                "{{choice}}",
            ),
            bars(
                "Gave up, by what they had chosen last",
                "Of at least ten waits, all queues together. Who waits longer has more time to choose: `holdsvc report patience` "
                "compares who is still there after the same time.",
                "percentunit",
                f"sum by (choice) (increase(holdsvc_waits_by_choice_total{{{REPLICA}, {ABANDONED}}}[$__range]))"
                f" / (sum by (choice) (increase(holdsvc_waits_by_choice_total{{{REPLICA}}}[$__range])) >= 10)",
                "{{choice}}",
            ),
            lines(
                "What callers hear now",
                "Callers listening to each kind, as seconds of content heard a second.",
                "short",
                (f"sum by (kind) (rate(holdsvc_content_seconds_total{{{QUEUE}}}[5m]))", "{{kind}}"),
                stack=True,
            ),
            lines(
                "Content for each second of waiting",
                "1 is sound all the time; prompts and silence are what is missing. Under 0.5 is dead air.",
                "short",
                (f"queue:holdsvc_content_per_waiting:ratio5m{{{QUEUE}}}", "{{queue}}"),
            ),
            lines(
                "How choices were made",
                "Key, voice, remembered from an earlier call, or the queue's default.",
                "short",
                (f"sum by (via) (60 * rate(holdsvc_choices_total{{{QUEUE}}}[5m]))", "{{via}}"),
                stack=True,
            ),
            lines(
                "Mean time to abandon, last hour",
                "Of those who gave up; it is not how patient callers are (see `holdsvc report patience`).",
                "s",
                (f"queue:holdsvc_time_to_abandon_seconds:mean1h{{{QUEUE}}}", "{{queue}}"),
            ),
        ),
    )


def webhooks() -> Board:
    rate = f"sum by (platform, step) (rate(holdsvc_webhook_duration_seconds_count{{{PLATFORM}, {REPLICA}}}[5m]))"
    buckets = f"sum by (platform, le) (rate(holdsvc_webhook_duration_seconds_bucket{{{PLATFORM}, {REPLICA}}}[5m]))"
    return Board(
        "holdsvc-webhooks",
        "holdsvc: webhooks",
        "Rate, errors and duration per platform.",
        (
            lines("Webhooks", "A second, by step.", "reqps", (rate, "{{platform}} {{step}}"), stack=True),
            lines(
                "Turned away",
                "A second, by reason.",
                "reqps",
                (
                    f"sum by (platform, reason) (rate(holdsvc_webhooks_rejected_total{{{PLATFORM}, {REPLICA}}}[5m]))",
                    "{{platform}} {{reason}}",
                ),
                stack=True,
            ),
            lines(
                "Time to answer",
                "Platforms give up after 5 to 15 s.",
                "s",
                (f"histogram_quantile(0.5, {buckets})", "{{platform}} half"),
                (f"histogram_quantile(0.99, {buckets})", "{{platform}} 99 of 100"),
            ),
            lines(
                "Came again",
                "Webhooks that were known already, a second.",
                "reqps",
                (
                    f"sum by (platform) (rate(holdsvc_duplicate_events_total{{{PLATFORM}, {REPLICA}}}[5m]))",
                    "{{platform}}",
                ),
            ),
            heat(
                "Time to answer, all",
                "How many answers took how long.",
                "s",
                f"sum by (le) (increase(holdsvc_webhook_duration_seconds_bucket{{{PLATFORM}, {REPLICA}}}[$__rate_interval]))",
            ),
        ),
    )


def resources() -> Board:
    commit = f"sum by (le) (rate(holdsvc_journal_commit_seconds_bucket{{{REPLICA}}}[5m]))"
    late = f"sum by (wire, le) (rate(holdsvc_stream_lateness_seconds_bucket{{{REPLICA}}}[5m]))"
    said = f"holdsvc_utterance_seconds_bucket{{{REPLICA}}}"
    switch = f"sum by (wire, le) (rate(holdsvc_switch_seconds_bucket{{{REPLICA}}}[5m]))"
    lookup = f"sum by (source, le) (rate(holdsvc_lookup_duration_seconds_bucket{{{REPLICA}}}[5m]))"
    return Board(
        "holdsvc-resources",
        "holdsvc: streams, store and dependencies",
        "What the service needs and how it fares.",
        (
            lines(
                "Live streams",
                "Callers on a media socket.",
                "short",
                (f"sum by (wire) (holdsvc_streams{{{REPLICA}}})", "{{wire}}"),
                stack=True,
            ),
            lines(
                "Gaps and cuts",
                "A second: a stream ran dry, or its network took no more.",
                "short",
                (f"sum by (wire) (rate(holdsvc_stream_underruns_total{{{REPLICA}}}[5m]))", "{{wire}} ran dry"),
                (f"sum by (wire) (rate(holdsvc_stream_cuts_total{{{REPLICA}}}[5m]))", "{{wire}} cut"),
            ),
            lines(
                "How late sound was sent",
                "Gaps begin at the wire's lead, 200 to 400 ms.",
                "s",
                (f"histogram_quantile(0.5, {late})", "{{wire}} half"),
                (f"histogram_quantile(0.99, {late})", "{{wire}} 99 of 100"),
            ),
            lines(
                "Said",
                "What callers said on streams, by what came of it, a minute.",
                "short",
                (f"sum by (result) (rate(holdsvc_utterances_total{{{REPLICA}}}[5m])) * 60", "{{result}}"),
                stack=True,
            ),
            lines(
                "Recognising",
                "Seconds from the end of an utterance to its answer, utterances that wait for one, and seconds of our own echo"
                " that did not count, a second.",
                "short",
                (f"histogram_quantile(0.95, sum by (le) (rate({said}[5m])))", "answer, 95 of 100"),
                (f"sum (holdsvc_utterances_asked{{{REPLICA}}})", "waiting"),
                (f"sum (rate(holdsvc_echo_suppressed_seconds_total{{{REPLICA}}}[5m]))", "echo"),
            ),
            lines("Key to new sound", "As sent.", "s", (f"histogram_quantile(0.99, {switch})", "{{wire}} 99 of 100")),
            lines(
                "Journal",
                "Time to make a group of records durable; every webhook waits for one.",
                "s",
                (f"histogram_quantile(0.5, {commit})", "half"),
                (f"histogram_quantile(0.99, {commit})", "99 of 100"),
            ),
            lines(
                "Directories",
                "Time that look-ups took.",
                "s",
                (f"histogram_quantile(0.95, {lookup})", "{{source}} 95 of 100"),
            ),
            lines(
                "Away",
                "1 while a part is away and served without.",
                "short",
                (f"max by (part) (holdsvc_degraded{{{REPLICA}}})", "{{part}}"),
                top=1,
            ),
            lines(
                "Look-ups by result",
                "A second.",
                "reqps",
                (
                    f"sum by (source, result) (rate(holdsvc_lookup_duration_seconds_count{{{REPLICA}}}[5m]))",
                    "{{source}} {{result}}",
                ),
                stack=True,
            ),
            lines(
                "Outbox",
                "Tries to tell subscribers, a minute, by what came of them; what is still to be told, and what is dead.",
                "short",
                (f"sum by (result) (60 * rate(holdsvc_outbox_tries_total{{{REPLICA}}}[5m]))", "{{result}}"),
                ("max (holdsvc_outbox_waiting)", "to be told"),
                ("max (holdsvc_outbox_dead)", "dead letters"),
            ),
            lines(
                "Up",
                "1 where the replica answers.",
                "short",
                (f'up{{job="holdsvc", {REPLICA}}}', "{{instance}}"),
                top=1,
            ),
            lines(
                "Version",
                "What runs.",
                "short",
                (f"count by (version) (holdsvc_build_info{{{REPLICA}}})", "{{version}}"),
            ),
            lines(
                "Told otherwise later",
                "Waits whose end was corrected by late news, a minute.",
                "short",
                (f"sum by (from, to) (60 * rate(holdsvc_waits_amended_total{{{QUEUE}}}[5m]))", "{{from}} to {{to}}"),
                width=24,
            ),
        ),
    )


def service_level() -> Board:
    variants = [(f"queue:holdsvc_service_level_v{n}:ratio1h{{{QUEUE}}}", f"{{{{queue}}}} V{n}") for n in range(1, 7)]
    return Board(
        "holdsvc-service-level",
        "holdsvc: service level and error budget",
        "Within 20 s, target 80 %. V1 credits early abandons, V2 counts answered calls only, V3 counts every abandon "
        "against, V4 leaves early abandons out, V5 credits only very short ones, V6 leaves these out. "
        "To the digit: `holdsvc report service-level`.",
        (
            lines(
                "Service level, every variant, last hour",
                "Side by side, because contracts differ.",
                "percentunit",
                *variants,
                top=1,
                width=24,
            ),
            lines(
                "V1 over windows",
                "The same figure over 5 minutes to 6 hours.",
                "percentunit",
                *[
                    (f"queue:holdsvc_service_level_v1:ratio{w}{{{QUEUE}}}", f"{{{{queue}}}} {w}")
                    for w in ("5m", "30m", "1h", "6h")
                ],
                top=1,
            ),
            lines(
                "Budget burnt",
                "1 is as many late calls as the target allows; 3 over an hour and now pages, 1.8 over six hours is a ticket.",
                "short",
                *[
                    (f"(1 - queue:holdsvc_service_level_v1:ratio{w}{{{QUEUE}}}) / 0.2", f"{{{{queue}}}} {w}")
                    for w in ("5m", "30m", "1h", "6h")
                ],
            ),
            lines(
                "Abandonment, gross and net, last hour",
                "Net leaves out who left within seconds.",
                "percentunit",
                (f"queue:holdsvc_abandonment:ratio1h{{{QUEUE}}}", "{{queue}} gross"),
                (f"queue:holdsvc_abandonment_net:ratio1h{{{QUEUE}}}", "{{queue}} net"),
            ),
            lines(
                "Calls behind the figures, last hour",
                "Under 20 or so, a share says little.",
                "short",
                (f"queue:holdsvc_ended:increase1h{{{QUEUE}}}", "{{queue}}"),
            ),
        ),
        since="now-24h",
    )


BOARDS: tuple[Callable[[], Board], ...] = (wallboard, experience, webhooks, resources, service_level)
