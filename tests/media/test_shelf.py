"""The shipped shelf: what the index promises is there, sounds, and may be played."""

import tomllib
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

from holdsvc.content.library import Library

MEDIA = Path(__file__).resolve().parents[2] / "media"
PREPARED = MEDIA / "prepared"
SOUND_FOLDERS = ("music", "podcasts", "daily", "quiet")  # prompts and quiz have texts and tests of their own
SUFFIXES = {".opus", ".ogg", ".mp3", ".wav", ".flac", ".m4a"}
MUSIC_SHELF = 20_000_000  # bytes, of the pieces and of what of them ships prepared
PAYLOAD = (
    40 << 20
)  # bytes of media and settings in the wheel, before they are packed; tests/wheel.sh weighs the wheel itself
KINDS = {"music", "podcast", "daily", "quiz", "quiet"}

MOODS = {"calm", "sober", "warm", "bright", "jolly"}

ITEMS = tomllib.loads((MEDIA / "index.toml").read_text(encoding="utf-8"))["item"]
MUSIC = [item for item in ITEMS if item["kind"] == "music"]


EDGE = 0.03  # seconds at the ends
LEAD, RING = 2, 5  # seconds at the ends of which nothing is asked but softness
BLOCK = 1 << 16  # samples whose spectrum is taken at a time


class Look(NamedTuple):
    """What is measured on an item, -1 to 1. Decoding takes longest, and so is done once."""

    seconds: float
    loudness: float
    highest: float
    highest_at_ends: float
    levels: np.ndarray  # of each second between the ends, dB against the whole
    power: np.ndarray  # by hertz
    hertz: np.ndarray


@cache
def look(name: str) -> Look:
    with av.open(str(MEDIA / name)) as file:
        to_float = av.AudioResampler(format="flt", layout="mono")
        frames = [part for frame in file.decode(audio=0) for part in to_float.resample(frame)]
    sound, rate = np.concatenate([frame.to_ndarray().ravel() for frame in frames]), frames[0].sample_rate
    inside, edge = sound[LEAD * rate : -RING * rate], round(EDGE * rate)
    seconds = np.square(inside[: inside.size // rate * rate].reshape(-1, rate)).mean(axis=1)
    blocks = np.pad(inside, (0, -inside.size % BLOCK)).reshape(-1, BLOCK) * np.hanning(BLOCK).astype(np.float32)
    return Look(
        sound.size / rate,
        float(np.sqrt(np.square(sound).mean())),
        float(np.abs(sound).max()),
        float(max(np.abs(sound[:edge]).max(), np.abs(sound[-edge:]).max())),
        10 * np.log10(seconds / np.square(inside).mean()),
        np.square(np.abs(np.fft.rfft(blocks))).sum(axis=0),
        np.fft.rfftfreq(BLOCK, 1 / rate),
    )


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item["id"])
def test_every_item_is_whole(item):
    found = look(item["file"])

    assert item["kind"] in KINDS
    assert all(item[word] for word in ("title", "artist", "shelf", "language"))
    assert found.seconds > 15
    assert 0.03 < found.loudness < 0.3
    assert found.highest < 1.0


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item["id"])
def test_every_item_says_its_licence_and_where_it_came_from(item):
    licence = item["licence"]

    assert licence["name"]
    assert licence["source"]
    assert isinstance(licence["attribution"], str)


def test_ids_are_unique():
    assert max(Counter(item["id"] for item in ITEMS).values()) == 1


def test_files_and_index_agree():
    found = {path for folder in SOUND_FOLDERS for path in (MEDIA / folder).rglob("*") if path.suffix in SUFFIXES}

    assert found == {MEDIA / item["file"] for item in ITEMS if item["kind"] != "quiz"}


def test_one_track_plays_when_all_else_fails():
    house = [item for item in ITEMS if item.get("house")]

    assert [item["kind"] for item in house] == ["music"]


def test_there_is_an_hour_of_music_of_many_kinds_a_podcast_and_an_update():
    genres = Counter(item["shelf"] for item in MUSIC)
    series = Counter(item["shelf"] for item in ITEMS if item["kind"] == "podcast")

    assert len(MUSIC) >= 24
    assert len(genres) >= 5
    assert min(genres.values()) >= 2, "who asks for a genre hears more than one piece of it"
    assert sum(look(item["file"]).seconds for item in MUSIC) >= 3600
    assert max(series.values()) >= 3
    assert [item for item in ITEMS if item["kind"] == "daily" and item["shelf"] == "updates"]


@pytest.mark.parametrize("kind", ["podcast", "daily"])
def test_there_is_something_to_hear_in_every_language_that_we_speak(kind):
    spoken = {folder.name for folder in (MEDIA / "prompts").iterdir() if folder.is_dir()}

    assert {item["language"] for item in ITEMS if item["kind"] == kind} == spoken == {"en", "es", "ru", "zh"}


def test_every_piece_of_music_says_its_mood_and_some_are_for_hard_hours():
    moods = Counter(item["mood"] for item in MUSIC)

    assert set(moods) <= MOODS
    assert moods["calm"] + moods["sober"] + moods["warm"] >= 12


@pytest.mark.parametrize("item", MUSIC, ids=lambda item: item["id"])
def test_music_lives_where_a_telephone_hears_and_has_no_holes_and_no_outbursts(item):
    found = look(item["file"])
    power, hertz = found.power, found.hertz

    assert found.levels.min() > -18
    assert found.levels.max() < 8
    assert power[(hertz > 300) & (hertz < 3400)].sum() > 0.4 * power.sum()
    assert power[hertz > 5000].sum() < 0.01 * power.sum()


@pytest.mark.parametrize("item", MUSIC, ids=lambda item: item["id"])
def test_music_is_long_enough_to_be_worth_choosing_and_begins_and_ends_softly(item):
    found = look(item["file"])

    assert 90 <= found.seconds <= 240
    assert found.highest_at_ends < 0.03


def test_orders_on_a_shelf_are_distinct():
    places = Counter((item["kind"], item["shelf"], item["order"]) for item in ITEMS)

    assert max(places.values()) == 1


def test_the_music_shelf_is_small_with_what_of_it_ships_prepared():
    music = {item["id"] for item in MUSIC}
    sounds = [source.sound for source in Library.open(MEDIA, [PREPARED]).sources if source.id in music]
    prepared = [file for sound in sounds for file in PREPARED.glob(f"{sound}.*")]

    whole = weight([MEDIA / "music", *prepared])

    print(f"music: {whole:,} bytes, {weight(prepared):,} of them prepared")
    assert len(sounds) == len(MUSIC)
    assert prepared, "the house track's"
    assert whole < MUSIC_SHELF


def test_all_media_and_settings_of_the_wheel_weigh_less_than_forty_megabytes():
    """Of this checkout: prepared sound, prompts and quiz among it."""
    wheel = tomllib.loads((MEDIA.parent / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]
    shipped = [MEDIA.parent / path for path in wheel["force-include"]]

    whole = weight(shipped)

    print(f"media and settings of the wheel: {whole:,} bytes, {weight([PREPARED]):,} of them prepared")
    assert set(MEDIA.iterdir()) - set(shipped) == {MEDIA / "make"}, "what makes the sound stays here"
    assert weight([MEDIA, MEDIA.parent / "config"]) - weight([MEDIA / "make"]) == whole
    assert whole < PAYLOAD


def weight(paths: Iterable[Path]) -> int:
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]
    return sum(file.stat().st_size for file in files if "__pycache__" not in file.parts)
