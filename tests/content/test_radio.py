"""A shelf as endless mp3: no gap, no click, and turns that are fair."""

import io
import itertools
import random

import av
import numpy as np
import pytest

from holdsvc.calls.model import ContentId, ContentItem, Kind
from holdsvc.content.mp3 import Mp3
from holdsvc.content.radio import BITRATES, CHUNK, FRAME, FRAMES, RATE, Radio, Turns
from holdsvc.errors import BadContent


def item(name, shelf="jazz", kind=Kind.MUSIC):
    return ContentItem(ContentId(name), kind, shelf, name, 1.0)


def tone(hertz, seconds):
    times = np.arange(round(seconds * RATE)) / RATE
    return (9000 * np.sin(2 * np.pi * hertz * times)).astype("<i2")


def decoded(mp3):
    with av.open(io.BytesIO(mp3), format="mp3") as file:
        return np.concatenate([frame.to_ndarray().ravel() for frame in file.decode(audio=0)])


def radio(sounds, items, bitrate=64):
    return Radio(lambda: items, lambda name, rate: memoryview(sounds[name].tobytes()), bitrate, random.Random(1))


def test_the_shelves_are_those_with_music_and_all_of_it():
    items = (item("a"), item("b", "folk"), item("c", "histories", Kind.PODCAST))

    assert radio({}, items).shelves() == ("folk", "jazz", "music")


def test_item_follows_item_without_a_gap_or_a_click_however_the_lengths_fall():
    # One wave cut into items in the middle of its course: only a joint to the very sample sounds like the whole.
    wave = tone(440.0, 60.0)
    pieces = iter(np.split(wave, np.cumsum([12_345, 100_000, 577, 1, 200_003])))
    reel = Radio(
        lambda: (item("a"),), lambda name, rate: memoryview(next(pieces).tobytes()), 64, random.Random(1)
    ).tune("jazz")

    mp3 = b"".join(sound for _ in range(5) for sound, _ in reel.more(4))

    sound = decoded(mp3)[2 * FRAME : -FRAME]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size)))
    hertz = np.fft.rfftfreq(sound.size, 1 / RATE)
    beside = spectrum[np.abs(hertz - 440) > 20].max() / spectrum.max()
    loud = np.sqrt(np.convolve(sound.astype(float) ** 2, np.ones(160) / 160, "valid"))
    assert sound.size > 9 * RATE
    assert 20 * np.log10(beside) < -50, "a click would be heard beside the tone"
    assert loud.min() > 0.9 * loud.max(), "a gap would be a hole in the loudness"


def test_each_chunk_says_which_items_are_in_it_and_for_how_long():
    sounds = {"a": tone(300.0, 1.3), "b": tone(400.0, 0.2), "c": tone(500.0, 2.0)}
    reel = radio(sounds, tuple(map(item, sounds))).tune("jazz")

    told = [parts for _, parts in reel.more(20)]

    assert [sum(part.seconds for part in parts) for parts in told] == pytest.approx([CHUNK] * 20)
    turns = {}
    for turn, content, seconds in (part for parts in told for part in parts):
        turns.setdefault((turn, content), []).append(seconds)
    whole = list(turns)[:-1]
    assert [turn for turn, _ in turns] == list(range(1, len(turns) + 1))
    assert [sum(turns[one]) for one in whole] == pytest.approx([sounds[content].size / RATE for _, content in whole])
    assert {content for _, content in whole} == set(sounds)


def test_where_nothing_is_to_be_played_no_item_is_named():
    assert [parts for _, parts in radio({}, ()).tune("jazz").more(3)] == [()] * 3


@pytest.mark.parametrize("bitrate", BITRATES)
def test_every_chunk_is_as_long_as_it_says_and_begins_with_a_frame(bitrate):
    reel = radio({"a": tone(300.0, 3.0)}, (item("a"),), bitrate).tune("jazz")

    chunks = [sound for sound, _ in reel.more(3) + reel.more(2)]

    size = FRAMES * FRAME * bitrate * 1000 // (8 * RATE)
    assert [len(chunk) for chunk in chunks] == [size] * 5
    assert all(chunk[0] == 0xFF and chunk[1] & 0xE0 == 0xE0 for chunk in chunks)
    assert FRAMES * FRAME / RATE == CHUNK


def test_whoever_comes_in_at_any_frame_hears_it_from_the_next_one_on():
    frames = list(Mp3(64).frames(memoryview(tone(500.0, 2.0)[: 50 * FRAME].tobytes())))

    for first in (5, 6, 17):
        sound = decoded(b"".join(frames[first:]))
        assert np.abs(sound[2 * FRAME : 4 * FRAME]).max() > 0.2


def test_every_item_has_its_turn_before_any_comes_again_and_none_twice_running():
    heard = []
    names = [ContentId(name) for name in "abcde"]

    def linear(name, rate):
        heard.append(name)
        return memoryview(b"\0\0")

    turns = Turns(lambda: list(names), linear, random.Random(3))
    for _ in range(200):
        turns.following()

    assert all(set(heard[begin : begin + 5]) == set(names) for begin in range(0, 200, 5))
    assert not [one for one, after in itertools.pairwise(heard) if one == after]


def test_an_item_that_went_away_is_left_out_and_an_empty_shelf_is_silent_until_there_is_something_again():
    names = [ContentId("gone"), ContentId("here")]

    def linear(name, rate):
        if name == "gone":
            raise BadContent("no prepared sound")
        return memoryview(b"\1\0")

    turns = Turns(lambda: list(names), linear, random.Random(3))

    assert [bytes(turns.following().sound) for _ in range(2)].count(b"\1\0") >= 1
    names.remove(ContentId("here"))
    turns.following()
    assert set(bytes(turns.following().sound)) == {0}
    names[:] = [ContentId("back")]
    assert turns.following() == ("back", b"\1\0")
