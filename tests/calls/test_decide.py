from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from holdsvc.calls.decide import decide
from holdsvc.calls.events import (
    AgentAnswered,
    CallArrived,
    CallerHungUp,
    CallerKnown,
    CallHeld,
    ContentEnded,
    Departure,
    DigitPressed,
    HeardUntil,
    LeftQueue,
    ReleaseAsked,
    StreamClosed,
    StreamOpened,
    TimeCame,
    UtteranceHeard,
)
from holdsvc.calls.facts import ContentChosen, ContentHeard, NotUnderstood, WaitAmended, WaitBegan, WaitEnded
from holdsvc.calls.history import Stage
from holdsvc.calls.instructions import (
    Brief,
    Depart,
    EnterQueue,
    HandOver,
    LeaveQueue,
    Listen,
    OpenStream,
    Play,
    Release,
    Say,
    Stop,
)
from holdsvc.calls.model import Contact, Outcome, PastWait, Profile, Via
from holdsvc.calls.plan import Media
from tests.plans import CONTROLS, NOON, QUEUE, a_plan, a_session, after

PLAN = a_plan()
LIVE = a_plan(media=Media.STREAM)


class Call:
    """Folds events as the engine does, and remembers what came of them."""

    def __init__(self, plan=PLAN):
        self.plan, self.session, self.facts, self.todo = plan, a_session(), [], ()

    def __call__(self, event):
        decision = decide(self.session, event, self.plan)
        self.session, self.todo = decision.session, decision.instructions
        self.facts += decision.facts
        return self

    def played(self):
        return [(one.content, one.from_second, one.until_second) for one in self.todo if isinstance(one, Play)]

    def said(self):
        return [prompt for one in self.todo if isinstance(one, Say) for prompt in one.prompts]

    def of(self, kind):
        return [fact for fact in self.facts if isinstance(fact, kind)]


def held(seconds=0.0, heard=None):
    return CallHeld(at=after(seconds), id=f"held{seconds}", began=NOON, heard=heard)


def key(digit, seconds=20.0, heard=None):
    return DigitPressed(at=after(seconds), id=f"key{digit}{seconds}", digit=digit, heard=heard)


def ended(seconds, heard):
    return ContentEnded(at=after(seconds), id=f"ended{seconds}", heard=heard)


def test_a_caller_hears_content_at_once_and_the_menu_after_it():
    call = Call()(CallArrived(at=NOON, id="a"))
    assert call.todo == (EnterQueue(QUEUE),)

    call(held())

    kinds = [type(one) for one in call.todo]
    assert kinds == [Play, Say, Play, Listen]
    assert call.played() == [("waltz", 0, 10), ("waltz", 10, 60)]
    assert call.said()[0] == "choice_music"


def test_the_menu_is_told_once():
    call = Call()(held())(held(65, HeardUntil("waltz", 0, 60)))

    assert call.said() == []
    assert call.played() == [("waltz", 60, 120)]


def test_content_goes_on_where_it_stopped_after_a_switch_and_back():
    call = Call()(held())(key("2", 38, HeardUntil("waltz", 0, 37.2)))
    assert call.played() == [("episode-1", 0, 60)]
    assert call.said() == ["now_podcast"]

    call(key("1", 70, HeardUntil("episode-1", 0, 30)))

    assert call.played() == [("waltz", 30, 90)]  # on the grid of ten seconds
    assert call.said() == ["now_music", "resume"]


def test_a_stream_goes_on_at_the_very_moment():
    call = Call(LIVE)(CallArrived(at=NOON, id="a"))
    assert call.todo == (OpenStream(QUEUE),)

    call(StreamOpened(at=after(0.5), id="s"))(key("2", 38, HeardUntil("waltz", 0, 37.24)))
    call(key("1", 70, HeardUntil("episode-1", 0, 30)))

    assert call.played() == [("waltz", 37.24, None)]


def test_a_second_press_for_music_means_another_genre():
    call = Call()(held())(key("1"))

    assert call.played()[0][0] == "swing"
    assert call.session.place("music:jazz") == "swing"


def test_a_genre_can_be_said():
    call = Call()(held())(UtteranceHeard(at=after(9), id="u", choice="music:jazz", score=0.9))

    assert call.played()[0][0] == "swing"
    assert call.of(ContentChosen)[-1].via is Via.VOICE


