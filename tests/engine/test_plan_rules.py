"""What a queue's file lets its callers hear: shelves and their inheritance, licences, profiles for callers in distress."""

from datetime import UTC, date, datetime

import pytest
from msgspec.structs import replace

from holdsvc.calls.decide import decide
from holdsvc.calls.events import CallHeld, ContentEnded, HeardUntil
from holdsvc.calls.instructions import Play
from holdsvc.calls.model import Airing, ContentId, ContentItem, Kind, Licence, QueueName
from holdsvc.calls.session import HoldSession
from holdsvc.config import load
from holdsvc.engine.plans import PlanBook, QueueRules
from holdsvc.errors import ConfigError
from tests.plans import CALL, PROMPTS

SUPPORT = QueueName("support")


def tune(name, shelf="jazz", mood="", until=None, territories=(), **more):
    licence = Licence("own", "a label", until=until, territories=territories)
    return ContentItem(ContentId(name), Kind.MUSIC, shelf, name, 60.0, mood=mood, licence=licence, **more)


HOUSE = tune("house", "house", mood="calm")
QUIET = ContentItem(ContentId("quiet"), Kind.QUIET, "quiet", "Quiet", 60.0)
TALK = ContentItem(ContentId("talk"), Kind.PODCAST, "talks", "Talk", 60.0)
QUIZ = ContentItem(ContentId("quiz"), Kind.QUIZ, "quiz", "Quiz", 60.0)


class Clock:
    def __init__(self, at=datetime(2026, 3, 2, 12, tzinfo=UTC)):
        self.at = at

    def now(self):
        return self.at

    def monotonic(self):
        return 0.0


class Shelves:
    generation, house = 1, HOUSE

    def __init__(self, *items, languages=("en",)):
        self.items, self._languages = items, languages

    def quiz(self):
        return {}

    def prompts(self):
        return dict.fromkeys(self._languages, PROMPTS)


def book(*items, clock=None, territory="", languages=("en",), default=None, **queues):
    given = {"default": default or QueueRules(), **queues}
    shelves = Shelves(*items, HOUSE, languages=languages)
    return PlanBook(shelves, given, streams=False, clock=clock or Clock(), territory=territory)


def names(plans, queue="support"):
    return [item.id for item in plans.plan(QueueName(queue)).items]


def test_a_queue_that_names_no_shelves_has_those_of_its_base():
    items = tune("a", "jazz"), tune("b", "folk"), tune("c", "blues")
    plans = book(
        *items,
        default=QueueRules(shelves=("jazz",)),
        support=QueueRules(),
        sales=QueueRules(shelves=("folk", "house")),
        vip=QueueRules(base="sales"),
        odd=QueueRules(base="odd"),
    )

    assert names(plans) == ["a", "house"]
    assert names(plans, "sales") == names(plans, "vip") == ["b", "house"]
    assert names(plans, "odd") == ["a", "b", "c", "house"]


def test_a_licence_that_ends_tonight_is_out_of_the_plan_tomorrow_where_the_queue_is():
    clock = Clock()
    plans = book(
        tune("last-day", until=date(2026, 3, 2)),
        clock=clock,
        support=QueueRules(),
        tokyo=QueueRules(timezone="Asia/Tokyo"),
    )
    there = {}

    for hour in (12, 14, 15, 23):
        clock.at = datetime(2026, 3, 2, hour, 59, 59, tzinfo=UTC)
        there[hour] = "last-day" in names(plans), "last-day" in names(plans, "tokyo")
    clock.at = datetime(2026, 3, 3, 0, 0, 0, tzinfo=UTC)

    assert there == {12: (True, True), 14: (True, True), 15: (True, False), 23: (True, False)}
    assert names(plans) == names(plans, "tokyo") == ["house"]


def test_an_item_is_planned_only_where_it_is_licensed():
    item = tune("alpine", territories=("AT", "CH"))

    assert names(book(item)) == ["house"], "we do not know where"
    assert names(book(item, territory="US")) == ["house"]
    assert names(book(item, territory="US", support=QueueRules(territory="CH"))) == ["alpine", "house"]
    assert names(book(item, territory="AT", support=QueueRules(territory="DE"))) == ["house"]
    assert names(book(item, default=QueueRules(territory="AT"), support=QueueRules())) == ["alpine", "house"]


