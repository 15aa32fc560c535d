"""A pseudonym stands for a number and tells nothing of it."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from holdsvc.callers.pseudonym import Pseudonyms, key_from
from holdsvc.calls.model import PhoneNumber
from holdsvc.errors import ConfigError

ANN = PhoneNumber("+15005550100")
KEY = bytes(range(32))


def test_the_same_number_has_the_same_pseudonym_and_another_number_another() -> None:
    names = Pseudonyms(KEY)

    assert names.of(ANN) == Pseudonyms(KEY).of(PhoneNumber("+15005550100"))
    assert len({names.of(PhoneNumber(f"+1500555{n:04}")) for n in range(10_000)}) == 10_000


def test_a_pseudonym_is_hexadecimal_and_carries_no_digits_of_the_number() -> None:
    name = Pseudonyms(KEY).of(ANN)

    assert len(name) == 32
    int(name, 16)
    assert "5550100" not in name


def test_without_the_key_the_pseudonym_cannot_be_had() -> None:
    assert Pseudonyms(KEY).of(ANN) != Pseudonyms(bytes(32)).of(ANN)


def test_a_pseudonym_stays_the_same_across_versions_of_the_service() -> None:
    assert Pseudonyms(KEY).of(ANN) == "888c35f94b644eb44b530ce56fcb3128"


def test_the_key_is_never_shown() -> None:
    names = Pseudonyms(KEY)

    assert KEY.hex() not in repr(names) + str(names)
    assert "x01" not in repr(names)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="32 bytes"):
        Pseudonyms(b"short")


def test_the_key_file_is_made_once_and_is_for_us_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "callers.key"

    first = key_from(path)

    assert len(first) == 32
    assert key_from(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["callers.key"]


def test_a_key_file_that_others_may_read_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "callers.key"
    key = key_from(path)
    path.chmod(0o644)

    again = key_from(path)

    assert again == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content", [b"", b"abcd\n", b"\xff\xfe", b"not hexadecimal, not hexadecimal, not hexadecimal, not"]
)
def test_a_damaged_key_file_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "callers.key"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=r"callers\.key: the key file"):
        key_from(path)

    assert path.read_bytes() == content


def test_a_place_that_cannot_be_written_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match=r"callers\.key: the key file .* cannot be used"):
        key_from(tmp_path / "file" / "callers.key")


def test_who_comes_second_uses_the_key_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "callers.key"
    theirs: list[bytes] = []

    def overtaken() -> bytes:
        theirs.append(key_from(path))
        return bytes(32)

    assert key_from(path, overtaken) == theirs[0] != bytes(32)
    assert key_from(path) == theirs[0]


def test_many_that_come_at_once_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "callers.key"
    together = Barrier(8)

    def come(_: int) -> bytes:
        together.wait()
        return key_from(path)

    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(come, range(8)))

    assert len(keys) == 1