def test_unknown_input_is_answered_kindly_and_the_content_goes_on():
    call = Call()(held())(key("4", 30, HeardUntil("waltz", 0, 25)))

    assert call.said() == ["not_understood", "control_menu"]
    assert call.played() == [("waltz", 20, 80)]
    assert len(call.of(NotUnderstood)) == 1


def test_an_item_that_was_heard_is_followed_by_the_next_and_the_shelf_goes_round():
    call = Call()(held())(ended(130, HeardUntil("waltz", 0, 130)))
    second = call.played()[0][0]
    call(ended(300, HeardUntil(second, 0, PLAN.item(second).seconds)))
    third = call.played()[0][0]
    call(ended(500, HeardUntil(third, 0, PLAN.item(third).seconds)))

    assert {second, third} == {"fugue", "swing"}
    assert call.played() == [("waltz", 0, 60)]


def test_next_repeat_louder_and_less_talk_do_as_they_say():
    call = Call()(held())(key("9", 20, HeardUntil("waltz", 0, 15)))
    assert (call.played()[0][:2], call.said()) == (("swing", 0), ["next"])

    call(key("*", 50, HeardUntil("swing", 0, 30)))
    assert (call.played()[0][:2], call.said()) == (("swing", 0), ["again"])

    call(key("8", 70, HeardUntil("swing", 0, 20)))
    assert [one.gain for one in call.todo if isinstance(one, Play)] == [6.0]

    call(key("8", 75))(key("#", 80))
    assert call.session.gain == 6.0
    assert call.said() == ["less_talk"]


def test_zero_gives_the_choices_that_there_are():
    call = Call()(held())(key("0"))

    assert call.said() == ["choice_music", "choice_podcast", "choice_daily", "choice_quiet", "or_say", *CONTROLS]


def test_a_known_caller_goes_on_where_the_last_call_stopped_and_is_not_asked_again():
    profile = Profile(choice="podcast", offsets=(("episode-1", 47.0),), latest=(("podcast", "episode-1"),))
    call = Call()(CallerKnown(at=NOON, id="k", caller="p1", profile=profile))(held())

    assert call.played() == [("episode-1", 40, 100)]
    assert call.said() == []
    assert call.of(ContentChosen)[0].via is Via.REMEMBERED


def test_a_late_answer_of_a_directory_reaches_the_agent():
    call = Call()(held())(CallerKnown(at=after(2), id="late", contact=Contact(name="Ada", account="77")))
    call(AgentAnswered(at=after(60), id="x", leg=True))

    assert call.todo == (Brief(("By the number: Ada, account 77.", "Waited 1 minute.")),)


def test_the_agent_is_told_what_was_tried_before():
    past = PastWait(after(-3600), 95.0, QUEUE, Outcome.ABANDONED)
    call = Call()(CallerKnown(at=NOON, id="k", profile=Profile(waits=(past,))))(held())(key("2"))
    call(AgentAnswered(at=after(130), id="x", leg=True))

    (briefing,) = call.todo
    assert briefing.facts == (
        "Waited 2 minutes 10 seconds.",
        "Called once before; last time gave up after 1 minute 35 seconds.",
        "Chose podcast.",
    )


def test_when_the_agent_is_there_sound_stops_and_the_caller_is_told():
    call = Call()(held())(AgentAnswered(at=after(33), id="x"))

    assert call.todo == (Stop(), Say(("connecting",), "en"))
    assert [fact.seconds for fact in call.of(WaitEnded)] == [33]


def test_what_was_heard_last_before_the_answer_counts_too():
    call = Call()(held())(AgentAnswered(at=after(33), id="x"))
    prompts = 6 * 1.5  # the menu after ten seconds

    assert [(fact.from_second, fact.until_second) for fact in call.of(ContentHeard)] == [(0, 33 - prompts)]
    assert call.session.offset("waltz") == 24


def test_what_is_told_of_a_document_after_the_answer_counts_only_up_to_the_answer():
    call = Call()(held())(held(65, HeardUntil("waltz", 0, 60)))
    late = LeftQueue(
        at=after(120), id="l", why=Departure.OVERFLOW, waited=80, exact=False, heard=HeardUntil("waltz", 60, 115)
    )

    call(late)

    assert [fact.until_second for fact in call.of(ContentHeard)] == [60, 75]


def test_what_was_heard_is_counted_once_however_often_the_end_is_told():
    call = Call()(held())(CallerHungUp(at=after(8), id="h"))(CallerHungUp(at=after(8.2), id="h2"))

    assert [fact.until_second for fact in call.of(ContentHeard)] == [8]


