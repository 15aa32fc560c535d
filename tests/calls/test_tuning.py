"""What becomes of a caller whose item, shelf or house track is there no more."""

import pytest
from msgspec.structs import replace

from holdsvc.calls.events import CallerKnown, ContentEnded, HeardUntil
from holdsvc.calls.facts import ContentSkipped
from holdsvc.calls.menu import SHIPPED
from holdsvc.calls.model import Kind, Profile
from holdsvc.calls.plan import offered
from tests.calls.test_controls import ALL, said
from tests.calls.test_decide import Call, held, key
from tests.plans import ITEMS, NOON, a_plan, after, item

PLAN = a_plan()


def without(*names):
    return a_plan(items=tuple(item for item in ITEMS if item.id not in names), house="fugue")


@pytest.mark.parametrize("digit", ["9", "*", "8", "x"])
def test_an_item_that_expires_while_it_is_heard_gives_way_to_another_of_its_shelf(digit):
    call = Call(PLAN)(held())
    gone = call.played()[0][0]
    call.plan = without(gone)

    call(key(digit, 30, HeardUntil(gone, 0, 20)))

    assert call.played()[0][0] in {"waltz", "fugue", "swing"} - {gone}
    assert call.played()[0][1] == 0
    assert call.of(ContentSkipped) == [], "nobody skipped anything"


def test_a_place_that_is_on_no_shelf_any_more_is_no_place():
    profile = Profile(choice="podcast", offsets=(("episode-0", 42.0),), latest=(("podcast", "episode-0"),))

    call = Call(PLAN)(CallerKnown(at=NOON, id="k", caller="p1", profile=profile))(held())

    assert call.played()[0][:2] == ("episode-1", 0)


def test_what_was_gone_back_from_and_is_there_no_more_is_passed_over():
    call = Call(PLAN)(held())
    first = call.played()[0][0]
    call(key("9", 20, HeardUntil(first, 0, 15)))
    second = call.played()[0][0]
    call(said("back", 30))
    call.plan = without(second)

    call(ContentEnded(at=after(300), id="e", heard=HeardUntil(first, 0, PLAN.item(first).seconds)))

    assert call.played()[0][0] not in (first, second)


def test_without_anything_on_any_shelf_the_house_track_is_played_and_keys_are_answered():
    call = Call(a_plan(items=(), house="waltz"))(held())

    assert call.played() == [("waltz", 0, None)]
    for second, digit in enumerate("19*872#0x", 20):
        call(key(digit, second))
        assert call.played() == [("waltz", 0, None)], digit


def test_quiet_goes_round_and_next_leaves_it_as_it_is():
    call = Call(PLAN)(held())(key("5", 10))
    assert call.played() == [("quiet", 0, 60)]

    call(ContentEnded(at=after(80), id="e", heard=HeardUntil("quiet", 0, 60)))
    assert call.played() == [("quiet", 0, 60)]

    call(key("9", 90))
    assert call.played() == [("quiet", 0, 60)]
    assert not [content for content, _ in call.session.plays if PLAN.item(content).kind is Kind.QUIET]


def test_an_episode_that_was_heard_long_ago_is_no_sign_that_the_last_one_was():
    long_ago, now = int(NOON.timestamp()) - 40 * 86_400, int(NOON.timestamp()) - 60
    for heard, word in ((long_ago, "next_episode"), (now, "no_more")):
        profile = Profile(choice="podcast", plays=(("episode-1", heard),), latest=(("podcast", "episode-1"),))
        call = Call(a_plan(prompts={"en": ALL}))(CallerKnown(at=NOON, id="k", caller="p1", profile=profile))(held())
        assert call.played()[0][0] == "episode-2"

        call(key("9", 30))

        assert (call.said(), call.played()[0][0]) == ([word], "episode-1")


def test_a_profile_that_comes_late_still_keeps_the_caller_from_hearing_things_twice():
    call = Call(PLAN)(held())
    first = call.played()[0][0]
    others = {"waltz", "fugue", "swing"} - {first}
    heard = others.pop()
    profile = Profile(plays=((heard, int(NOON.timestamp()) - 60), ("gone", 7)))

    call(CallerKnown(at=after(2), id="late", caller="p1", profile=profile))
    call(key("9", 30, HeardUntil(first, 0, 20)))

    assert call.played()[0][0] in others


# --- languages ----------------------------------------------------------------------------------------------------------

FOUR = dict.fromkeys(("en", "es", "ru", "zh"), ALL)


def told_in(kind, *languages):
    """An item of the kind in each of these languages, in this order on one shelf."""
    told = [
        replace(item(f"{kind}-{name}", kind, "talks", 150.0, place), language=name)
        for place, name in enumerate(languages)
    ]
    items = (*(one for one in ITEMS if one.kind is Kind.MUSIC), *told)
    return a_plan(items=items, prompts=FOUR, language="es", menu=offered(SHIPPED, items, tuple(FOUR)))


@pytest.mark.parametrize(("kind", "digit"), [(Kind.PODCAST, "2"), (Kind.DAILY, "3")])
@pytest.mark.parametrize(
    ("there", "caller", "heard"),
    [
        (("en", "es", "ru", "zh"), "ru", "ru"),
        (("en", "es", "ru-RU", "zh"), "ru", "ru-RU"),
        (("en", "es", "zh"), "ru", "es"),  # the queue's
        (("en", "zh"), "ru", "en"),  # anything before nothing
        (("en", "es", "ru", "zh"), "", "es"),
        (("zxx", "en"), "ru", "zxx"),  # without words it is in every language
    ],
)
def test_what_is_told_is_told_in_the_callers_language_else_in_the_queues_else_in_any(kind, digit, there, caller, heard):
    call = Call(told_in(kind, *there))
    call(CallerKnown(at=NOON, id="k", caller="p1", profile=Profile(language=caller)))(held())

    call(key(digit, 20))

    assert call.played()[0][0] == f"{kind}-{heard}"


def test_next_and_back_stay_in_the_callers_language():
    call = Call(told_in(Kind.PODCAST, "en", "ru", "es", "ru-BY", "zh"))
    call(CallerKnown(at=NOON, id="k", caller="p1", profile=Profile(language="ru")))(held())

    heard = []
    for wish in (key("2", 20), key("9", 21), said("back", 22), said("back", 23)):
        call(wish)
        heard.append(call.played()[0][0])

    assert heard == ["podcast-ru", "podcast-ru-BY", "podcast-ru", "podcast-ru"]


@pytest.mark.parametrize(("kind", "digit"), [(Kind.PODCAST, "2"), (Kind.DAILY, "3")])
def test_what_was_broken_off_is_not_taken_up_in_a_language_that_the_caller_has_left(kind, digit):
    call = Call(told_in(kind, "en", "ru", "es"))
    call(CallerKnown(at=NOON, id="k", caller="p1", profile=Profile(language="en")))(held())(key(digit, 20))
    call(key("1", 60, HeardUntil(f"{kind}-en", 0, 40)))

    call(said("language:ru", 70))(key(digit, 80))
    assert call.played()[0][0] == f"{kind}-ru"
    call(key("1", 120, HeardUntil(f"{kind}-ru", 0, 40)))
    call(said("language:en", 130))(key(digit, 140))

    assert call.played()[0][:2] == (f"{kind}-en", 30), "a rewind of five seconds, on the grid of ten"
