import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.content import sounds
from holdsvc.content.sounds import Measured, Prepared

SOUND = Prepared(b"\xff" * 160, b"\x00", Measured(0.02, -19.0, -2.0))


@given(st.binary(max_size=200))
def test_a_sound_is_named_after_the_recipe_and_its_source(tmp_path_factory, source):
    file = tmp_path_factory.getbasetemp() / "source"
    file.write_bytes(source)

    assert sounds.hash_of(source) == hashlib.sha256(sounds.RECIPE.encode() + source).hexdigest()[:32]
    assert sounds.hash_of_file(file) == sounds.hash_of(source)


def test_what_is_kept_is_found_in_the_first_folder_that_has_it(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    sounds.keep(SOUND, second, "a" * 32)
    folders = (first, second)

    assert sounds.find("a" * 32, folders) == second / f"{'a' * 32}.ulaw"
    assert sounds.peaks_of("a" * 32, folders) == SOUND.peaks
    assert sounds.measured_of("a" * 32, folders) == SOUND.measured
    assert sounds.find("b" * 32, folders) is None
    assert sounds.measured_of("b" * 32, folders) is None
    assert sounds.peaks_of("b" * 32, folders) == b""


def test_a_sound_that_was_refused_and_is_kept_later_is_no_longer_refused(tmp_path):
    sounds.refuse(tmp_path, "a", "it was bad")
    assert sounds.refusal("a", (tmp_path,)) == "it was bad"

    sounds.keep(SOUND, tmp_path, "a")

    assert sounds.refusal("a", (tmp_path,)) is None


def test_a_failed_write_leaves_what_was_there(tmp_path):
    file = tmp_path / "a.ulaw"
    sounds.write(file, b"before")

    with pytest.raises(TypeError):
        sounds.write(file, "not bytes")

    assert file.read_bytes() == b"before"
