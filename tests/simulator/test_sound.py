import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.simulator.clock import VirtualClock
from holdsvc.simulator.findings import Findings
from holdsvc.simulator.sound import Fetched, NotTelephoneReady, Sounds, max_age, mu_law_of
from tests.simulator.house import wav

URL = "http://127.0.0.1/audio/x.wav"
GOOD = {"content-type": "audio/wav", "content-length": "1", "etag": '"a"', "cache-control": "public, max-age=60"}


class Shelf:
    def __init__(self, **changes) -> None:
        self.answer = Fetched(200, GOOD | changes, wav(2.5))
        self.asked: list[dict[str, str]] = []

    async def fetch(self, url, headers):
        self.asked.append(headers)
        return self.answer


async def test_a_sound_lasts_as_long_as_its_samples():
    findings = Findings()

    sound = await Sounds(Shelf().fetch, VirtualClock(), findings, keep=True).get(URL, call="CA1")

    assert (sound.seconds, len(sound.samples)) == (2.5, 20000)
    assert findings.all() == ()


async def test_a_fresh_sound_is_not_asked_for_again_and_a_stale_one_is_asked_for_by_its_etag():
    clock, shelf = VirtualClock(), Shelf()
    sounds = Sounds(shelf.fetch, clock, Findings())

    await sounds.get(URL, call="CA1")
    await sounds.get(URL, call="CA2")
    clock._elapsed = 61.0
    shelf.answer = Fetched(304, GOOD, b"")
    again = await sounds.get(URL, call="CA3")

    assert shelf.asked == [{}, {"If-None-Match": '"a"'}]
    assert again.seconds == 2.5


async def test_what_nobody_is_to_keep_needs_no_name_to_keep_it_by():
    findings, shelf = Findings(), Shelf(**{"etag": "", "cache-control": "private, no-store"})
    sounds = Sounds(shelf.fetch, VirtualClock(), findings)

    for _ in range(2):
        assert await sounds.get(URL, call="CA1") is not None

    assert findings.all() == ()
    assert shelf.asked == [{}, {}]


@pytest.mark.parametrize(
    ("answer", "code", "plays"),
    [
        (Fetched(404, GOOD, b""), "audio_status", False),
        (Fetched(200, GOOD | {"content-type": "text/html"}, wav(1)), "audio_type", True),
        (Fetched(200, GOOD | {"etag": ""}, wav(1)), "audio_headers", True),
        (Fetched(200, GOOD, wav(1, tag=1)), "audio_format", False),
        (Fetched(200, GOOD, wav(1, rate=16000)), "audio_format", False),
        (Fetched(200, GOOD, wav(1)[:-1]), "audio_format", False),
        (Fetched(200, GOOD, b"ID3"), "audio_format", False),
        (Fetched(200, GOOD, wav(2401)), "audio_length", True),
    ],
)
async def test_what_a_carrier_would_stumble_over_is_found(answer, code, plays):
    shelf, findings = Shelf(), Findings()
    shelf.answer = answer

    sound = await Sounds(shelf.fetch, VirtualClock(), findings).get(URL, call="CA1")

    assert (sound is not None) == plays
    assert code in findings.codes()


async def test_the_same_etag_with_other_bytes_is_found():
    shelf, findings = Shelf(**{"cache-control": "no-cache"}), Findings()
    sounds = Sounds(shelf.fetch, VirtualClock(), findings)

    await sounds.get(URL, call="CA1")
    shelf.answer = Fetched(200, shelf.answer.headers, wav(3.0))
    await sounds.get(URL, call="CA1")

    assert findings.codes() == {"etag_lies"}


def test_an_answer_is_as_fresh_as_it_says():
    assert max_age({"cache-control": "public, max-age=31536000, immutable"}) == 31536000
    assert max_age({"cache-control": "no-cache, max-age=60"}) == 0
    assert max_age({}) == 0


@given(st.binary(max_size=200))
def test_any_bytes_are_samples_or_not_telephone_ready(body):
    for candidate in (body, b"RIFF\0\0\0\0WAVE" + body):
        with contextlib.suppress(NotTelephoneReady):
            assert mu_law_of(candidate)