def test_a_hang_up_ends_the_wait_once():
    call = Call()(held())(CallerHungUp(at=after(44), id="h"))(CallerHungUp(at=after(44.3), id="h2"))

    assert [(fact.outcome, fact.seconds) for fact in call.of(WaitEnded)] == [(Outcome.ABANDONED, 44)]
    assert call.of(WaitAmended) == []


def test_an_earlier_answer_that_comes_late_amends_the_wait():
    call = Call()(held())(CallerHungUp(at=after(44), id="h"))(AgentAnswered(at=after(40), id="x"))

    (amended,) = call.of(WaitAmended)
    assert (amended.was, amended.became) == (Outcome.ABANDONED, Outcome.ANSWERED)
    assert call.session.amended


def test_a_call_that_went_silent_is_closed_as_unknown_and_comes_back_with_news():
    call = Call()(held())(TimeCame(at=after(179), id="t1"))
    assert call.session.history.stage is Stage.WAITING

    call(TimeCame(at=after(181), id="t2"))
    assert [fact.outcome for fact in call.of(WaitEnded)] == [Outcome.UNKNOWN]

    call(key("1", 400))
    (amended,) = call.of(WaitAmended)
    assert (amended.was, amended.became) == (Outcome.UNKNOWN, None)
    assert call.session.history.stage is Stage.WAITING


def test_leaving_by_choice_is_confirmed_by_the_platforms_queue():
    call = Call()(held())(key("6"))
    assert call.said() == ["leaving"]
    assert LeaveQueue() in call.todo

    call(LeftQueue(at=after(21), id="l", why=Departure.CHOICE))

    assert call.todo == (Depart(QUEUE, Departure.CHOICE),)
    assert [fact.outcome for fact in call.of(WaitEnded)] == [Outcome.LEFT_BY_CHOICE]


def test_leaving_a_stream_is_done_at_once():
    call = Call(LIVE)(CallArrived(at=NOON, id="a"))(StreamOpened(at=after(1), id="s"))(key("6"))
    assert call.todo[-1] == Release()

    call(StreamClosed(at=after(22), id="c"))

    assert call.todo == (Depart(QUEUE, Departure.CHOICE),)
    assert [fact.outcome for fact in call.of(WaitEnded)] == [Outcome.LEFT_BY_CHOICE]


def test_who_waits_longer_than_the_queue_allows_is_moved_on():
    call = Call(a_plan(max_wait=100.0))(held())(held(130, HeardUntil("waltz", 60, 120)))
    assert call.todo == (LeaveQueue(),)

    call(LeftQueue(at=after(131), id="l", why=Departure.CHOICE))

    assert call.todo == (Depart(QUEUE, Departure.OVERFLOW),)
    assert [fact.outcome for fact in call.of(WaitEnded)] == [Outcome.OVERFLOWED]


def test_a_release_before_the_stream_opens_or_while_it_reconnects_is_not_lost():
    call = Call(LIVE)(CallArrived(at=NOON, id="a"))(ReleaseAsked(at=after(1), id="r"))

    call(StreamOpened(at=after(2), id="s"))
    assert call.todo == (Release(),)

    call(key("2", 3))
    assert call.todo == (Release(),)


def test_a_released_caller_whose_stream_we_lost_sight_of_is_handed_over_at_the_next_document():
    call = Call(LIVE)(CallArrived(at=NOON, id="a"))(StreamOpened(at=after(1), id="s"))(
        ReleaseAsked(at=after(60), id="r")
    )
    call.session = replace(call.session, streaming=False)

    call(held(62))
    assert call.todo == (HandOver(QUEUE),)

    call(held(70))
    assert call.played(), "who waits in the platform's queue behind the hand-over hears something"


def test_a_stream_that_cannot_be_opened_gives_way_to_documents():
    call = Call(LIVE)(CallArrived(at=NOON, id="a"))
    answers = []
    for second in range(1, 4):
        call(StreamClosed(at=after(second), id=f"c{second}"))
        answers.append(call.todo)

    assert answers == [(OpenStream(QUEUE),), (OpenStream(QUEUE),), (EnterQueue(QUEUE),)]
    assert call.session.stream is False


def test_who_left_and_comes_back_on_the_same_call_is_not_thrown_out_again():
    call = Call()(held())(key("6"))(LeftQueue(at=after(21), id="l", why=Departure.CHOICE))

    call(CallArrived(at=after(60), id="back"))(held(61))

    assert call.played()


