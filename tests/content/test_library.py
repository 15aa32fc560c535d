import mmap
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.audio import g711
from holdsvc.audio.formats import RATE
from holdsvc.calls.model import ContentId, Kind, PromptId
from holdsvc.content import apart, sounds
from holdsvc.content.library import Library
from holdsvc.content.sounds import Measured, Prepared
from holdsvc.errors import BadContent
from tests.content.shelf import entry, fill


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    return folder


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return tmp_path / "sound"


def pretend_prepared(source: Path, folder: Path, seconds: int = 2, pcm8: bytes = b"", pcm16: bytes = b"") -> str:
    sound = sounds.hash_of_file(source)
    ulaw = bytes(range(256)) * (seconds * RATE // 256) + bytes(seconds * RATE % 256)
    measured = Measured(float(seconds), -19.0, -1.5)
    sounds.keep(Prepared(ulaw, b"\x09" * seconds * 5, measured, pcm8, pcm16), folder, sound)
    return sound


def test_only_what_is_prepared_is_on_the_shelf_and_has_its_real_length(media, made):
    fill(media, entry("first", house=True), entry("second"))
    sound = pretend_prepared(media / "first.wav", made, seconds=7)

    library = Library.open(media, [made])

    assert {item.id: item.seconds for item in library.items} == {"first": 7.0, "quiet": 60.0}
    assert [source.id for source in library.pending()] == ["second"]
    assert library.hash_of(ContentId("first")) == sound
    assert len(library.sound(ContentId("first"))) == 7 * RATE
    assert library.by_hash(sound) == library.sound(ContentId("first"))


def test_items_stand_in_the_order_of_their_shelf(media, made):
    fill(media, entry("b", order=1), entry("a", order=2), entry("c", order=0))
    for name in "abc":
        pretend_prepared(media / f"{name}.wav", made)

    assert [item.id for item in Library.open(media, [made]).items] == ["c", "b", "a", "quiet"]


def test_a_missing_file_takes_only_its_own_item_away(media, made):
    fill(media, entry("there", house=True), entry("gone", where="missing.wav"))

    library = Library.open(media, [made])

    assert library.quarantined == {"gone": "missing.wav is not there"}
    assert [source.id for source in library.pending()] == ["there"]


@pytest.mark.parametrize("where", ["../outside.wav", "/etc/hostname", "link.wav"])
def test_an_index_cannot_reach_outside_its_folder(media, made, where):
    (media.parent / "outside.wav").write_bytes(b"x")
    (media / "link.wav").symlink_to(media.parent / "outside.wav")
    fill(media, entry("sly", where=where))

    library = Library.open(media, [made])

    assert "outside the media folder" in library.quarantined["sly"]
    assert not library.pending()


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        ("[[item]\n", "index.toml"),
        ('[[item]]\nid = "a"\n', "missing required field"),
        ('item = "a"', "Expected"),
        ("\udcff", "UTF-8"),
    ],
)
def test_a_broken_index_is_one_clear_sentence(media, made, index, reason):
    (media / "index.toml").write_bytes(index.encode("utf-8", "surrogateescape"))

    with pytest.raises(BadContent, match=reason) as caught:
        Library.open(media, [made])

    assert "index.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ((entry("twin"), entry("twin")), "twice"),
        ((entry("one", house=True), entry("two", house=True)), "house"),
        ((entry("talk", kind=Kind.PODCAST, house=True),), "house"),
        ((entry("../../etc", where="x.wav"),), "made of"),
        ((entry("prompt:en/hello", where="x.wav"),), "made of"),
    ],
)
def test_an_index_that_contradicts_itself_is_refused(media, made, entries, reason):
    fill(media, *entries)

    with pytest.raises(BadContent, match=reason):
        Library.open(media, [made])


@pytest.mark.parametrize(
    ("written", "name", "reason"),
    [
        (
            '[[item]]\nid = "bare"\nkind = "music"\nshelf = "x"\ntitle = "t"\nfile = "a.wav"\n',
            "bare",
            "names no licence",
        ),
        ('[[item]]\nkind = "music"\n', "item 2", "names no licence"),
        ('[[item]]\nid = "b"\n[item.licence]\nname = "CC0"\n', "b", "missing required field"),
        ("[[item]\n", "index.toml", "index.toml"),
        ("\udcff", "index.toml", "UTF-8"),
    ],
)
def test_what_is_wrong_in_an_index_of_ones_own_is_named_and_the_rest_is_heard(
    media, made, tmp_path, written, name, reason
):
    fill(media, entry("shipped", house=True))
    own = tmp_path / "own"
    fill(own, entry("mine"))
    index = own / "index.toml"
    broken = index.read_bytes() + b"\n" + written.encode("utf-8", "surrogateescape")
    index.write_bytes(broken)
    pretend_prepared(media / "shipped.wav", made)
    pretend_prepared(own / "mine.wav", made)

    library = Library.open(media, [made], own)

    assert reason in library.quarantined[name]
    assert "\n" not in library.quarantined[name]
    wanted = {"shipped"} if name == "index.toml" else {"shipped", "mine"}
    assert wanted <= {item.id for item in library.items}


