from datetime import UTC, date, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from holdsvc.calls.model import Airing, Chapter, Identity, Kind, Licence
from holdsvc.content.index import Entry, drop_entry, put_entry, read_index, read_prompts, write_index
from tests.content.shelf import entry

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT, min_size=7, max_size=7), st.sampled_from(Kind), st.integers(0, 10**6))
def test_what_is_written_is_read_back_whatever_the_words(tmp_path_factory, words, kind, order):
    folder: Path = tmp_path_factory.getbasetemp() / "index"
    shelf, title, file, artist, language, source, attribution = words
    told = Entry(
        id="x-1",
        kind=kind,
        shelf=shelf,
        title=title,
        file=file,
        licence=Licence("CC0-1.0", source, attribution, title, date(2027, 1, 31), ("DE", "AT")),
        artist=artist,
        language=language,
        order=order,
        expires=datetime(2026, 3, 2, 12, tzinfo=UTC),
        segment=title,
        identity=Identity.VERIFIED,
        queues=(shelf, artist),
        mood=title,
        tags=(artist, source),
        airing=Airing(2.5, ("mon", "sun"), ("08:00-18:00", "22-2"), 5, 90.5),
        chapters=(Chapter(0.0, title), Chapter(12.5, source)),
    )

    write_index(folder, [told, Entry("y", kind, shelf, title, file, told.licence)])

    assert read_index(folder)[0] == told
    assert len(read_index(folder)) == 2


BY_HAND = """# Ours since 2019; ask Petra before changing anything here.

[[item]]
id = "old"   # from the tape
kind = "music"
shelf = 'jazz'
title = "Old"
file = "old.wav"
remark = "a key of ours, for a program of ours"
airing = { days = ["mon"] }
licence = { name = "own", source = "us" }

# The new ones.
[[item]]
id = "new"
kind = "music"
shelf = "jazz"
title = "New"
file = "new.wav"
[item.licence]
name = "own"
source = "us"
"""


def test_what_was_written_by_hand_stays_to_the_letter_when_a_command_adds_and_forgets(tmp_path):
    index = tmp_path / "index.toml"
    index.write_text(BY_HAND, "utf-8")

    put_entry(tmp_path, entry("more"))
    put_entry(tmp_path, entry("more", order=7))

    assert index.read_text("utf-8").startswith(BY_HAND)
    assert [(one.id, one.order) for one in read_index(tmp_path)] == [("old", 0), ("new", 0), ("more", 7)]
    drop_entry(tmp_path, "more")
    assert index.read_text("utf-8") == BY_HAND
    drop_entry(tmp_path, "old")
    assert (
        index.read_text("utf-8")
        == BY_HAND[: BY_HAND.index("[[item]]")] + BY_HAND[BY_HAND.index('[[item]]\nid = "new') :]
    )


def test_an_index_that_cannot_be_cut_is_written_anew_and_loses_no_item(tmp_path):
    heads = [f'{{ id = "{name}", kind = "music", shelf = "s", title = "[[item]]", file = "f", ' for name in ("a", "b")]
    items = ", ".join(f'{head} licence = {{ name = "own", source = "us" }} }}' for head in heads)
    (tmp_path / "index.toml").write_text(f"item = [{items}]", "utf-8")

    put_entry(tmp_path, entry("c"))
    drop_entry(tmp_path, "a")

    assert [one.id for one in read_index(tmp_path)] == ["b", "c"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), TEXT), max_size=9))
def test_adding_and_forgetting_in_any_order_leave_what_a_plain_list_would(tmp_path_factory, deeds):
    folder: Path = tmp_path_factory.getbasetemp() / "deeds"
    write_index(folder, ())
    wanted: dict[str, Entry] = {}

    for name, adds, title in deeds:
        wanted.pop(name, None)
        if adds:
            wanted[name] = replace(entry(name), title=title)
            put_entry(folder, wanted[name])
        else:
            drop_entry(folder, name)

    assert read_index(folder) == tuple(wanted.values())


def test_a_folder_without_an_index_has_empty_shelves(tmp_path):
    assert read_index(tmp_path) == ()
    assert read_prompts(tmp_path) == {}
