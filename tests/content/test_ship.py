from pathlib import Path

import pytest

from holdsvc.audio import g711
from holdsvc.audio.formats import RATE
from holdsvc.audio.levels import level, true_peak
from holdsvc.content import sounds
from holdsvc.content.library import Library
from holdsvc.content.ship import main, ship
from holdsvc.errors import BadContent
from tests.content.shelf import entry, fill

MEDIA = Path(__file__).parents[2] / "media"


def test_prompts_house_track_and_quiet_ship_and_nothing_else(tmp_path):
    fill(tmp_path, entry("house", house=True), entry("other"), prompts={"hello": "Good day.", "bye": "Bye."})

    manifest = ship(tmp_path)

    there = {file.name for file in (tmp_path / "prepared").iterdir()}
    assert there == {f"{sound}.{kind}" for sound in manifest for kind in ("ulaw", "peaks")} | {"manifest.json"}
    assert len(manifest) == 4
    library = Library.open(tmp_path, [tmp_path / "prepared"])
    assert library.house.id == "house"
    assert [source.id for source in library.pending()] == ["other"]
    assert sounds.measured_of(sounds.QUIET_SOUND, library.folders) is not None


def test_an_image_ships_all_that_is_on_the_shelf(tmp_path):
    fill(tmp_path, entry("house", house=True), entry("other"), prompts={"hello": "Good day."})

    assert main(["--all", str(tmp_path)]) == 0

    assert Library.open(tmp_path, [tmp_path / "prepared"]).pending() == ()
    assert {file.suffix for file in (tmp_path / "prepared").iterdir()} == {".ulaw", ".peaks", ".json"}


def test_shipping_again_changes_nothing_and_removes_what_is_no_longer_asked_for(tmp_path):
    fill(tmp_path, entry("house", house=True), prompts={"hello": "Good day.", "bye": "Bye."})
    first = ship(tmp_path)
    assert ship(tmp_path) == first

    fill(tmp_path, entry("house", house=True), prompts={"hello": "Good day."})

    assert len(ship(tmp_path)) == len(first) - 1


def test_a_prompt_without_a_recording_does_not_ship(tmp_path):
    fill(tmp_path, entry("house", house=True), prompts={"missing": "Nothing recorded."})

    with pytest.raises(BadContent, match="missing"):
        ship(tmp_path)


def test_what_this_checkout_ships_is_prepared_and_level_as_a_handset_hears_it():
    """Measured here on the bytes, not read from the manifest; told with -s."""
    library = Library.open(MEDIA, [MEDIA / "prepared"])
    heard = {
        source.id: g711.samples(library.by_hash(source.sound) or b"") for source in library.sources if source.ships
    }
    levels = {id: level(samples) for id, samples in heard.items()}
    peaks = {id: true_peak(samples) for id, samples in heard.items()}
    for id in levels:
        print(f"\n{id:32} {len(heard[id]) / RATE:6.1f} s {levels[id]:7.2f} dB {peaks[id]:6.2f} dBTP", end="")
    print(
        f"\n{len(levels)} items, {min(levels.values()):.2f} to {max(levels.values()):.2f} dB, {max(peaks.values()):.2f} dBTP"
    )

    assert not library.quarantined
    assert not [source.id for source in library.pending() if source.ships], "run python -m holdsvc.content.ship media"
    assert len(levels) > 20
    assert max(levels.values()) - min(levels.values()) < 1.0
    assert max(peaks.values()) <= -1.0
    manifest = sounds.manifest(MEDIA / "prepared")
    for source in library.sources:
        if source.ships:
            assert manifest[source.sound].loudness == pytest.approx(levels[source.id], abs=0.01)
