import asyncio
import logging
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from holdsvc.audio import g711
from holdsvc.errors import Unheard
from holdsvc.ports import Candidate, Certainty, Utterance
from holdsvc.speech.workers import Limits, Workers, command_of, environment

SAID = Path(__file__).parent / "recognise" / "said"
SOON = 60.0  # seconds that a process may take to come up on a machine under load
QUICK = Limits(rest=(0.0,), starting=SOON, deadline=SOON)


def said(wish: str, seconds: float = 1.0) -> Utterance:
    return Utterance(b"\0\0" * round(8000 * seconds), (Candidate(wish, (wish,)),))


@asynccontextmanager
async def working(manner: str = "well", limits: Limits = QUICK):
    told: list[bool] = []
    workers = Workers((sys.executable, "-m", "tests.speech.fake_worker", manner), limits, told.append)
    await workers.start()
    try:
        yield workers, told
    finally:
        await workers.close()


async def until(condition) -> None:
    async with asyncio.timeout(2 * SOON):
        while not condition():
            await asyncio.sleep(0.005)


def replace(limits: Limits, **changes) -> Limits:
    return msgspec.structs.replace(limits, **changes)


async def test_an_utterance_is_answered_by_a_process_that_is_not_ours():
    async with working() as (workers, told):
        await until(lambda: workers.load.ready)

        heard = await workers.recognise(said("pid"))

        assert heard.certainty is Certainty.SURE
        assert int(heard.choice) != os.getpid()
        assert workers.understands("en-GB")
        assert not workers.understands("es")
        assert told == [False]
        assert workers.load.answers == {"sure": 1}


async def test_while_no_worker_is_up_an_utterance_is_refused_at_once():
    async with working("never") as (workers, _):
        with pytest.raises(Unheard) as refused:
            await workers.recognise(said("jazz"))

        assert refused.value.why == "absent"
        assert not workers.understands("en")


async def test_a_missing_model_is_one_sentence_and_is_not_tried_again(caplog):
    with caplog.at_level(logging.WARNING, "holdsvc.speech"):
        async with working("unable") as (workers, told):
            await until(lambda: workers.load.fault)

            with pytest.raises(Unheard):
                await workers.recognise(said("jazz"))
            await until(lambda: all(tender.done() for tender in workers._tenders))

    assert workers.load.fault == "speech.model: there is no model here"
    assert workers.load.restarts == 0
    assert told == [True]
    assert len([line for line in caplog.messages if "no model here" in line]) == 1


async def test_a_worker_that_dies_over_an_utterance_is_replaced():
    async with working() as (workers, told):
        await until(lambda: workers.load.ready)

        with pytest.raises(Unheard) as broken:
            await workers.recognise(said("die"))
        await until(lambda: workers.load.restarts == 1 and workers.load.ready)
        heard = await workers.recognise(said("jazz"))

        assert broken.value.why == "broken"
        assert heard.choice == "jazz"
        assert told == [False, True, False]


async def test_a_worker_that_is_killed_while_idle_is_replaced():
    async with working() as (workers, _):
        await until(lambda: workers.load.ready)
        first = int((await workers.recognise(said("pid"))).choice)

        os.kill(first, signal.SIGKILL)
        await until(lambda: workers.load.restarts == 1 and workers.load.ready)

        assert int((await workers.recognise(said("pid"))).choice) != first


async def test_a_worker_that_hangs_is_given_up_at_the_deadline_and_replaced():
    async with working(limits=replace(QUICK, deadline=0.2, outwaited=0.2)) as (workers, told):
        await until(lambda: workers.load.ready)

        with pytest.raises(Unheard) as late:
            await workers.recognise(said("hang"))
        await until(lambda: workers.load.restarts == 1 and workers.load.ready)

        assert late.value.why == "late"
        assert told == [False, True, False]


async def test_a_worker_that_is_only_slow_is_told_once_and_goes_on(caplog):
    caplog.set_level(logging.INFO, "holdsvc.speech")
    async with working(limits=replace(QUICK, deadline=0.1, outwaited=SOON)) as (workers, told):
        await until(lambda: workers.load.ready)

        with pytest.raises(Unheard) as late:
            await workers.recognise(said("slow"))
        await until(lambda: told == [False, True, False])

        assert late.value.why == "late"
        assert (workers.load.restarts, workers.load.fault) == (0, "")
        lines = [line for line in caplog.messages if line.startswith("speech")]
        assert lines == ["speech_away the recogniser is slow or hangs; keys work", "speech_back"]


