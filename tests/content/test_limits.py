"""What a file may cost, held against files made to cost much. Times are measured and told with -s."""

import contextlib
import resource
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from holdsvc.content import ingest as ingest_module
from holdsvc.content import sounds
from holdsvc.content.decoder import Limits, decode, decode_bytes
from holdsvc.content.ingest import ingest
from holdsvc.content.library import Library
from holdsvc.errors import BadContent
from tests.content.bombs import cover, flac_of_silence, id3, picture_bomb
from tests.content.shelf import entry, fill
from tests.content.signals import file, tone

OVER = 2.0  # seconds over a limit within which the decoder is dead
ENDLESS = 1e6  # seconds of sound, so that another limit is met first


@pytest.fixture(scope="module")
def ten_hours() -> bytes:
    return flac_of_silence(10)


def cost() -> tuple[float, float]:
    """Of the processes that have ended: seconds of CPU; and the time on the wall."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime, time.monotonic()


def refused(source: bytes, suffix: str, limits: Limits) -> tuple[str, float, float]:
    cpu, wall = cost()
    with pytest.raises(BadContent) as caught:
        decode_bytes(source, suffix, limits=limits)
    cpu_then, wall_then = cost()
    print(f"\n{caught.value}: {cpu_then - cpu:.2f} s CPU, {wall_then - wall:.2f} s")
    return str(caught.value), cpu_then - cpu, wall_then - wall


def test_the_bomb_is_what_it_says_it_is():
    assert len(decode_bytes(flac_of_silence(0.25), ".flac")) / 16000 == pytest.approx(900, abs=10)


def test_ten_hours_of_silence_are_refused_at_the_hour_that_is_allowed(ten_hours):
    assert len(ten_hours) < 100_000

    reason, cpu, _ = refused(ten_hours, ".flac", Limits())

    assert reason == "the sound is longer than 60 minutes"
    assert cpu < 20


def test_a_file_that_burns_is_ended_within_two_seconds_over_its_cpu(ten_hours):
    reason, cpu, _ = refused(ten_hours, ".flac", Limits(seconds=ENDLESS, cpu=1, memory=4 << 30))

    assert "too long" in reason
    assert cpu < 1 + OVER


def test_a_file_that_dawdles_is_ended_within_two_seconds_over_its_time(ten_hours):
    reason, _, wall = refused(ten_hours, ".flac", Limits(seconds=ENDLESS, wall=1.5, memory=4 << 30))

    assert "too long" in reason
    assert wall < 1.5 + OVER


def test_a_file_that_swells_is_refused_for_its_memory(ten_hours):
    reason, _, _ = refused(ten_hours, ".flac", Limits(seconds=ENDLESS, memory=400 << 20))

    assert reason == "decoding took too much memory"


def test_an_hour_fits_into_the_memory_that_is_allowed():
    assert len(decode_bytes(flac_of_silence(0.99), ".flac")) / 16000 == pytest.approx(0.99 * 3600, abs=10)


def test_a_picture_that_would_swell_is_never_unpacked():
    bomb = picture_bomb()
    assert len(bomb) * 800 < 30000 * 30000

    pcm = decode_bytes(id3(cover(bomb)) + file(tone(0.5), ".mp3"), ".mp3", limits=Limits(memory=300 << 20))

    assert len(pcm) == pytest.approx(8000, abs=1600)


def test_a_tag_that_claims_a_quarter_of_a_gigabyte_costs_nothing():
    reason, _, wall = refused(id3(b"TIT2", claimed=(1 << 28) - 1) + bytes(1000), ".mp3", Limits(wall=10))

    assert "cannot be read" in reason
    assert wall < 10


@pytest.fixture
def slow(tmp_path) -> Path:
    """A file on a shelf that keeps its worker busy for a while."""
    media = tmp_path / "media"
    media.mkdir()
    (media / "slow.flac").write_bytes(flac_of_silence(0.99, rate=192000))
    fill(media, entry("slow", where="slow.flac"))
    return media / "slow.flac"


def test_a_worker_that_takes_too_long_is_ended_and_its_file_is_not_tried_again(slow, tmp_path, monkeypatch):
    monkeypatch.setattr(ingest_module, "LONGEST", 0.6)
    into, told = tmp_path / "sound", []
    library = Library.open(slow.parent, [into])

    ingest(library, into, progress=told.append)

    assert [step.reason for step in told] == ["preparing it took too long"]
    assert sounds.refusal(library.sources[0].sound, (into,)) == "preparing it took too long"
    assert soon(lambda: not readers_of(slow))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="processes are looked at in /proc")
def test_work_that_is_stopped_leaves_neither_worker_nor_decoder_behind(slow, tmp_path):
    stop = threading.Event()
    library = Library.open(slow.parent, [tmp_path / "sound"])
    work = threading.Thread(target=ingest, args=(library, tmp_path / "sound"), kwargs={"stop": stop})

    work.start()
    begun = soon(lambda: readers_of(slow), 20)
    stop.set()
    work.join(20)

    assert begun
    assert not work.is_alive()
    assert soon(lambda: not readers_of(slow))
    assert library.pending()


def soon(condition: Callable[[], object], seconds: float = OVER) -> bool:
    """Whether it came true in time."""
    pause, until = threading.Event(), time.monotonic() + seconds
    while not (true := condition()) and time.monotonic() < until:
        pause.wait(0.01)
    return bool(true)


def readers_of(source: Path) -> list[str]:
    """Processes that have the file as their standard input, as a decoder has."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "fd/0").readlink() == source:
                found.append(process.name)
    return found


def test_more_than_was_allowed_is_not_even_read(tmp_path):
    large = tmp_path / "large.wav"
    with large.open("wb") as sparse:
        sparse.truncate(Limits().source + 1)

    with pytest.raises(BadContent, match="more than the 300 MB allowed"):
        decode(large)
