"""Bad input, each twice: `holdsvc check` says in one clear sentence what is wrong with it, and a service that is started with
that very file and those very shelves answers a webhook with a valid document, of which everything can be heard.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from msgspec import Struct

from holdsvc import app
from holdsvc.audio.formats import RATE
from holdsvc.calls.model import Airing, Licence
from holdsvc.config import load
from holdsvc.simulator.twiml import Place, read
from tests.commands.seeds import BANK, MADE, file, media, queue
from tests.commands.workshop import HOUSE, Seed, item, looked
from tests.service import TOKEN, a_call, serving

ODD = queue('shelves = ["odd"]')  # where the bad item is all that there is


class Bad(Struct, frozen=True):
    """`sentence`: all that the check finds, word for word."""

    level: str
    sentence: str
    toml: str = ""
    prepare: Callable[[Path], None] = lambda folder: None


def own(toml: str) -> Callable[[Path], None]:
    """An index that somebody wrote by hand, beside the shipped media."""
    return file("data/media/index.toml", toml)


BAD = {
    "a track without licence": Bad(
        "warning",
        "odd names no licence, or not where it came from: nobody can show that it may be played",
        ODD,
        media(HOUSE, item("odd", shelf="odd", licence=Licence("", ""))),
    ),
    "a track without a word of its licence, on a shelf of one's own": Bad(
        "error",
        "odd will not be heard: {tmp}/data/media/index.toml: it names no licence",
        "",
        own('[[item]]\nid = "odd"\nkind = "music"\nshelf = "odd"\ntitle = "Odd"\nfile = "odd.wav"\n'),
    ),
    "a quiz with two right answers": Bad(
        "error",
        "quiz/en/animals.toml: question 'legs' has 2 right answers ('Six' and 'Eight'), and exactly one is wanted;"
        " it will not be asked",
        "",
        file("media/quiz/en/animals.toml", BANK.replace('"Six"', '"Six", right = true')),
    ),
    "a feed URL without scheme": Bad(
        "error",
        "podcasts.a is left out: its URL does not begin with https:// (or http://) and a host",
        '[podcasts.a]\nurl = "feeds.acme.eu/stories"\nlicence = "x"\n',
    ),
    "a schedule that never plays": Bad(
        "error",
        "the schedule of odd never plays: '8-8' never comes: it ends where it begins",
        ODD,
        media(HOUSE, item("odd", shelf="odd", airing=Airing(hours=("8-8",)))),
    ),
    "a queue whose shelf is empty": Bad(
        "warning",
        "queue sales has nothing that may be played on its shelves; callers hear the house track",
        ODD,
    ),
    "a queue on whose shelf nothing may be played here": Bad(
        "warning",
        "queue sales has nothing that may be played on its shelves; callers hear the house track",
        ODD,
        media(HOUSE, item("odd", shelf="odd", licence=Licence("own", MADE, territories=("JP",)))),
    ),
}
bad_input = pytest.mark.parametrize("bad", BAD.values(), ids=BAD)


@bad_input
def test_the_check_finds_that_and_nothing_else_and_says_it_in_one_clear_sentence(tmp_path, bad):
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
    known = {one.code for one in looked(tmp_path / "good", Seed("", "[queues.sales]\n")).found}
    folder = tmp_path / "bad"

    found = looked(folder, Seed("", bad.toml, prepare=bad.prepare)).found

    (one,) = (one for one in found if one.code not in known)
    assert (one.level.value, one.reason) == (bad.level, bad.sentence.replace("{tmp}", str(folder)))
    assert str(one).count("\n") == 1, "the sentence, and what to do"


@bad_input
async def test_a_service_that_is_started_with_it_serves_all_the_same(tmp_path, unused_tcp_port, bad):
    looked(tmp_path, Seed("", bad.toml, prepare=bad.prepare))
    environ = {
        "HOLDSVC_SERVICE__DATA_DIR": str(tmp_path / "data"),
        "HOLDSVC_MEDIA__FOLDER": str(tmp_path / "media"),
        "HOLDSVC_PLATFORMS__TWILIO__AUTH_TOKEN": TOKEN,
        "HOLDSVC_SERVICE__PORT": str(unused_tcp_port),
    }
    settings = load(tmp_path / "holdsvc.toml", environ)

    async with serving(settings, options=app.Options(fetch=True)) as service:
        response = await service.hook("wait", a_call(QueueTime="0"), "queue=sales")
        document = read(await response.read(), response.content_type, str(response.url), Place.WAIT)
        played = [verb.text for gather in document.verbs for verb in gather.children if verb.name == "Play"]
        heard = [await (await service.get(urlsplit(address).path)).read() for address in played]

    assert response.status == 200
    assert (document.broken, document.complaints) == (False, ())
    assert heard
    assert all(sound[:4] == b"RIFF" and len(sound) > RATE for sound in heard)