def test_a_very_long_wait_keeps_its_beginning_and_its_end():
    call = Call()(held())
    for minute in range(1, 300):
        began = after(0.3 if minute % 2 else 0.0)
        call(CallHeld(at=after(60 * minute), id=f"doc{minute}", began=began))
    call(CallerHungUp(at=after(18_000), id="h"))
    call(CallHeld(at=after(18_000.5), id="late", began=after(0.2)))

    assert [(fact.began, fact.seconds) for fact in call.of(WaitEnded)] == [(NOON, 18_000)]
    assert call.of(WaitAmended) == []
    assert len(call.session.life) <= 64


def test_a_released_stream_is_handed_over_and_a_broken_one_taken_up_again():
    call = Call(LIVE)(CallArrived(at=NOON, id="a"))(StreamOpened(at=after(1), id="s"))
    call(StreamClosed(at=after(9), id="broken"))
    assert call.todo == (OpenStream(QUEUE),)

    call(StreamOpened(at=after(10), id="s2"))(ReleaseAsked(at=after(60), id="r"))
    assert call.todo == (Release(),)

    call(StreamClosed(at=after(61), id="c2"))
    assert call.todo == (HandOver(QUEUE),)


def test_a_stream_that_the_platform_ends_means_that_the_caller_is_gone():
    call = Call(LIVE)(CallArrived(at=NOON, id="a"))(StreamOpened(at=after(1), id="s"))
    call(StreamClosed(at=after(31), id="stop", by_caller=True))

    assert [(fact.outcome, fact.seconds) for fact in call.of(WaitEnded)] == [(Outcome.ABANDONED, 31)]


events = st.one_of(
    st.builds(held, st.integers(0, 300)),
    st.builds(key, st.sampled_from("0123456789*#x"), st.integers(0, 300)),
    st.builds(lambda at: CallerHungUp(at=after(at), id=f"h{at}"), st.integers(0, 300)),
    st.builds(lambda at: AgentAnswered(at=after(at), id=f"a{at}"), st.integers(0, 300)),
    st.builds(
        lambda at, why: LeftQueue(at=after(at), id=f"l{at}", why=why), st.integers(0, 300), st.sampled_from(Departure)
    ),
    st.builds(lambda at: TimeCame(at=after(at), id=f"t{at}"), st.integers(0, 900)),
    st.builds(lambda at: StreamClosed(at=after(at), id=f"c{at}", by_caller=True), st.integers(0, 300)),
    st.builds(
        lambda at, name, start, more: ended(at, HeardUntil(name, start, start + more)),
        st.integers(0, 300),
        st.sampled_from(["waltz", "fugue", "swing", "nowhere"]),
        st.integers(0, 200),
        st.integers(-5, 60),
    ),
)


@given(st.lists(events, max_size=30))
def test_whatever_happens_the_facts_tell_one_wait_that_adds_up(history):
    call = Call()
    for event in history:
        call(event)
        again = decide(call.session, event, PLAN)
        assert again.session == call.session, "a repetition changes nothing"
        assert again.facts == ()

    assert len(call.of(WaitBegan)) <= 1
    assert len(call.of(WaitEnded)) <= 1
    told = call.of(WaitEnded)[0].outcome if call.of(WaitEnded) else None
    for amended in call.of(WaitAmended):
        assert amended.was == told
        told = amended.became
    assert told == call.session.outcome


@given(st.lists(events, max_size=30), events, st.sampled_from([10, 60]))
def test_a_caller_who_asks_for_sound_is_always_given_some(history, last, segment):
    call = Call(a_plan(segment_seconds=segment))
    for event in history:
        call(event)

    call(held(1000))

    assert call.played() or LeaveQueue() in call.todo


@given(st.lists(events, max_size=30), st.sampled_from([10, 60]))
def test_what_was_heard_is_never_more_than_the_item_has(history, segment):
    call = Call(a_plan(segment_seconds=segment))
    for event in history:
        call(event)

    for fact in call.of(ContentHeard):
        assert 0 <= fact.from_second < fact.until_second <= PLAN.item(fact.content).seconds


def test_where_nothing_speaks_behind_the_stream_a_release_is_told_on_it():
    call = Call(a_plan(media=Media.STREAM, last_word=True))
    call(CallArrived(at=NOON, id="a"))(StreamOpened(at=after(1), id="o"))

    call(ReleaseAsked(at=after(30), id="r"))
    first = call.todo
    call(ReleaseAsked(at=after(31), id="r"))

    assert first == (Stop(), Say(("connecting",), "en"), Release())
    assert call.todo == first, "asked again, it is answered again"
