"""Every bad configuration is caught with its code, every code has one, and good ones are left in peace."""

from __future__ import annotations

import json
import re
import socket
import time
from pathlib import Path

import pytest

import holdsvc.commands.checks
from holdsvc.commands import check as command
from holdsvc.commands.checks import machine, online
from holdsvc.commands.checks.codes import CODES, Level, table
from holdsvc.config import load
from holdsvc.content.confine import Confinement
from tests.commands import seeds
from tests.commands.seeds import ONLINE, SEEDS
from tests.commands.workshop import GOOD, NOW, PUBLIC, SECRETS, Seed, Still, item, looked, shelf

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", SEEDS, ids=[f"{one.code}-{at}" for at, one in enumerate(SEEDS)])
def test_a_bad_configuration_is_caught_with_its_code(tmp_path, seed):
    found = looked(tmp_path, seed).found

    assert seed.code in {one.code for one in found}, "\n".join(map(str, found))
    for one in found:
        assert one.reason, one
        assert one.fix, one
        assert one.code in CODES


def test_every_code_has_a_bad_configuration_and_there_are_more_than_forty():
    assert {seed.code for seed in SEEDS} | set(ONLINE) == set(CODES)
    assert len(SEEDS) >= 40


def test_every_code_in_the_rules_is_in_the_table_and_the_other_way_round():
    files = [*Path(holdsvc.commands.checks.__path__[0]).glob("*.py"), Path(command.__file__)]
    written = {code for file in files if file.name != "codes.py" for code in re.findall(r"HS-\d{3}", file.read_text())}

    assert written == set(CODES)


def test_the_documentation_shows_the_table_as_it_is():
    assert table() in (ROOT / "docs" / "check.md").read_text("utf-8")


GOOD_ONES = {
    "nothing set": Seed(""),
    "in public, with secrets": Seed("", PUBLIC, SECRETS),
    "streams": Seed("", PUBLIC + seeds.STREAM, SECRETS),
    "a proxy in front": Seed("", f'{PUBLIC}host = "127.0.0.1"\n', SECRETS),
    "a place for those who leave": Seed(
        "", seeds.queue('menu = { leave = "6" }\ndepartures = { choice = { redirect = "https://acme.eu/voicemail" } }')
    ),
    "a longest wait": Seed("", seeds.queue('max_wait = 900\ndepartures = { overflow = { dial = "+15005550100" } }')),
    "a table of callers": Seed("", **seeds.table("number,name\n+15005550101,Ann\n")),
    "a CRM in a network that is allowed": Seed(
        "", f'[service]\nallow_outgoing = ["10.1.0.0/16"]\n{seeds.crm("https://10.1.2.3/?phone={number}")}'
    ),
    "AudioSocket for one network": Seed("", '[audiosocket]\nhost = "0.0.0.0"\nport = 9092\nallow = ["10.1.0.0/16"]\n'),
    "a podcast": Seed(
        "", '[podcasts.a]\nurl = "https://feeds.acme.eu/x"\nlicence = "CC-BY-4.0"\nqueues = ["default"]\n'
    ),
    "several machines": Seed(
        "", '[store]\nurl = "redis://redis.acme.eu"\n[ledger]\nurl = "postgresql://holdsvc@db.acme.eu/holdsvc"\n'
    ),
    "Redis that may fail over": Seed(
        "", '[store]\nurl = "redis+sentinel://a.acme.eu,b.acme.eu/holdsvc"\nwait_replicas = 1\n'
    ),
    "more words for an entry": Seed("", seeds.queue('menu = { words = { music = ["tunes"] } }')),
    "two languages": Seed("", prepare=seeds.media(prompts={"en": {"hello": "Hello."}, "es": {"hello": "Hola."}})),
    "an attribution": Seed(
        "", prepare=seeds.media(seeds.HOUSE, item("by", licence=seeds.Licence("CC-BY-4.0", "us", "Ann Smith")))
    ),
}


@pytest.mark.parametrize("name", GOOD_ONES)
def test_a_good_configuration_gives_no_warning(tmp_path, name):
    outcome = looked(tmp_path, GOOD_ONES[name])

    assert [str(one) for one in outcome.found if one.level is not Level.NOTE] == []
    assert outcome.refusal is None


def test_the_shipped_configuration_gives_no_warning_and_is_looked_over_quickly(tmp_path):
    environ = {"HOLDSVC_SERVICE__DATA_DIR": str(tmp_path)}
    begun, spent = time.perf_counter(), time.process_time()

    outcome = command.look(None, environ, measure=lambda data, held: GOOD, clock=Still(NOW))

    print(f"the shipped configuration was looked over in {time.perf_counter() - begun:.2f} s")
    assert time.process_time() - spent < 1.0  # of this process alone: other work on the machine is none of its
    assert [str(one) for one in outcome.found if one.level is not Level.NOTE] == []
    assert outcome.items > 0


