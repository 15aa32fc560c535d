from datetime import date

import pytest

from holdsvc.calls.model import ContentId, ContentItem, Kind, Licence
from holdsvc.calls.rights import MANNERS, fit, licensed, playable

TODAY = date(2026, 3, 2)


def licence(until=None, territories=()):
    return Licence("CC-BY-4.0", "somewhere", until=until, territories=territories)


def test_a_licence_lasts_through_its_last_day():
    assert licensed(licence(), TODAY, "")
    assert licensed(licence(TODAY), TODAY, "")
    assert not licensed(licence(date(2026, 3, 1)), TODAY, "")


def test_a_licence_for_some_countries_is_for_no_other_and_not_for_we_do_not_know_where():
    assert licensed(licence(territories=("DE", "AT")), TODAY, "AT")
    assert licensed(licence(territories=("DE", "AT")), TODAY, "at")
    assert not licensed(licence(territories=("DE", "AT")), TODAY, "US")
    assert not licensed(licence(territories=("DE", "AT")), TODAY, "")


@pytest.mark.parametrize("manner", MANNERS.values(), ids=MANNERS)
def test_callers_in_distress_hear_no_quiz_nothing_jolly_and_nothing_that_sells(manner):
    def item(kind, mood="", *tags):
        return ContentItem(ContentId("x"), kind, "shelf", "X", 60.0, mood=mood, tags=tags)

    assert fit(item(Kind.MUSIC, "calm"), manner)
    assert fit(item(Kind.PODCAST), manner)
    assert fit(item(Kind.QUIET), manner)
    assert not fit(item(Kind.QUIZ), manner)
    assert not fit(item(Kind.MUSIC, "jolly"), manner)
    assert not fit(item(Kind.MUSIC), manner), "what does not say its mood may be anything"
    assert not fit(item(Kind.PODCAST, "", "advert"), manner)
    assert not fit(item(Kind.MUSIC, "calm", "advert"), manner)
    assert fit(item(Kind.MUSIC, "jolly", "advert"), None)
    assert not playable(item(Kind.MUSIC, "jolly"), TODAY, "US", manner)
