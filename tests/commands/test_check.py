from pathlib import Path

from holdsvc.commands.check import check, decoding, wording
from holdsvc.content.confine import Confinement
from holdsvc.content.library import Library

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
