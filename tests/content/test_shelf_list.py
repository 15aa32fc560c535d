import io
import json
from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from holdsvc.calls.model import Kind
from holdsvc.content.library import Library
from holdsvc.content.shelf_list import Place, as_text, as_tree, shown, sparkline, wrapped
from tests.content.shelf import FREE, entry, fill
from tests.content.test_library import pretend_prepared

HERE = Place(date(2026, 11, 2), {"US", "CA"})
LIMITED = {
    "ended": {"until": date(2026, 11, 1)},
    "lasting": {"until": date(2026, 11, 2)},
    "abroad": {"territories": ("de", "AT")},
    "athome": {"territories": ("DE", "CA")},
}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    media, made = tmp_path / "media", tmp_path / "sound"
    media.mkdir()
    limited = [replace(entry(name), licence=replace(FREE, **limits)) for name, limits in LIMITED.items()]
    talk = replace(
        entry("talk", Kind.PODCAST), title="为什么一在最上面", language="zh", queues=("sales",), tags=("comedy",)
    )
    fill(media, entry("house", house=True), *limited, talk, entry("waiting"), entry("bad", where="missing.wav"))
    for name in ("house", *LIMITED, "talk"):
        pretend_prepared(media / f"{name}.wav", made, 75)
    return Library.open(media, [made])


def listed(library: Library, width: int = 100, encoding: str = "utf-8", **plays: int) -> list[str]:
    screen = io.TextIOWrapper(io.BytesIO(), encoding)
    as_text(shown(library, HERE, plays or None), library, HERE, screen, width)
    screen.flush()
    return screen.buffer.getvalue().decode(encoding).splitlines()


def row(lines: list[str], name: str) -> list[str]:
    """The line of figures of an item and those below that belong to it."""
    first = next(place for place, line in enumerate(lines) if line.startswith(f"  {name} "))
    rest = lines[first + 1 :]
    return [lines[first], *rest[: next(place for place, line in enumerate(rest) if not line.startswith("    "))]]


def test_a_row_has_length_loudness_plays_waveform_and_words(library):
    lines = listed(library, house=17)

    figures, words = row(lines, "house")
    assert figures.split()[:4] == ["house", "1:15", "-19.0", "17"]
    assert "█" in figures.split()[4]
    assert words == "    House · CC0-1.0"
    assert row(lines, "talk")[0].split()[3] == "0"
    assert row(lines, "talk")[1] == "    为什么一在最上面 · zh · CC0-1.0 · comedy · for sales"
    assert "music jazz" in lines
    assert "podcast jazz" in lines


def test_without_a_log_nothing_is_said_of_plays(library):
    assert row(listed(library), "house")[0].split()[3].startswith("█")


def test_what_may_not_be_played_says_so_and_what_may_says_how_long_and_where(library):
    lines = listed(library)

    assert row(lines, "ended")[2:] == ["    expired: its licence ended on 2026-11-01"]
    assert row(lines, "lasting")[2:] == ["    until 2026-11-02"]
    assert row(lines, "abroad")[2:] == ["    not here: in DE, AT alone, and our queues are in CA, US"]
    assert row(lines, "athome")[2:] == ["    in DE, CA"]


def test_what_waits_and_what_is_bad_is_named_with_its_reason(library):
    lines = listed(library)

    assert row(lines, "waiting")[0].split() == ["waiting", "waits"]
    assert row(lines, "waiting")[1] == "    Waiting · CC0-1.0"
    assert any(line.startswith("1 wait to be prepared") for line in lines)
    assert lines[lines.index("cannot be heard") + 1] == "  bad: missing.wav is not there"


@pytest.mark.parametrize("width", [80, 120])
def test_the_list_keeps_to_the_screen(library, width):
    lines = listed(library, width)

    assert max(map(len, lines)) <= width
    assert len(row(lines, "house")[0]) == min(width, 81), "it uses what there is, up to a waveform of 48"


def test_the_list_is_plain_where_the_screen_is(library):
    lines = listed(library, encoding="ascii")

    assert "#" in row(lines, "house")[0]
    assert row(lines, "talk")[1] == "    ???????? - zh - CC0-1.0 - comedy - for sales"


def test_programs_are_told_the_same(library):
    told = json.loads(msgspec.json.encode(as_tree(shown(library, HERE, {"house": 3}), library)))

    items = {one["id"]: one for one in told["items"]}
    assert (items["house"]["plays"], items["house"]["seconds"], items["house"]["loudness"]) == (3, 75.0, -19.0)
    assert {name for name, one in items.items() if not one["playable"]} == {"ended", "abroad", "waiting"}
    assert (items["ended"]["expired"], items["abroad"]["here"]) == (True, False)
    assert items["lasting"]["licence"]["until"] == "2026-11-02"
    assert items["abroad"]["licence"]["territories"] == ["DE", "AT"]
    assert (items["waiting"]["ready"], items["waiting"]["plays"]) == (False, 0)
    assert told["bad"] == [{"id": "bad", "reason": "missing.wav is not there"}]


@given(st.binary(max_size=3000), st.integers(8, 48))
def test_a_waveform_is_one_short_line_whatever_the_sound(peaks, columns):
    line = sparkline(peaks, columns=columns)

    assert len(line) == (columns if peaks else 0)
    assert set(line) <= set("▁▂▃▄▅▆▇█")


@given(st.lists(st.text("ab中", max_size=9), max_size=9), st.integers(10, 40))
def test_no_word_is_lost_by_wrapping(parts, width):
    lines = list(wrapped(parts, width))

    assert " · ".join(lines) == " · ".join(filter(None, parts))
    assert all(sum(2 if letter == "中" else 1 for letter in line) <= max(width, 18) for line in lines)
