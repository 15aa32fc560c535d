"""The short form of `python -m tests.content.hostile`, and that it would notice what it looks for."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from holdsvc.content import apart
from tests.content import hostile
from tests.content.mutations import MUTATORS, crafted, mutated, seeds


@pytest.fixture(scope="module")
def tally() -> hostile.Tally:
    result = hostile.run(150, seed=20, workers=os.cpu_count() or 1)
    print(f"\n{result}")
    return result


def test_no_hostile_file_breaks_the_service_or_leaves_without_an_answer(tally):
    assert tally.crashes == []
    assert tally.count == 150 + len(tally.by_name)
    assert tally.ingested > 10, "some mutations are harmless, or nothing was tried"
    assert tally.reasons.total() > 50


def test_no_hostile_file_calls_anywhere_or_leaves_a_file(tally):
    assert tally.connections == 0
    assert tally.strays == []


def test_each_reason_can_be_read_by_an_operator(tally):
    assert tally.unclear == []


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("a playlist that poses as mp3", "cannot be read"),
        ("a playlist of a local file", "cannot be read"),
        ("a playlist under its own name", "not a sound file"),
        ("concat of an address", "cannot be read"),
        (
            "a reference to another file",
            "ingested",
        ),  # what is in the file itself is heard, the reference is not followed
        ("a cover that is an address", "ingested"),
        ("a cover that swells", "ingested"),
        ("a tag that is large", "ingested"),
        ("ten hours of silence", "longer than 60 minutes"),
        ("a wav that holds another codec", "a kind of sound that we do not read"),
    ],
)
def test_what_was_made_with_intent_gets_the_answer_it_should(tally, name, outcome):
    assert outcome in tally.by_name[name]


def test_the_canary_hears_who_calls():
    with hostile.canary() as calls:
        with pytest.raises(OSError):
            urllib.request.urlopen(f"http://{calls.address}/secret", timeout=5)

        assert calls.count == 1


def test_the_playlist_does_call_where_nothing_is_forced(tmp_path):
    """The control: the same bytes, given to the library as most programs do, reach the canary."""
    playlist = tmp_path / "list.m3u8"
    with hostile.canary() as calls:
        playlist.write_bytes(crafted(calls.address, "")["a playlist that poses as mp3"][1])
        options = "{'protocol_whitelist': 'file,http,tcp'}"
        subprocess.run(
            [sys.executable, "-c", f"import av, sys; av.open(sys.argv[1], options={options})", str(playlist)],
            capture_output=True,
            timeout=30,
        )

        assert calls.count > 0


def test_a_crash_a_stray_file_and_an_unclear_reason_would_be_counted(monkeypatch):
    def broken(path: Path, **_: object) -> None:
        (path.parent / f"{path.stem}.left").touch()
        raise KeyError("somebody forgot")

    monkeypatch.setattr(hostile, "decode", broken)

    tally = hostile.run(3)

    assert len(tally.crashes) == tally.count == 3 + len(tally.by_name)
    assert tally.strays
    assert not hostile._CLEAR.fullmatch("the file cannot be read (AttributeError)")


@pytest.mark.parametrize("mutator", MUTATORS, ids=lambda mutator: mutator.__name__)
def test_every_mutator_changes_files(mutator):
    chance = hostile.random.Random(3)
    changed = 0
    for content in seeds().values():
        altered = bytearray(content)
        mutator(altered, chance)
        changed += altered != content

    assert changed >= len(seeds()) - 2


def test_the_same_seed_gives_the_same_files():
    first, second = hostile.random.Random(5), hostile.random.Random(5)

    assert [mutated(first) for _ in range(20)] == [mutated(second) for _ in range(20)]


def test_the_decoder_is_handed_no_name_of_the_file():
    assert not any("TMP" in name or "HOME" in name for name in apart.environment())
