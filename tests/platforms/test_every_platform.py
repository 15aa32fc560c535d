"""What holds for every platform, whatever it is called. A new one stands in `benches` and is covered."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from holdsvc.calls.instructions import Instruction
from holdsvc.calls.model import CallId, CallRef
from holdsvc.errors import BadWebhook, Unverified
from holdsvc.ports import Report, Verified

from .bench import EVERY_INSTRUCTION, TUNE, Bench, Sample, posted, scene
from .benches import BENCHES

SAMPLES = [(bench, sample) for bench in BENCHES for sample in bench.samples()]
every_platform = pytest.mark.parametrize("bench", BENCHES, ids=lambda bench: bench.platform.name)
every_sample = pytest.mark.parametrize(
    ("bench", "sample"), SAMPLES, ids=[f"{bench.platform.name}-{sample.name}" for bench, sample in SAMPLES]
)


UNTOLD = {
    "exact": True,
    "leg": False,
    "mid_call": False,
    "by_caller": False,
    "inferred": False,
}  # defaults, which are left out


@every_platform
def test_there_are_samples(bench: Bench) -> None:
    assert len(bench.samples()) >= 5


@every_sample
def test_a_stored_sample_gives_its_stored_events(bench: Bench, sample: Sample) -> None:
    verified = bench.platform.verify(bench.sign(sample.request))

    report = bench.platform.parse(verified)

    assert told(msgspec.json.decode(msgspec.json.encode(report))) == told(sample.gives)


def told(value: object) -> object:
    """Without what is not told, so that a field that is new and has its default leaves the samples as they are."""
    if isinstance(value, dict):
        return {name: told(one) for name, one in value.items() if one not in (None, []) and one is not UNTOLD.get(name)}
    return [told(one) for one in value] if isinstance(value, list) else value


@every_sample
def test_a_retry_has_the_ids_of_the_first_delivery(bench: Bench, sample: Sample) -> None:
    first = bench.platform.parse(bench.platform.verify(bench.sign(sample.request)))
    again = bench.platform.parse(bench.platform.verify(bench.sign(sample.request)))

    assert first == again


@every_sample
def test_an_unsigned_request_is_refused(bench: Bench, sample: Sample) -> None:
    with pytest.raises(Unverified):
        bench.platform.verify(sample.request)


@every_sample
def test_a_tampered_request_is_refused(bench: Bench, sample: Sample) -> None:
    genuine = bench.sign(sample.request)

    for tampered in (
        replace(genuine, body=genuine.body + b"&Added=1"),
        replace(genuine, body=genuine.body[:-1]),
        replace(genuine, url=genuine.url + "0"),
        replace(genuine, url=genuine.url.replace("holdsvc.", "other.")),
    ):
        with pytest.raises(Unverified):
            bench.platform.verify(tampered)


@every_sample
def test_without_a_secret_nothing_is_believed(bench: Bench, sample: Sample) -> None:
    with pytest.raises(Unverified) as refused:
        bench.unready.verify(bench.sign(sample.request))

    assert refused.value.reason == "no_secret"


@every_platform
@given(data=st.data())
def test_whatever_was_signed_gives_a_report_or_none_or_a_bad_webhook(bench: Bench, data: st.DataObject) -> None:
    step = data.draw(st.sampled_from([*sorted(bench.platform.steps), "", "nonsense"]))
    body, query = data.draw(st.binary(max_size=300)), data.draw(st.text(max_size=100))
    pairs = data.draw(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=8))

    verified = Verified(posted(step, body, query, platform=bench.platform.name), tuple(pairs))

    report = understood(bench, verified)

    assert report is None or isinstance(report, Report | BadWebhook)


def understood(bench: Bench, verified: Verified) -> Report | BadWebhook | None:
    try:
        return bench.platform.parse(verified)
    except BadWebhook as refused:
        return refused


@every_platform
@given(todo=st.lists(st.sampled_from(EVERY_INSTRUCTION), max_size=5), streams=st.booleans())
def test_every_turn_has_an_answer_at_every_step(bench: Bench, todo: list[Instruction], streams: bool) -> None:
    ref = CallRef(bench.platform.name, CallId("CA01"))

    for step in bench.platform.steps:
        reply = bench.platform.render(ref, tuple(todo), scene(step, streams=streams, token="t0ken"))

        assert reply.status == 200
        assert reply.body
        assert reply.content_type


@every_platform
def test_there_is_always_something_harmless_to_answer(bench: Bench) -> None:
    for step in bench.platform.steps:
        assert bench.platform.fallback(scene(step), TUNE).status == 200


@every_platform
def test_a_platform_that_streams_has_a_wire_and_no_other(bench: Bench) -> None:
    wire = bench.platform.wire()

    assert (wire is not None) is bench.platform.can.stream
    assert wire is None or wire.can_clear is bench.platform.can.clear