def test_looking_again_at_a_broken_index_leaves_the_shelves_as_they_were(media, made):
    fill(media, entry("first", house=True))
    pretend_prepared(media / "first.wav", made)
    library = Library.open(media, [made])
    (media / "index.toml").write_text("broken [")

    with pytest.raises(BadContent):
        library.refresh()

    assert library.house.id == "first"


def test_sound_taken_off_the_shelf_can_still_be_fetched_by_who_is_hearing_it(media, made):
    fill(media, entry("first", house=True), entry("second"))
    for name in ("first", "second"):
        pretend_prepared(media / f"{name}.wav", made)
    library = Library.open(media, [made])
    sound = library.hash_of(ContentId("second"))
    fill(media, entry("first", house=True))

    library.refresh()

    assert library.by_hash(sound) is not None
    with pytest.raises(BadContent):
        library.sound(ContentId("second"))


def test_for_sound_that_is_gone_from_the_disk_the_house_track_is_heard_and_without_it_quiet(media, made):
    fill(media, entry("first"), entry("ours", house=True))
    first, ours = pretend_prepared(media / "first.wav", made, 7), pretend_prepared(media / "ours.wav", made, 3)
    library, other = Library.open(media, [made]), Library.open(media, [made])

    (made / f"{first}.ulaw").unlink()
    assert len(library.by_hash(first)) == 3 * RATE
    (made / f"{ours}.ulaw").unlink()
    assert len(other.by_hash(first)) == 60 * RATE
    assert Library.open(media, [made]).by_hash(first) is None, "it never was on these shelves"


def test_what_another_process_of_the_data_folder_has_made_is_found_before_the_next_look(media, made):
    fill(media, entry("first", house=True))
    pretend_prepared(media / "first.wav", made)
    library = Library.open(media, [made])
    fill(media, entry("first", house=True), entry("second"))
    second = pretend_prepared(media / "second.wav", made, seconds=5)

    assert len(library.by_hash(second)) == 5 * RATE


def test_sound_that_cannot_be_opened_is_told_to_whoever_asks_for_the_item(media, made):
    fill(media, entry("first", house=True))
    sound = pretend_prepared(media / "first.wav", made)
    library = Library.open(media, [made])
    (made / f"{sound}.ulaw").unlink()

    with pytest.raises(BadContent, match="cannot be opened"):
        library.sound(ContentId("first"))


def test_a_changed_file_is_pending_again(media, made):
    fill(media, entry("first", house=True))
    pretend_prepared(media / "first.wav", made)
    library = Library.open(media, [made])
    assert not library.pending()

    (media / "first.wav").write_bytes(b"another recording")
    library.refresh()

    assert [source.id for source in library.pending()] == ["first"]


def test_the_house_track_falls_back_to_other_music_and_then_to_quiet(media, made):
    fill(media, entry("other"), entry("mine", house=True))
    library = Library.open(media, [made])
    heard = [library.house.id]
    for name in ("other", "mine"):
        pretend_prepared(media / f"{name}.wav", made)
        library.refresh()
        heard.append(library.house.id)

    assert heard == ["quiet", "other", "mine"]
    assert len(library.sound(library.house.id)) > 0


def test_without_any_media_there_is_still_something_to_hear(tmp_path):
    library = Library.open(tmp_path / "none", [tmp_path / "nowhere"])

    sound = library.sound(library.house.id)

    assert len(sound) == 60 * RATE
    assert library.by_hash(library.hash_of(library.house.id)) == sound


def test_there_is_soon_something_behind_every_key(media, made):
    first, second, news = entry("first", house=True), entry("second"), entry("news", Kind.DAILY)
    fill(media, first, second, news, entry("story", Kind.PODCAST), prompts={"hello": "Hello."})

    library = Library.open(media, [made])

    order = [source.id for source in library.pending()]
    assert order == ["prompt:en/hello", "first", "news", "story", "second"]


