"""The plan of a queue, and who streams whatever its file says."""

from datetime import UTC, date, datetime, timedelta

from msgspec.structs import replace

from holdsvc.calls.controls import menu_prompts, offers
from holdsvc.calls.events import Departure
from holdsvc.calls.model import Airing, ContentId, ContentItem, Identity, Kind, Licence, PromptId, QueueName
from holdsvc.calls.plan import Media
from holdsvc.engine.plans import MenuRules, PlanBook, QueueRules
from holdsvc.ports import Destination
from tests.plans import CONTROLS

WALTZ = ContentItem(ContentId("waltz"), Kind.MUSIC, "classical", "Waltz", 60.0)
QUEUE = QueueName("support")
LEAVING = [f"choice_leave_{key}" for key in (*range(10), "star", "pound")]
ALL = ["choice_music", "choice_podcast", "or_say", *CONTROLS, *LEAVING, "quiz_skip", "not_understood", "language_offer"]


class Shelves:
    generation = 1
    items = (WALTZ,)
    house = WALTZ

    def quiz(self):
        return {}

    def prompts(self):
        return {}


def book(streams: bool, **rules) -> PlanBook:
    queues = {"default": QueueRules(), "support": QueueRules(**rules)}
    return PlanBook(Shelves(), queues, streams=streams, stream_only={"wire"})


def test_a_platform_that_has_nothing_else_streams_whatever_the_file_and_the_address_say():
    for plans in (book(streams=False), book(streams=True), book(streams=True, media=Media.STREAM)):
        plan = plans.plan(QUEUE, platform="wire")

        assert plan.media is Media.STREAM
        assert plan.last_word
        assert plan.rules.release_answers


def test_others_stream_only_where_they_can_reach_us_and_have_documents_for_the_last_word():
    assert book(streams=False, media=Media.STREAM).plan(QUEUE, platform="acme").media is Media.DOCUMENTS
    assert book(streams=False).plan(QUEUE, stream=True, platform="acme").media is Media.DOCUMENTS
    plan = book(streams=True, media=Media.STREAM).plan(QUEUE, platform="acme")
    assert (plan.media, plan.last_word) == (Media.STREAM, False)


def test_nobody_is_told_to_say_it_where_nobody_listens():
    class Speaking(Shelves):
        def prompts(self):
            return {one: {PromptId("or_say"): 1.0, PromptId("next"): 1.0} for one in ("en", "es")}

    def told(stream: bool, listened: tuple[str, ...], **rules) -> dict[str, bool]:
        book = PlanBook(
            Speaking(), {"default": QueueRules(**rules)}, streams=True, listened=lambda one: one in listened
        )
        prompts = book.plan(QUEUE, stream=stream).prompts
        assert all("next" in one for one in prompts.values())
        return {language: "or_say" in one for language, one in prompts.items()}

    assert told(stream=False, listened=()) == {"en": True, "es": True}, "there the platform's own recogniser hears it"
    assert told(stream=True, listened=()) == {"en": False, "es": False}
    assert told(stream=True, listened=("en",)) == {"en": True, "es": False}
    assert told(stream=True, listened=("en",), speech=False) == {"en": False, "es": False}
    assert told(stream=False, listened=("en",), speech=False) == {"en": False, "es": False}


def test_no_key_is_named_that_is_not_there():
    """The whole menu of a queue, told in both languages: what it does not have is not spoken of."""

    class Speaking(Shelves):
        def prompts(self):
            return {one: dict.fromkeys(ALL, 1.0) for one in ("en", "es")}

    def told(**rules) -> list[str]:
        book = PlanBook(Speaking(), {"default": QueueRules(**rules)}, streams=False)
        plan = book.plan(QUEUE)
        assert "choice_podcast" not in menu_prompts(plan), "there is none on the shelf"
        offered = ["language_offer" for _ in offers(plan, "en")]
        return [*plan.available(menu_prompts(plan), "en"), *offered]

    assert told() == ["choice_music", "or_say", *CONTROLS, "language_offer"]
    assert told(menu=MenuRules(off=("next", "louder", "less_talk"))) == [
        "choice_music",
        "or_say",
        "control_repeat",
        "control_softer",
        "control_menu",
        "language_offer",
    ]
    assert told(menu=MenuRules(off=("menu",))) == ["choice_music", "or_say", *CONTROLS[:-1]]
    assert told(menu=MenuRules(off=("language",))) == ["choice_music", "or_say", *CONTROLS]
    assert told(menu=MenuRules(off=("music",)))[0] == CONTROLS[0], "nothing to choose, and so nothing to say either"
    for key, name in (("6", "6"), ("*", "star"), ("#", "pound")):
        rules = MenuRules(off=("repeat", "less_talk"), leave=key)
        assert told(menu=rules)[:3] == ["choice_music", f"choice_leave_{name}", "or_say"]


