from datetime import timedelta

import pytest
from msgspec.structs import replace

from holdsvc.calls.events import CallerKnown, ContentEnded, HeardUntil, UtteranceHeard
from holdsvc.calls.facts import ContentSkipped, PreferenceSet
from holdsvc.calls.instructions import Play, Say
from holdsvc.calls.memory import remember
from holdsvc.calls.menu import SHIPPED
from holdsvc.calls.model import Contact, Profile, Talk
from holdsvc.calls.plan import Media, offered
from tests.calls.test_decide import Call, held, key
from tests.plans import ITEMS, NOON, PROMPTS, a_plan, after

NEW = "previous next_episode loudest softest no_talk more_talk language_set language_offer no_more"
ALL = {**PROMPTS, **dict.fromkeys(NEW.split(), 1.5)}
FOUR = dict.fromkeys(("en", "es", "ru", "zh"), ALL)
PLAN = a_plan(prompts=FOUR, menu=offered(SHIPPED, ITEMS, tuple(FOUR)))


def called(plan=PLAN, **known):
    call = Call(plan)
    if known:
        call(CallerKnown(at=NOON, id="k", **known))
    return call(held())


def heard(name, until, begin=0.0):
    return HeardUntil(name, begin, until)


def spoken(call):
    """Language and prompts of what is said, in order."""
    return [(one.language, one.prompts) for one in call.todo if isinstance(one, Say)]


def said(word, seconds):
    return UtteranceHeard(at=after(seconds), id=f"u{word}{seconds}", choice=word, score=0.9)


def test_who_wants_it_soft_and_quiet_still_hears_that_the_line_is_alive():
    call = called()
    for seconds, digit in enumerate("7775"):
        call(key(digit, 20 + seconds))
    assert [(one.content, one.gain) for one in call.todo if isinstance(one, Play)] == [("quiet", 0.0)]

    call(key("2", 30))
    assert {one.gain for one in call.todo if isinstance(one, Play)} == {-12.0}
    call(key("8", 31))(key("8", 32))(key("8", 33))(key("5", 34))
    assert {one.gain for one in call.todo if isinstance(one, Play)} == {6.0}


def test_that_all_were_heard_is_said_where_the_first_comes_again_and_not_at_every_step_from_there():
    call, said = called()(key("2", 10)), []
    for seconds in (20, 30, 40, 50):
        call(key("9", seconds))
        said.append((call.played()[0][0], *call.said()))

    assert said == [
        ("episode-2", "next_episode"),
        ("episode-1", "no_more"),
        ("episode-2", "next_episode"),
        ("episode-1", "no_more"),
    ]


def test_next_says_that_it_is_the_same_again_where_a_shelf_has_nothing_else():
    call = called()(key("1", 20))
    assert call.played()[0][:2] == ("swing", 0), "the only piece of its genre"

    call(key("9", 30, heard("swing", 8.0)))

    assert (call.said(), call.played()[0][:2]) == (["again"], ("swing", 0))

    call(key("3", 40))(key("9", 41))

    assert (call.said(), call.played()[0][:2]) == (["no_more"], ("today", 0)), "though it was not heard before"


# --- again and back ----------------------------------------------------------------------------------------------------


def test_star_begins_the_piece_again_and_at_its_beginning_goes_back_to_the_one_before():
    call = called()
    first = call.played()[0][0]
    call(key("9", 20, heard(first, 15)))
    second = call.played()[0][0]

    call(key("*", 60, heard(second, 33)))
    assert (call.said(), call.played()[0][:2]) == (["again"], (second, 0))

    call(key("*", 64, heard(second, 2.5)))
    assert (call.said(), call.played()[0][:2]) == (["previous"], (first, 0))

    call(key("*", 67, heard(first, 1.5)))
    assert (call.said(), call.played()[0][:2]) == (["again"], (first, 0)), "there is none before the first"


def test_what_was_left_by_going_back_comes_next_where_it_stopped():
    call = called(a_plan(media=Media.STREAM))
    first = call.played()[0][0]
    call(key("9", 20, heard(first, 15)))
    second = call.played()[0][0]
    call(key("*", 24, heard(second, 4.0)))

    call(ContentEnded(at=after(300), id="e", heard=heard(first, PLAN.item(first).seconds)))

    assert call.played()[0][:2] == (second, 4.0)


