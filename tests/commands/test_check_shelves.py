"""What is wrong with shelves is one clear sentence each, and the service serves all the same."""

from datetime import date

import pytest

from holdsvc import app
from holdsvc.calls.model import Airing, Kind, Licence
from holdsvc.commands.check import check
from holdsvc.content import sounds
from holdsvc.content.index import Entry, write_index
from tests.service import a_call, running

FREE = Licence("CC0-1.0", "made for this test")


def shelf(folder, **changes):
    """One prepared piece on a shelf of its own."""
    media = folder / "data" / "media"
    media.mkdir(parents=True)
    (media / "piece.bin").write_bytes(b"piece")
    measured = sounds.Measured(2.0, -20.0, -3.0)
    sounds.keep(sounds.Prepared(b"\x7f" * 16_000, b"", measured), folder / "data" / "sound", sounds.hash_of(b"piece"))
    values = {"licence": FREE, **changes}
    write_index(media, [Entry("piece", Kind.MUSIC, "odd", "Piece", "piece.bin", **values)])


def checked(folder, capsys, queue=""):
    file = folder / "holdsvc.toml"
    file.write_text(f'[service]\ndata_dir = "{folder / "data"}"\n[queues.sales]\n{queue}\n', "utf-8")
    check(file)
    return [line for line in capsys.readouterr().out.splitlines() if "HS-20" in line and "HS-205" not in line]


@pytest.mark.parametrize(
    ("changes", "queue", "line"),
    [
        (
            {"airing": Airing(days=("someday",))},
            "",
            "error HS-206  the schedule of piece never plays: 'someday' is no day",
        ),
        ({"airing": Airing(hours=("8-8",))}, "", "error HS-206  the schedule of piece never plays: '8-8' never comes"),
        (
            {"licence": Licence("own", "a label", until=date(2020, 1, 31))},
            "",
            "warning HS-207  the licence of piece ended on 2020-01-31: it is not played any more",
        ),
        (
            {"licence": Licence("own", "a label", territories=("JP",))},
            'shelves = ["odd"]',
            "warning HS-208  queue sales has nothing that may be played on its shelves; callers hear the house track",
        ),
        (
            {"mood": "jolly"},
            'shelves = ["odd"]\nprofile = "bereavement"',
            "warning HS-208  queue sales has nothing that may be played on its shelves; callers hear the house track",
        ),
        ({}, 'shelves = ["odd"]', None),
    ],
)
def test_each_fault_is_one_sentence(tmp_path, capsys, changes, queue, line):
    shelf(tmp_path, **changes)

    found = checked(tmp_path, capsys, queue)

    assert len(found) == (line is not None), found
    assert line is None or found[0].startswith(line)


async def test_a_schedule_that_never_plays_keeps_nobody_from_being_served(tmp_path, unused_tcp_port):
    shelf(tmp_path, airing=Airing(hours=("from nine to five",)))

    async with running(tmp_path / "data", unused_tcp_port, options=app.Options(ingest=False)) as service:
        document = await service.document("wait", a_call(QueueTime="0"))

    assert list(document.iter("Play"))
