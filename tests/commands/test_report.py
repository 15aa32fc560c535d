"""What `holdsvc report` knows beside the log, and what it says to what cannot be."""

import asyncio

import pytest
from msgspec.structs import replace

from holdsvc.calls.model import ContentId
from holdsvc.cli import run
from holdsvc.commands.report import shelves
from holdsvc.config import load
from holdsvc.settings import MediaSettings
from holdsvc.stores.sqlite import SqliteStore
from tests.commands.workshop import FREE, HOUSE, item, shelf


def test_what_stands_on_a_shelf_and_has_no_sound_here_yet_is_not_gone(tmp_path):
    media = tmp_path / "media"
    shelf(media, HOUSE, item("new"))
    (media / "new.bin").write_bytes(b"not prepared yet")
    settings = replace(load(None, {}), media=MediaSettings(str(media)))

    shelved = shelves(settings, tmp_path / "data", None)

    assert shelved.there == {"house", "new", "quiet"}
    assert shelved.items[ContentId("new")].licence == FREE


@pytest.mark.parametrize("command", ["report", "export"])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--out", "no/such/folder/x.out"), "--out: no/such/folder/x.out cannot be written: No such file or directory"),
        (("--since", "2026-03-02", "--until", "2026-03-01"), "--until: '2026-03-01' is not after --since '2026-03-02'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(tmp_path, monkeypatch, capsys, command, words, said):
    monkeypatch.setenv("HOLDSVC_SERVICE__DATA_DIR", str(tmp_path))
    asyncio.run(an_empty_log(tmp_path / "holdsvc.sqlite3"))

    assert run([command, *words]) == 2
    assert capsys.readouterr().err == f"holdsvc: {said}\n"


async def an_empty_log(file):
    store = SqliteStore(file)
    await store.open()
    await store.close()


@pytest.mark.parametrize("form", ["text", "html", "csv", "json"])
def test_a_report_on_nothing_says_that_there_was_nothing(tmp_path, monkeypatch, capsysbinary, form):
    monkeypatch.setenv("HOLDSVC_SERVICE__DATA_DIR", str(tmp_path))
    asyncio.run(an_empty_log(tmp_path / "holdsvc.sqlite3"))

    assert run(["report", "--format", form, "--queue", "support"]) == 0

    said = capsysbinary.readouterr().out
    assert {"text": b"; 0 waits", "html": b"; 0 waits", "csv": b"all,V1,", "json": b'"waits": 0'}[form] in said
