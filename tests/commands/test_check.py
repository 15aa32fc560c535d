from pathlib import Path

import pytest

from holdsvc.commands.check import check
from holdsvc.commands.checks.codes import Level
from holdsvc.commands.checks.machine import Machine, decoding, lines, sending
from holdsvc.commands.checks.media import wording
from holdsvc.commands.checks.outside import news, outside, voice
from holdsvc.config import load
from holdsvc.content.confine import Confinement
from holdsvc.content.fetched import FetchedShelf, Refused, State
from holdsvc.content.library import Library
from holdsvc.engine.ring import Ring

SHIPPED = Path(__file__).parents[2] / "media"


def test_doors_that_are_open_to_a_hostile_file_are_a_warning_and_name_themselves():
    (found,) = decoding(Confinement(doors=("open a socket", "make a folder")))

    assert (found.code, found.error) == ("HS-205", False)
    assert "open a socket, make a folder" in found.reason


def test_a_decoder_that_nothing_gets_out_of_is_no_finding():
    assert not list(decoding(Confinement(filter=True, network=False)))


def test_what_confines_the_decoder_here_is_said_each_time(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOLDSVC_SERVICE__DATA_DIR", str(tmp_path))

    code = check(None)

    said = capsys.readouterr().out
    assert code == 0, said
    assert "decoding of sound files: " in said
    assert ("HS-205" in said) == ("could still" in said)


def test_whether_frames_go_out_many_at_once_here_is_said_each_time_and_why_not(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOLDSVC_SERVICE__DATA_DIR", str(tmp_path))
    try:
        Ring()
        here = "many at once, by io_uring"
    except OSError as error:
        here = f"one by one, for io_uring is refused: {error.strerror}"

    check(None)

    assert f"\nframes of AudioSocket: {here}\n" in capsys.readouterr().out
    assert sending(Machine(Confinement(), no_ring="Operation not permitted")).endswith(
        "refused: Operation not permitted"
    )


def test_a_refused_io_uring_is_a_note_with_its_cost_and_its_cure_and_only_where_it_is_used(tmp_path):
    refused = Machine(Confinement(), no_ring="Operation not permitted")
    settings = load(None, {"HOLDSVC_AUDIOSOCKET__PORT": "9092"})

    (found,) = lines(settings, refused)

    assert (found.code, found.level) == ("HS-166", Level.NOTE)
    assert "(Operation not permitted)" in found.reason
    assert "1.04 to 1.51 times" in found.reason
    assert "1.04 to 1.51 times" in (SHIPPED.parent / "docs" / "performance.md").read_text("utf-8"), "as measured"
    assert "io_uring_setup and io_uring_enter" in found.fix
    assert not list(lines(settings, Machine(Confinement())))
    assert not list(lines(load(None, {}), refused))


def test_a_prompt_of_ones_own_that_flatters_is_an_error(tmp_path):
    there = tmp_path / "prompts" / "en"
    there.mkdir(parents=True)
    (there / "prompts.toml").write_text(
        '[welcome]\ntext = "Your CALL is very important to us."\n[plain]\ntext = "Hello."\n', "utf-8"
    )

    (found,) = wording(Library.open(tmp_path, []))

    assert (found.code, found.error) == ("HS-231", True)
    assert "welcome in 'en' says \"your call is * important\"" in found.reason


def test_nothing_that_ships_flatters():
    assert not list(wording(Library.open(SHIPPED, [])))


def found_outside(tmp_path: Path, text: str) -> dict[str, str]:
    file = tmp_path / "holdsvc.toml"
    file.write_text(f'[service]\ndata_dir = "{tmp_path}"\n{text}', "utf-8")
    settings = load(file, {})
    return {found.code: str(found) for found in (*outside(settings), *voice(settings))}


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        ('[podcasts.a]\nurl = "example.org/feed"\nlicence = "x"', "HS-211", "does not begin with https://"),
        ('[podcasts.a]\nurl = "https://example.org/"', "HS-211", "says no licence"),
        ('[podcasts.a]\nurl = "https://u:p@example.org/"\nlicence = "x"', "HS-211", "user name"),
        ('[podcasts.a]\nurl = "https://e.org/"\nlicence = "x"\nkeep = 0', "HS-211", "keep = 0 is not between"),
        ('[podcasts.a]\nurl = "https://e.org/"\nlicence = "x"\norder = "best"', "HS-211", "none of latest, serial"),
        ('[podcasts.A]\nurl = "https://e.org/"\nlicence = "x"', "HS-211", "the name 'A'"),
        ('[podcasts.a]\nurl = "https://e.org/"\nlicence = "x"\n[updates.a]\npath = "x"', "HS-211", "the same name"),
        ('[podcasts.a]\nurl = "https://e.org/"\nlicence = "x"\nqueues = ["no"]', "HS-214", "not there: no"),
        ("[updates.a]", "HS-211", "one of path and url"),
        ('[updates.a]\nurl = "https://e.org/"\nhours = 0', "HS-211", "hours = 0 is not between"),
        ('[updates.a]\nurl = "https://e.org/"\nlanguage = "English!"', "HS-211", "is not a tag"),
        ('[updates.a]\nurl = "https://e.org/"\nsegment = "gold"', "HS-215", "heard by nobody"),
        ('[updates.a]\nurl = "https://e.org/"', "HS-216", "no synthesiser, so the texts of a are left out"),
        ('[synthesiser]\ncommand = ["no-such-program"]', "HS-217", "'no-such-program' is not to be found"),
    ],
)
def test_what_is_wrong_with_what_comes_from_outside_is_one_clear_sentence(tmp_path, text, code, sentence):
    found = found_outside(tmp_path, text)

    assert sentence in found[code]
    assert found[code].count("\n") == 1, "the sentence, and what to do"


def test_recordings_need_no_synthesiser(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "boss.wav").write_bytes(b"RIFF")

    assert found_outside(tmp_path, f'[updates.a]\npath = "{tmp_path}/notes"') == {}


def test_a_source_that_fails_is_named_with_its_fault(tmp_path):
    shelf = FetchedShelf(tmp_path / "fetched")
    shelf.states["stories"] = State(
        fault="example.org answered HTTP 500", refused=(Refused("k", "Part 2", "no sound"),)
    )
    shelf.save()

    found = found_outside(tmp_path, "")

    assert "stories has failed since it was last heard of: example.org answered HTTP 500" in found["HS-212"]
    assert "'Part 2' will not be heard: no sound" in found["HS-213"]


def test_an_update_that_flatters_is_an_error_and_names_its_file(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "today.txt").write_text("Hoy abrimos hasta las ocho. Gracias por su PACIENCIA.", "utf-8")
    (tmp_path / "notes" / "plain.txt").write_text("Hoy abrimos hasta las ocho.", "utf-8")
    file = tmp_path / "holdsvc.toml"
    file.write_text(f'[updates.a]\npath = "{tmp_path}/notes"\nlanguage = "es"', "utf-8")

    (found,) = news(load(file, {}))

    assert (found.code, found.error) == ("HS-232", True)
    assert "updates.a says" in found.reason
    assert "today.txt" in found.reason
