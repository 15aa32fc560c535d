from __future__ import annotations

from msgspec.structs import replace

from holdsvc.calls.events import HeardUntil, UtteranceHeard
from holdsvc.calls.menu import SHIPPED
from holdsvc.calls.model import Chapter, ContentItem, Kind
from holdsvc.calls.plan import Media, offered
from tests.calls.lines import Line, Person
from tests.calls.test_decide import Call, held, key
from tests.plans import ITEMS, NOON, a_plan, after

CHAPTERS = (Chapter(0.0, "Opening"), Chapter(40.0, "Middle"), Chapter(90.0, "End"))


def told(item: ContentItem) -> ContentItem:
    return replace(item, chapters=CHAPTERS) if item.id == "episode-1" else item


SHELF = tuple(map(told, ITEMS))
PLAN = a_plan(media=Media.STREAM, items=SHELF, menu=offered(SHIPPED, SHELF), default_choice="podcast", menu_after=0.0)


def heard(first: float, until: float) -> HeardUntil:
    return HeardUntil("episode-1", first, until)  # type: ignore[arg-type]


def test_next_goes_to_the_next_chapter_and_behind_the_last_to_the_next_episode() -> None:
    call = Call(PLAN)(held())

    call(key("9", 20, heard(0.0, 20.0)))
    assert call.played()[0][:2] == ("episode-1", 40.0)
    call(key("9", 60, heard(40.0, 70.0)))
    assert call.played()[0][:2] == ("episode-1", 90.0)
    call(key("9", 80, heard(90.0, 100.0)))
    assert call.played()[0][0] == "episode-2"


def test_next_again_at_once_means_the_next_episode() -> None:
    call = Call(PLAN)(held())(key("9", 20, heard(0.0, 20.0)))

    call(key("9", 22, heard(40.0, 42.0)))

    assert call.played()[0][0] == "episode-2"


def test_in_documents_too_though_a_chapter_is_taken_up_a_little_earlier_than_it_begins() -> None:
    """They begin on the grid: what is heard first is the end of the chapter before, and asked for again it is not heard again."""
    between = (Chapter(0.0, "Opening"), Chapter(38.0, "Middle"), Chapter(99.0, "End"))
    shelf = tuple(replace(item, chapters=between) if item.chapters else item for item in SHELF)
    plan = a_plan(items=shelf, menu=offered(SHIPPED, shelf), default_choice="podcast", menu_after=0.0)
    for seconds in (0.5, 1.5, 4.0, 8.0, 12.0):
        line = Line(Person("ada", lambda at, live: plan), NOON, live=False)
        line.wait(33.0)  # five seconds before a chapter that nobody has asked for
        line.press("9")
        assert (line.session.now, line.rest[-1][1]) == ("episode-1", 30.0)
        line.wait(seconds)

        line.press("9")

        assert line.session.now == "episode-2", seconds

    line = Line(Person("ada", lambda at, live: plan), NOON, live=False)
    line.wait(33.0)
    for _ in range(2):  # a chapter is listened to, until shortly before the next one
        line.press("9")
        assert line.session.now == "episode-1"
        line.wait(65.0)


def test_the_next_episode_can_be_asked_for_in_words() -> None:
    call = Call(PLAN)(held())

    call(UtteranceHeard(at=after(20), id="said", choice="next_episode", heard=heard(0.0, 20.0)))  # type: ignore[arg-type]

    assert call.played()[0][0] == "episode-2"


def test_a_piece_without_chapters_is_left_as_ever() -> None:
    call = Call(a_plan(media=Media.STREAM))(held())
    first = call.played()[0][0]

    call(key("9", 20))

    assert call.played()[0][0] != first


def test_without_podcasts_nobody_is_offered_an_episode() -> None:
    music = tuple(item for item in ITEMS if item.kind is Kind.MUSIC)

    assert offered(SHIPPED, music).by_id("next_episode") is None