def test_the_operators_own_media_add_to_ours_and_replace_what_has_the_same_id(media, made, tmp_path):
    fill(media, entry("ours", house=True), entry("both"))
    own = tmp_path / "own"
    own.mkdir()
    fill(own, entry("theirs", house=True), entry("both", where="better.wav"))

    library = Library.open(media, [made], own)

    assert library.marked == "theirs"
    assert {source.id: source.file.name for source in library.pending()} == {
        "ours": "ours.wav",
        "theirs": "theirs.wav",
        "both": "better.wav",
    }


def test_a_prompt_has_its_text_also_before_it_has_a_sound(media, made):
    fill(media, entry("a", house=True), prompts={"hello": "Good day.", "missing": "Nothing recorded."})
    library = Library.open(media, [made])
    assert library.prompts["en"]["hello"].seconds == 0.0
    assert "prompt:en/missing" in library.quarantined

    pretend_prepared(media / "prompts/en/hello.opus", made, seconds=1)
    library.refresh()

    hello = library.prompts["en"][PromptId("hello")]
    assert (hello.text, hello.seconds) == ("Good day.", 1.0)
    assert len(library.prompt_sound("en", PromptId("hello"))) == RATE
    with pytest.raises(BadContent, match="missing"):
        library.prompt_sound("en", PromptId("missing"))


def test_pages_that_were_let_go_come_back_when_they_are_heard(media, made):
    fill(media, entry("first", house=True))
    pretend_prepared(media / "first.wav", made)
    library = Library.open(media, [made])
    before = bytes(library.sound(ContentId("first")))

    library.let_go()

    assert library.sound(ContentId("first")) == before


@given(st.text(max_size=40) | st.sampled_from(["../index.toml", "/etc/passwd", "\0", "a" * 32]))
def test_no_text_but_a_hash_of_ours_opens_anything(tmp_path_factory, text):
    library = Library.open(tmp_path_factory.getbasetemp() / "none", [tmp_path_factory.getbasetemp()])

    assert library.by_hash(text) is None


def test_a_library_costs_little_to_load(media, made):
    loaded = """
import sys, pathlib
from holdsvc.content.library import Library
Library.open(pathlib.Path(sys.argv[1]), [])
print([name for name in ("numpy", "av", "pydub") if name in sys.modules])
"""
    fill(media, entry("first", house=True))
    child = subprocess.run(
        [sys.executable, "-P", "-s", "-c", loaded, str(media)],
        env=apart.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert child.stdout.strip() == "[]", child.stderr


def test_linear_samples_that_were_kept_are_a_map_of_their_file(media, made):
    fill(media, entry("first", house=True), prompts={"hello": "Good day."})
    pcm8, pcm16 = bytes(range(200)) * 160, bytes(range(250)) * 256
    pretend_prepared(media / "first.wav", made, 2, pcm8, pcm16)
    pretend_prepared(media / "prompts" / "en" / "hello.opus", made, 2, pcm8, pcm16)
    library = Library.open(media, [made])

    assert library.linear(ContentId("first"), 8000) == pcm8
    assert library.linear(ContentId("first"), 16000) == pcm16
    assert library.prompt_linear("en", PromptId("hello"), 16000) == pcm16
    assert isinstance(library.linear(ContentId("first"), 16000).obj, mmap.mmap)
    library.let_go()
    assert library.linear(ContentId("first"), 16000) == pcm16


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("kept", [b"", b"another length"])
def test_linear_samples_are_made_of_the_mu_law_where_none_of_its_length_were_kept(media, made, rate, kept):
    fill(media, entry("first", house=True))
    pretend_prepared(media / "first.wav", made, 2, kept, kept)
    library = Library.open(media, [made])

    view = library.linear(ContentId("first"), rate)

    assert len(view) == 2 * rate * 2
    assert (
        np.frombuffer(view, "<i2")[:: rate // RATE].tolist() == g711.decode(library.sound(ContentId("first"))).tolist()
    )
    assert library.linear(ContentId("first"), rate) is view, "once is enough"


def test_quiet_has_linear_samples_as_well(tmp_path):
    library = Library.open(tmp_path / "none", [tmp_path / "nowhere"])

    assert len(library.linear(library.house.id, 16000)) == 60 * 16000 * 2


def test_sound_that_is_on_no_shelf_has_no_linear_samples_either(media, made):
    with pytest.raises(BadContent):
        Library.open(media, [made]).linear(ContentId("nowhere"), 8000)
