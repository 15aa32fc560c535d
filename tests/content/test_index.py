from datetime import UTC, date, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.calls.model import Airing, Chapter, Identity, Kind, Licence
from holdsvc.content.index import Entry, read_index, read_prompts, write_index

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT, min_size=7, max_size=7), st.sampled_from(Kind), st.integers(0, 10**6))
def test_what_is_written_is_read_back_whatever_the_words(tmp_path_factory, words, kind, order):
    folder: Path = tmp_path_factory.getbasetemp() / "index"
    shelf, title, file, artist, language, source, attribution = words
    entry = Entry(
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

    write_index(folder, [entry, Entry("y", kind, shelf, title, file, entry.licence)])

    assert read_index(folder)[0] == entry
    assert len(read_index(folder)) == 2


def test_a_folder_without_an_index_has_empty_shelves(tmp_path):
    assert read_index(tmp_path) == ()
    assert read_prompts(tmp_path) == {}