@pytest.mark.parametrize("profile", ["bereavement", "fraud", "emergency"])
def test_a_profile_cannot_be_talked_round_by_the_rest_of_the_file(profile):
    items = (
        tune("calm", mood="calm"),
        tune("jolly", mood="jolly"),
        tune("unknown"),
        tune("advert", mood="calm", tags=("advert",)),
        replace(TALK, tags=("comedy",)),
        QUIZ,
        QUIET,
    )
    rules = QueueRules(profile=profile, default_choice="quiz", shelves=("jazz", "talks", "quiz", "quiet"))

    plan = book(*items, support=rules).plan(SUPPORT)

    assert [item.id for item in plan.items] == ["calm", "quiet", "house"]
    assert plan.menu.by_id("quiz") is None
    assert plan.menu.by_digit("4") is None


def test_a_house_track_that_is_jolly_or_not_licensed_any_more_gives_way_to_quiet():
    for house in (tune("house", mood="jolly"), tune("house", mood="calm", until=date(2026, 3, 1))):
        plans = book(QUIET, support=QueueRules(profile="bereavement"))
        plans._shelves.house = house
        plans._shelves.items = (QUIET,)

        assert plans.plan(SUPPORT).house == "quiet"


def test_a_queue_with_nothing_on_its_shelves_plays_the_house_track_on_and_on():
    plan = book(tune("a"), QUIET, support=QueueRules(shelves=("nothing-there",))).plan(SUPPORT)
    session, heard = HoldSession(CALL, SUPPORT), []
    now = Clock().at

    for number in range(3):
        event = CallHeld(at=now, id=f"h{number}", began=now) if not number else None
        event = event or ContentEnded(at=now, id=f"e{number}", heard=HeardUntil(HOUSE.id, 0.0, 60.0))
        decision = decide(session, event, plan)
        session = decision.session
        heard += [(one.content, one.from_second) for one in decision.instructions if isinstance(one, Play)][:1]

    assert heard == [("house", 0.0)] * 3


def test_a_shelf_that_is_off_the_air_gives_way_to_the_house_track_until_it_comes_back():
    evening = tune("evening", airing=Airing(hours=("18:00-22:00",)))
    rules = QueueRules(shelves=("jazz",))
    plan = book(evening, support=rules).plan(SUPPORT)
    noon = Clock().at
    first = decide(HoldSession(CALL, SUPPORT), CallHeld(at=noon, id="h", began=noon), plan)
    later = noon.replace(hour=18)

    second = decide(first.session, ContentEnded(at=later, id="e", heard=HeardUntil(HOUSE.id, 0.0, 60.0)), plan)

    assert first.session.now == "house"
    assert second.session.now == "evening"


def test_only_the_queues_own_languages_are_offered():
    languages = ("en", "es", "ru", "zh")

    assert book(languages=languages).plan(SUPPORT).languages == languages
    plan = book(languages=languages, support=QueueRules(language="es", languages=("ru", "es"))).plan(SUPPORT)
    assert plan.languages == ("es", "ru")
    assert plan.menu.by_id("language:ru")
    assert not plan.menu.by_id("language:zh")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('profile = "sad"', "queues.sales.profile: 'sad' will not do: one of bereavement, fraud, emergency"),
        ('base = "support2"', "queues.sales.base: there is no queue 'support2' to take shelves from"),
        ('timezone = "Mars/Olympus"', "queues.sales.timezone: 'Mars/Olympus' is no time zone"),
        ('timezone = "../etc/passwd"', "queues.sales.timezone: '../etc/passwd' is no time zone"),
        ("segment_seconds = 15", "queues.sales.segment_seconds: 15 will not do: 10, 20, 30, 40, 50 or 60 seconds"),
        ('territory = "Germany"', "queues.sales.territory: 'Germany' is no country"),
        ("fresh_days = -1", "queues.sales.fresh_days: -1 will not do: 0 or more"),
        ("rewind = inf", "queues.sales.rewind: inf will not do: 0 or more"),
    ],
)
def test_what_will_not_do_in_a_queues_file_is_one_clear_sentence(tmp_path, text, sentence):
    file = tmp_path / "holdsvc.toml"
    file.write_text(f"[queues.sales]\n{text}\n", "utf-8")

    with pytest.raises(ConfigError) as caught:
        load(file, {})

    assert sentence in str(caught.value)