WILD = ("://", "https://[oops", "http://user@:99999/", "~nobody/x", "[::1]", "é\t%", "x" * 5000, " ")
PLACES = (
    "[service]\npublic_url = {wild}\n",
    "[service]\nhost = {wild}\n",
    "[store]\nurl = {wild}\n",
    '[store]\nurl = "sqlite:{bare}"\n',
    "[audiosocket]\nport = 9092\nhost = {wild}\n",
    "[audiosocket]\nport = 9092\nallow = [{wild}]\n",
    "[service]\nallow_outgoing = [{wild}]\n",
    "[queues.{wild}]\n",
    "[queues.a]\nhand_over = {{ redirect = {wild}, dial = {wild} }}\n",
    "[queues.a]\nlanguage = {wild}\ndefault_choice = {wild}\nshelves = [{wild}]\n",
    '[directories.a]\nkind = "http"\nurl = "{bare}{{number}}"\n',
    "[directories.{wild}]\npath = {wild}\n",
    "[podcasts.{wild}]\nurl = {wild}\n",
    "[updates.a]\npath = {wild}\n",
    "[synthesiser]\ncommand = [{wild}]\n",
)


@pytest.mark.parametrize("place", PLACES)
def test_whatever_is_written_the_check_answers_in_findings(tmp_path, place):
    for at, wild in enumerate(WILD):
        (tmp_path / str(at)).mkdir()
        toml = place.format(wild=json.dumps(wild), bare=json.dumps(wild)[1:-1])

        outcome = looked(tmp_path / str(at), Seed("", toml))

        assert outcome.found, toml


def test_nothing_that_is_found_shows_a_secret(tmp_path):
    hush = "hushhush-changeme"
    outcome = looked(
        tmp_path, Seed("", PUBLIC, {"HOLDSVC_API__TOKEN": hush, "HOLDSVC_PLATFORMS__TWILIO__AUTH_TOKEN": hush})
    )

    assert {"HS-108", "HS-109"} <= {one.code for one in outcome.found}
    assert hush not in "".join(map(str, outcome.found))


def test_each_of_several_faults_is_told_and_errors_alone_fail(tmp_path, monkeypatch, capsys):
    shelf(tmp_path / "media")
    monkeypatch.setenv("HOLDSVC_SERVICE__DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HOLDSVC_MEDIA__FOLDER", str(tmp_path / "media"))
    file = tmp_path / "holdsvc.toml"
    file.write_text('[store]\nsynchronous = "NORMAL"\n[queues.a]\nmax_wait = 600\n', "utf-8")

    warned = command.check(file)
    said = capsys.readouterr().out
    file.write_text('[store]\nsynchronous = "NORMAL"\n[queues.a]\nlanguage = "fr"\n', "utf-8")
    failed = command.check(file)

    assert (warned, failed) == (0, 1)
    assert "warning HS-105" in said
    assert "warning HS-303" in said
    assert "error HS-204" in capsys.readouterr().out


def test_this_machine_is_measured_and_nothing_is_left_behind(tmp_path):
    (tmp_path / "callers.key").write_bytes(b"k")
    (tmp_path / "callers.key").chmod(0o644)

    found = machine.measure(tmp_path, Confinement())

    assert found.flush is not None
    assert found.flush > 0
    assert found.room
    assert found.filesystem
    assert found.newest is not None
    assert found.modes["callers.key"] & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["callers.key"]


def test_a_folder_that_is_not_there_has_no_flush_time(tmp_path):
    assert machine.flush_seconds(tmp_path / "none") is None


def test_what_does_not_answer_is_named_and_what_answers_is_not(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as door, socket.socket() as shut:
        shut.bind(("127.0.0.1", 0))  # nobody listens there, and nobody else can
        there, nowhere = door.getsockname()[1], shut.getsockname()[1]
        file = tmp_path / "holdsvc.toml"
        file.write_text(
            f'[service]\ndata_dir = "{tmp_path}"\npublic_url = "http://127.0.0.1:{nowhere}"\n'
            f'[podcasts.good]\nurl = "http://127.0.0.1:{there}/"\nlicence = "x"\n'
            f'[podcasts.gone]\nurl = "http://127.0.0.1:{nowhere}/"\nlicence = "x"\n'
            f'[updates.odd]\nurl = "nowhere"\n'
            f'[directories.crm]\nkind = "http"\nurl = "http://127.0.0.1:{nowhere}/{{number}}"\n'
            f'[store]\nurl = "redis+sentinel://127.0.0.1:{nowhere},127.0.0.1:{nowhere}/master"\n'
            f'[ledger]\nurl = "postgresql://holdsvc@127.0.0.1:{nowhere}/holdsvc"\n',
            "utf-8",
        )

        found = {(one.code, one.reason.split(":")[0]) for one in online.rules(load(file, {}))}

    assert found == {
        ("HS-501", "service.public_url"),
        ("HS-502", "podcasts.gone"),
        ("HS-502", "updates.odd"),
        ("HS-503", "directories.crm"),
        ("HS-504", "store.url"),
        ("HS-505", "ledger.url"),
    }


def test_of_several_addresses_one_that_answers_is_enough():
    with socket.create_server(("127.0.0.1", 0)) as door, socket.socket() as shut:
        shut.bind(("127.0.0.1", 0))
        there, nowhere = door.getsockname()[1], shut.getsockname()[1]

        assert online.fault(f"redis+cluster://:s3cret@127.0.0.1:{nowhere},127.0.0.1:{there}") == ""
        assert "no connection" in online.fault(f"postgresql://me:s3cret@127.0.0.1:{nowhere}/holdsvc")
        assert online.fault("feed.example.com") == "its address cannot be read"