def test_back_can_be_said_in_the_middle_of_a_piece():
    call = called()
    first = call.played()[0][0]
    call(key("9", 20, heard(first, 15)))
    second = call.played()[0][0]

    call(replace(said("back", 90), heard=heard(second, 48)))

    assert (call.said(), call.played()[0][0]) == (["previous"], first)


def test_the_episode_before_can_be_had_though_it_was_heard_in_an_earlier_call():
    profile = Profile(choice="podcast", offsets=(("episode-2", 42.0),), latest=(("podcast", "episode-2"),))
    call = called(profile=profile)

    call(said("back", 30))

    assert call.played()[0][:2] == ("episode-1", 0)


# --- next ----------------------------------------------------------------------------------------------------------------


def test_a_piece_that_was_skipped_counts_as_heard_however_little_of_it_was():
    call = called()
    first = call.played()[0][0]

    call(key("9", 1))

    assert [fact.content for fact in call.of(ContentSkipped)] == [first]
    profile = remember(Profile(), call.facts)
    assert [content for content, _ in profile.plays] == [first]
    assert dict(profile.offsets).get(first, 0.0) == 0.0, "there is nothing to go on with"
    again = called(profile=replace(profile, latest=(("music", first),)))
    assert again.played()[0][0] != first


def test_an_episode_that_was_skipped_keeps_its_place():
    call = called()(key("2", 10))(key("9", 60, heard("episode-1", 41)))
    assert (call.said(), call.played()[0][:2]) == (["next_episode"], ("episode-2", 0))

    call(key("9", 70, heard("episode-2", 5)))

    assert call.said() == ["no_more"]
    assert call.played()[0][:2] == ("episode-1", 30), "41 less the rewind of 5, on the grid"


def test_next_in_the_last_second_of_a_piece_means_the_one_behind_it_and_not_the_one_after_that():
    call = called()
    first = call.played()[0][0]

    call(key("9", 140, heard(first, PLAN.item(first).seconds - 0.5)))
    second = call.played()[0][0]
    call(ContentEnded(at=after(400), id="e", heard=heard(second, PLAN.item(second).seconds)))
    third = call.played()[0][0]

    assert {first, second, third} == {"waltz", "fugue", "swing"}
    assert [fact.content for fact in call.of(ContentSkipped)] == [first]


# --- loudness, talk, language --------------------------------------------------------------------------------------------


def test_loudness_has_an_end_and_says_so():
    call = called()
    words, gains = [], []
    for second in range(5):
        call(key("7", 20 + second))
        words += call.said()
        gains.append(call.session.gain)

    assert words == ["softer", "softer", "softest", "softest", "softest"]
    assert gains == [-6, -12, -12, -12, -12]
    assert [fact.value for fact in call.of(PreferenceSet)] == [-6, -12]


def test_less_talk_has_three_steps_and_comes_round():
    call = called()
    steps = []
    for second in (20, 30, 40):
        call(key("#", second))
        steps.append((call.session.talk, call.said()))

    assert steps == [
        (Talk.WHEN_MOVED, ["less_talk"]),
        (Talk.NONE, ["no_talk"]),
        (Talk.FULL, ["more_talk"]),
    ]


def test_who_wants_no_talk_hears_sound_and_nothing_else_but_what_is_asked_for():
    call = called()(key("#", 20))(key("#", 21))

    for second, digit in enumerate("12357899*x4", 30):
        call(key(digit, second))
        assert call.said() == [], digit
        assert call.played(), digit
    assert call(key("0", 60)).said()
    assert call(key("#", 70)).said() == ["more_talk"]


def test_who_wants_less_talk_is_not_told_the_menu_in_the_next_call():
    call = called()(key("#", 20))
    profile = remember(Profile(), call.facts)

    again = called(profile=profile)

    assert profile.talk is Talk.WHEN_MOVED
    assert again.said() == []
    assert again(key("9", 20)).said() == ["next"]


def test_no_more_is_said_in_a_minute_than_the_queue_allows_but_what_is_asked_for():
    call = called(a_plan(prompts_per_minute=3))
    counts = [len(call(key("9", 20 + second)).said()) for second in range(6)]
    assert sum(counts) == 2, "the menu was the first"
    assert call(key("0", 30)).said(), "asked for"

    assert call(key("9", 120)).said() == ["next"]


def test_what_was_set_is_remembered():
    call = called()(key("7", 20))(key("#", 30))(said("language:es", 40))

    profile = remember(Profile(), call.facts)

    assert (profile.gain, profile.talk, profile.language) == (-6.0, Talk.WHEN_MOVED, "es")
    again = called(profile=profile)
    assert (again.session.gain, again.session.talk, again.session.language) == (-6.0, Talk.WHEN_MOVED, "es")