def test_neither_the_answer_to_a_wrong_key_nor_the_quiz_names_a_key_that_is_not_there():
    class Speaking(Shelves):
        def prompts(self):
            return {"en": dict.fromkeys(ALL, 1.0)}

    def told(**rules) -> set[str]:
        plans = PlanBook(Speaking(), {"default": QueueRules(**rules)}, streams=False)
        return set(plans.plan(QUEUE).prompts["en"]) & {"quiz_skip", "control_menu", "not_understood"}

    assert told() == {"quiz_skip", "control_menu", "not_understood"}
    assert told(menu=MenuRules(off=("next", "menu"))) == {"not_understood"}


def test_a_queue_that_wants_no_places_told_or_nobody_listened_to_is_obeyed():
    assert [book(streams=False, tell_position=wish).plan(QUEUE).tell_position for wish in (True, False)] == [
        True,
        False,
    ]
    plans = [book(streams=False, speech=wish).plan(QUEUE) for wish in (True, False)]
    assert [plan.recognised("en") for plan in plans] == ["en", ""]


def test_a_place_to_go_for_who_leaves_is_known_to_the_plan():
    ways = {"choice": Destination(dial="+15005550199"), "overflow": Destination()}

    assert book(streams=False, departures=ways).plan(QUEUE).sends_on == (Departure.CHOICE,)


def test_a_queue_that_says_who_answers_is_believed():
    plan = book(streams=False, release_answers=False).plan(QUEUE, platform="wire")

    assert not plan.rules.release_answers


def test_both_ways_of_one_queue_have_plans_of_their_own():
    plans = book(streams=False)

    assert plans.plan(QUEUE, platform="wire") != plans.plan(QUEUE, platform="acme")
    assert plans.plan(QUEUE, platform="wire") is plans.plan(QUEUE, platform="wire")


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 3, 2, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return 0.0


def update(name: str, **more) -> ContentItem:
    return ContentItem(ContentId(name), Kind.DAILY, "updates", name, 20.0, **more)


def offered_at(*items: ContentItem, clock: Clock, **more) -> list[str]:
    shelves = Shelves()
    shelves.items = (WALTZ, *items)
    plans = PlanBook(shelves, {"default": QueueRules()}, streams=False, clock=clock)
    return [item.id for item in plans.plan(QUEUE, **more).items]


def test_what_expires_leaves_the_plan_at_that_very_moment_and_its_key_with_it():
    clock, shelves = Clock(), Shelves()
    noon = clock.time
    soon, later = (update(name, expires=noon + timedelta(minutes=n)) for name, n in (("soon", 1), ("later", 2)))
    shelves.items = (WALTZ, soon, later)
    plans = PlanBook(shelves, {"default": QueueRules()}, streams=False, clock=clock)
    there = {}

    for second in (0, 59, 60, 119, 120, 999):
        clock.time = noon + timedelta(seconds=second)
        plan = plans.plan(QUEUE)
        there[second] = [item.id for item in plan.items], plan.menu.by_id("daily") is not None

    everything = (["waltz", "soon", "later"], True)
    assert there[0] == there[59] == everything
    assert there[60] == there[119] == (["waltz", "later"], True)
    assert there[120] == there[999] == (["waltz"], False)


def test_what_expired_before_it_was_looked_at_is_in_no_plan():
    clock = Clock()

    assert offered_at(update("old", expires=clock.time), clock=clock) == ["waltz"]


def test_what_is_for_a_segment_is_for_nobody_else():
    clock, item = Clock(), update("order", segment="gold")

    assert offered_at(item, clock=clock) == ["waltz"]
    assert offered_at(item, clock=clock, segment="silver") == ["waltz"]
    assert offered_at(item, clock=clock, segment="gold") == ["waltz", "order"]


def test_what_wants_a_caller_to_be_verified_is_not_told_on_the_strength_of_a_number():
    item = update("order", segment="gold", identity=Identity.VERIFIED)

    assert offered_at(item, clock=Clock(), segment="gold") == ["waltz"]


def test_what_is_for_some_queues_is_heard_in_no_other():
    item, shelves = update("storm", queues=("support",)), Shelves()
    shelves.items = (WALTZ, item)
    plans = PlanBook(shelves, {"default": QueueRules(), "support": QueueRules()}, streams=False)

    assert item in plans.plan(QUEUE).items
    assert item not in plans.plan(QueueName("sales")).items
    assert item not in plans.plan(QueueName("default")).items


def test_what_goes_out_to_whoever_listens_is_licensed_aired_and_for_everybody():
    clock, shelves = Clock(), Shelves()
    music = {
        "expired": replace(WALTZ, expires=clock.time),
        "licence over": replace(WALTZ, licence=Licence("X", "y", until=date(2026, 3, 1))),
        "elsewhere": replace(WALTZ, licence=Licence("X", "y", territories=("FR",))),
        "one queue's": replace(WALTZ, queues=("support",)),
        "a segment's": replace(WALTZ, segment="gold"),
        "at night": replace(WALTZ, airing=Airing(hours=("22:00-23:00",))),
    }
    shelves.items = (WALTZ, *(replace(item, id=ContentId(name)) for name, item in music.items()))
    plans = PlanBook(shelves, {"default": QueueRules()}, streams=False, clock=clock, territory="US")

    assert plans.for_all() == (WALTZ,)
