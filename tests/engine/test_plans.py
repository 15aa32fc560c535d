"""The plan of a queue, and who streams whatever its file says."""

from holdsvc.calls.model import ContentId, ContentItem, Kind, QueueName
from holdsvc.calls.plan import Media
from holdsvc.engine.plans import PlanBook, QueueRules

WALTZ = ContentItem(ContentId("waltz"), Kind.MUSIC, "classical", "Waltz", 60.0)
QUEUE = QueueName("support")


class Shelves:
    generation = 1
    items = (WALTZ,)
    house = WALTZ

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


def test_a_queue_that_says_who_answers_is_believed():
    plan = book(streams=False, release_answers=False).plan(QUEUE, platform="wire")

    assert not plan.rules.release_answers


def test_both_ways_of_one_queue_have_plans_of_their_own():
    plans = book(streams=False)

    assert plans.plan(QUEUE, platform="wire") != plans.plan(QUEUE, platform="acme")
    assert plans.plan(QUEUE, platform="wire") is plans.plan(QUEUE, platform="wire")