def test_zero_tells_the_menu_and_in_it_the_next_language_until_all_were_told():
    call = called()
    languages = []
    for second in (30, 33, 36, 39, 42):
        call(key("0", second))
        languages.append(spoken(call)[0][0])

    assert languages == ["en", "es", "ru", "zh", "en"]
    assert spoken(call)[0][1][0] == "language_set"
    assert spoken(call)[0][1][-1] == "control_menu"


def test_zero_after_the_menu_tells_it_again_in_the_same_language():
    call = called()(key("0", 30))

    call(key("0", 30 + 6 * 1.5 + 3 * 1.5 + 3.5))

    assert spoken(call)[0] == ("en", spoken(call)[0][1])
    assert call.session.language == ""


def test_something_else_between_two_zeros_makes_the_second_a_first():
    call = called()(key("0", 30))(key("9", 31))

    call(key("0", 32))

    assert call.session.language == ""


def test_other_languages_are_offered_at_the_end_of_the_menu_each_in_its_own_words():
    call = called()

    offers = [(language, prompts) for language, prompts in spoken(call) if prompts == ("language_offer",)]
    assert [language for language, _ in offers] == ["es", "ru", "zh"]
    assert [type(one) for one in call.todo if isinstance(one, Play | Say)] == [Play, Say, Say, Say, Say, Play]

    menu_ends = 10 + 6 * 1.5
    call(key("0", menu_ends + 0.5))
    assert call.session.language == "es"


@pytest.mark.parametrize(
    ("seconds", "language"), [(1.0, "es"), (2.0, "es"), (2.9, "es"), (3.2, "ru"), (4.4, "ru"), (4.6, "zh"), (7.0, "zh")]
)
def test_zero_answers_the_language_whose_offer_was_heard(seconds, language):
    call = called()(key("0", 30))

    call(key("0", 30 + 6 * 1.5 + seconds))

    assert call.session.language == language


def test_who_changed_by_mistake_comes_back_by_the_first_offer():
    call = called()(said("language:es", 20))(key("0", 30))

    call(key("0", 30 + 6 * 1.5 + 1.8))

    assert call.session.language == "en"


def test_zero_before_the_languages_are_offered_tells_the_menu():
    call = called()(key("0", 12))

    assert call.session.language == ""
    assert "control_menu" in call.said()


def test_where_one_language_is_spoken_none_is_offered():
    call = called(a_plan(prompts={"en": ALL}))(key("0", 30))(key("0", 31))

    assert [language for language, _ in spoken(call)] == ["en"]
    assert call.plan.menu.by_id("language") is None


@pytest.mark.parametrize(
    ("known", "language"),
    [
        ({"country": "MX"}, "es"),
        ({"country": "KZ"}, "ru"),
        ({"country": "US"}, "en"),
        ({"country": "IS"}, "en"),
        ({"country": "DE"}, "en"),
        ({"country": "MX", "contact": Contact(language="ru")}, "ru"),
        ({"country": "MX", "profile": Profile(language="zh")}, "zh"),
        ({"country": "MX", "profile": Profile(language="zh"), "contact": Contact(language="ru")}, "zh"),
    ],
)
def test_the_language_is_what_was_chosen_or_what_a_directory_says_or_what_the_country_speaks(known, language):
    call = called(**known)

    assert spoken(call)[0][0] == language


def test_a_guess_gives_way_to_a_directory_that_answers_late_and_a_choice_does_not():
    late = CallerKnown(at=after(2), id="late", contact=Contact(language="ru"))

    assert called(country="MX")(late).session.language == "ru"
    assert called(country="MX")(said("language:en", 1))(late).session.language == "en"


def test_a_guess_is_not_remembered():
    assert remember(Profile(), called(country="MX").facts).language == ""


def test_a_language_can_be_named():
    call = called()

    call(said("language:zh", 20))
    assert spoken(call) == [("zh", ("language_set",))]

    call(said("language", 40))
    assert spoken(call) == [("en", ("language_set",))]


def test_a_minute_is_the_last_sixty_seconds():
    call = called(a_plan(prompts_per_minute=1))
    assert call(key("9", 59)).said() == []

    assert call(key("9", 60.5)).said() == ["next"]
    assert call.session.spoke == (NOON + timedelta(seconds=60.5),)
