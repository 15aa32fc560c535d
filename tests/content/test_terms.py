import pytest
from msgspec.structs import replace

from holdsvc.calls.model import Airing
from holdsvc.content.terms import MOODS, faults
from tests.content.shelf import FREE, entry

GOOD = replace(
    entry("good"),
    mood="warm",
    tags=("advert", "seasonal", "classical"),
    licence=replace(FREE, territories=("DE", "at", "GB")),
    airing=Airing(days=("mon",), hours=("22:00-06:00",)),
    segment="gold",
)


@pytest.mark.parametrize("mood", ["", *MOODS])
def test_what_may_be_said_has_no_faults(mood):
    assert list(faults(replace(GOOD, mood=mood))) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"mood": "happy"}, "its mood 'happy' is none of calm, sober, warm, bright, jolly"),
        ({"tags": ("adverts",)}, "its tag 'adverts' keeps it out of no queue; 'advert' would"),
        ({"tags": ("Comedy",)}, "its tag 'Comedy' is not made of a-z"),
        ({"tags": ("a b",)}, "its tag 'a b' is not made of a-z"),
        ({"licence": replace(FREE, territories=("DE", "UK"))}, "its territory 'UK' is no country; write GB"),
        ({"licence": replace(FREE, territories=("Germany",))}, "is no country; write two letters, as DE"),
        ({"licence": replace(FREE, territories=("EU",))}, "is no country"),
        ({"airing": Airing(days=("monday",))}, "never plays: 'monday' is no day"),
        ({"airing": Airing(hours=("8-8",))}, "never plays"),
        ({"segment": " gold"}, "has spaces around it"),
    ],
)
def test_each_fault_is_one_sentence(changes, sentence):
    told = list(faults(replace(GOOD, **changes)))

    assert len(told) == 1
    assert sentence in told[0]