async def test_what_a_worker_garbles_is_no_answer():
    async with working() as (workers, _):
        await until(lambda: workers.load.ready)

        with pytest.raises(Unheard) as broken:
            await workers.recognise(said("garble"))
        await until(lambda: workers.load.restarts == 1 and workers.load.ready)

        assert broken.value.why == "broken"
        assert (await workers.recognise(said("jazz"))).choice == "jazz"


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits there")
async def test_a_worker_that_takes_too_much_memory_falls_and_is_replaced():
    async with working() as (workers, _):
        await until(lambda: workers.load.ready)

        with pytest.raises(Unheard):
            await workers.recognise(said("swell"))
        await until(lambda: workers.load.restarts == 1 and workers.load.ready)


async def test_where_there_is_no_room_an_utterance_is_refused_at_once_and_counted():
    async with working(limits=replace(QUICK, waiting=1)) as (workers, _):
        await until(lambda: workers.load.ready)
        first, second = (asyncio.create_task(workers.recognise(said("slow"))) for _ in range(2))
        await until(lambda: workers.load.waiting == 1)

        with pytest.raises(Unheard) as refused:
            await workers.recognise(said("jazz"))
        heard = await asyncio.gather(first, second)

        assert refused.value.why == "busy"
        assert [one.choice for one in heard] == ["slow", "slow"]
        assert workers.load.answers == {"busy": 1, "sure": 2}
        assert workers.load.restarts == 0


async def test_an_answer_to_who_no_longer_waits_is_never_given_to_another():
    async with working() as (workers, _):
        await until(lambda: workers.load.ready)
        gone = asyncio.create_task(workers.recognise(said("slow")))
        await until(lambda: workers.load.busy == 1)
        gone.cancel()
        await asyncio.wait([gone])

        assert (await workers.recognise(said("jazz"))).choice == "jazz"
        assert workers.load.restarts == 0


async def test_two_workers_work_at_once():
    async with working(limits=replace(QUICK, workers=2)) as (workers, _):
        await until(lambda: workers.load.ready == 2)

        slow = asyncio.create_task(workers.recognise(said("slow")))
        await until(lambda: workers.load.busy == 1)
        heard = await workers.recognise(said("jazz"))

        assert heard.choice == "jazz"
        assert not slow.done()
        await slow


async def test_a_worker_that_cannot_stay_up_leaves_the_keys_and_one_line(caplog):
    with caplog.at_level(logging.INFO, "holdsvc.speech"):
        async with working("falls") as (workers, told):
            await until(lambda: workers.load.restarts >= 3)

    assert told == [True]
    assert len([line for line in caplog.messages if line.startswith("speech_away")]) == 1


async def test_an_end_leaves_no_process_behind():
    async with working() as (workers, _):
        await until(lambda: workers.load.ready)
        worker = int((await workers.recognise(said("pid"))).choice)

    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def test_a_worker_is_told_no_secret(monkeypatch):
    monkeypatch.setenv("HOLDSVC_API__TOKEN", "hidden")

    assert "hidden" not in " ".join(environment(100).values())
    assert command_of("forced", "/model")[-2:] == ("forced", "/model")


def test_what_was_said_is_not_shown():
    assert repr(said("jazz", 1.5)) == "Utterance(1.5 s, en)"


@pytest.mark.parametrize(("kind", "package"), [("forced", "ctranslate2"), ("grammar", "pocketsphinx")])
async def test_a_worker_of_the_real_kind_understands_within_its_bounds(kind, package):
    pytest.importorskip(package)
    spoken = g711.decode((SAID / "next.ulaw").read_bytes()).tobytes()
    workers = Workers(command_of(kind), QUICK)
    await workers.start()
    try:
        await until(lambda: workers.load.ready or workers.load.fault)

        heard = await workers.recognise(
            Utterance(spoken, (Candidate("next", ("next",)), Candidate("music", ("music",))))
        )
    finally:
        await workers.close()

    assert heard.choice == "next"


async def test_a_kind_without_its_model_is_one_sentence():
    workers = Workers(command_of("forced", "no-such-folder"), QUICK)
    await workers.start()
    try:
        await until(lambda: workers.load.fault)
    finally:
        await workers.close()

    assert workers.load.fault.startswith("speech.")
    assert workers.load.restarts == 0
