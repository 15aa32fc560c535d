"""Callers ask for what stands on the shelves by its name, and get it if it may be played to them."""

from datetime import timedelta

from msgspec.structs import replace

from holdsvc.calls import asking, naming
from holdsvc.calls.events import StreamOpened, UtteranceHeard
from holdsvc.calls.facts import ContentChosen
from holdsvc.calls.menu import SHIPPED
from holdsvc.calls.model import Airing, Kind, Via
from holdsvc.calls.plan import offered
from tests.calls.test_decide import Call, held, key
from tests.plans import ITEMS, NOON, a_plan, a_session, after, item


def plan_of(*items):
    return a_plan(items=items, menu=offered(SHIPPED, items))


def said(choice, seconds=9):
    return UtteranceHeard(at=after(seconds), id=f"said{choice}{seconds}", choice=choice, score=0.9)


def called(plan=None):
    return Call(plan or a_plan())(held())(StreamOpened(at=NOON, id="open"))


def words(plan, session=None):
    return {choice.id: choice.words for choice in naming.choices(session or a_session(), plan)}


def test_titles_and_places_in_a_series_are_names():
    known = words(a_plan())

    assert known["item:fugue"] == ("Fugue",)
    assert known["item:episode-2"] == ("Episode-2", "the second episode", "episode two")
    assert "item:quiet" not in known


def test_of_a_title_only_what_anybody_says_is_a_name():
    long = replace(item("long", Kind.MUSIC, "jazz", 60), title="What nobody would ever say in one breath")
    lullaby = replace(item("lullaby", Kind.MUSIC, "jazz", 60), title="Lullaby, op. 49 no. 4 (live)")

    assert words(plan_of(long, lullaby, *ITEMS))["item:lullaby"] == ("Lullaby",)
    assert "item:long" not in words(plan_of(long, *ITEMS))


def test_a_title_that_is_a_word_of_the_menu_means_the_menu_and_adverts_have_no_name():
    jazz = replace(item("jazz", Kind.MUSIC, "classical", 60), title="Jazz")
    advert = replace(item("ad", Kind.MUSIC, "classical", 60), tags=("advert",))

    assert {"item:jazz", "item:ad"}.isdisjoint(words(plan_of(jazz, advert, *ITEMS)))


def test_the_second_episode_is_that_of_the_series_being_heard():
    other = [item(f"tale-{number}", Kind.PODCAST, "tales", 100.0, number) for number in (1, 2)]
    plan = plan_of(*ITEMS, *other)

    assert "the second episode" in words(plan)["item:episode-2"]
    hearing = replace(a_session(), now="tale-1")
    assert "the second episode" in words(plan, hearing)["item:tale-2"]
    assert "the second episode" not in words(plan, hearing).get("item:episode-2", ())


def test_a_shelf_of_thousands_does_not_make_thousands_of_names():
    many = tuple(item(f"tune{number}", Kind.MUSIC, "jazz", 60) for number in range(3000))

    assert len(naming.choices(a_session(), plan_of(*ITEMS, *many))) <= naming.MOST


def test_a_name_plays_that_item_and_what_follows_is_its_shelf():
    call = called()

    call(said("item:swing"))

    assert call.played()[0][:2] == ("swing", 0.0)
    assert call.said() == ["now_music"]
    assert call.session.choice == "music:jazz"
    assert [(fact.choice, fact.via) for fact in call.facts if isinstance(fact, ContentChosen)] == [
        ("music", Via.DEFAULT),
        ("music:jazz", Via.VOICE),
    ]
    call(key("9", 20))
    assert call.session.choice == "music:jazz"


def test_what_is_not_in_the_plan_any_more_or_not_on_now_is_not_played():
    never = replace(item("never", Kind.MUSIC, "jazz", 60), airing=Airing(hours=("03:00-03:01",)))
    for name, plan in (("gone", a_plan()), ("never", plan_of(*ITEMS, never))):
        call = called(plan)
        before = call.session

        call(said(f"item:{name}"))

        assert call.session.now == before.now
        assert not any(isinstance(fact, ContentChosen) and fact.via is Via.VOICE for fact in call.facts)
        assert call.said() == []


def test_the_menu_offers_names_behind_everything_else():
    known = asking.menu(a_session(), a_plan(), NOON + timedelta(seconds=1)).choices
    names = [choice.id.startswith(naming.ITEM) for choice in known]

    assert names == sorted(names)
    assert any(names)
