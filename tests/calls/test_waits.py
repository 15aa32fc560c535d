"""Whose news is whose, by itself: what a call's waits in a test of the engine do not reach."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from holdsvc.calls.events import AgentAnswered, CallArrived, CallerHungUp, CallHeld, Departure, LeftQueue, WentElsewhere
from holdsvc.calls.model import BETWEEN, MOST_WAITS, CallRef, Contact, QueueName, Via, parted
from holdsvc.calls.session import Chosen, HoldSession, lived
from holdsvc.calls.waits import Incoming, bare, began, follow, placed
from tests.plans import CALL, QUEUE, after

SALES = QueueName("sales")


def waited(number=1, queue=QUEUE, entered=None, *life):
    session = HoldSession(CALL.nth(number), queue, entered=None if entered is None else after(entered))
    for event in life:
        session = lived(session, event)
    return session


def held(at):
    return CallHeld(at=after(at), id=f"held{at}", began=after(at))


def left(at):
    return LeftQueue(at=after(at), id=f"left{at}", why=Departure.OVERFLOW)


def door(queue, at, **more):
    return Incoming(CALL, queue, (CallArrived(at=after(at), id=f"door{at}"),), **more)


@given(st.text().filter(lambda call: call and BETWEEN not in call), st.integers(1, MOST_WAITS))
def test_a_key_names_the_call_and_its_wait(call, wait):
    ref = CallRef("twilio", call, wait)

    assert parted(ref.key) == (call, wait)
    assert ref.key == call or wait > 1
    assert ref.whole == CallRef("twilio", call)


def test_a_call_that_nobody_knows_begins_its_first_wait():
    told = placed(door(QUEUE, 0, stream=True), ())

    assert told.new == HoldSession(CALL, QUEUE, stream=True)
    assert (told.known, told.before, told.elsewhere) == (None, (), ())


def test_the_next_wait_is_told_to_the_one_before_and_hears_what_is_about_it_already():
    agent, end = AgentAnswered(at=after(90), id="agent"), CallerHungUp(at=after(200), id="end")
    first = waited(1, QUEUE, None, held(0), AgentAnswered(at=after(20), id="before"), agent, end)

    told = placed(door(SALES, 60), (first,))

    ((other, event),) = told.elsewhere
    assert (told.new.ref.wait, told.new.queue, told.new.entered) == (2, SALES, after(60))
    assert told.before == (agent, end)
    assert (other, type(event), event.at) == (first, WentElsewhere, after(60))


def test_a_wait_that_was_not_told_that_its_caller_went_on_is_told_with_the_next_news():
    first, second = waited(1, QUEUE, None, held(0)), waited(2, SALES, 60.0, held(61))
    news = Incoming(CALL, QUEUE, (CallerHungUp(at=after(90), id="end"),))

    told = placed(news, (first, second))

    assert told.known == second
    assert [(one.ref.wait, event.at) for one, event in told.elsewhere] == [(1, after(60))]
    known = replace(first, elsewhere=after(60))
    assert placed(news, (known, second)).elsewhere == ()


def test_a_wait_in_the_middle_that_was_lost_is_begun_again_in_its_place():
    second = waited(2, SALES, 60.0, held(61))

    assert placed(door(QUEUE, 0), (second,)).new.ref.wait == 1
    assert placed(door(QUEUE, 0, told=1), (second,)).new.ref.wait == 1
    assert placed(door(SALES, 60), (second,)).known == second


def test_a_queue_that_only_an_address_for_all_calls_named_gives_way_to_the_one_where_the_caller_is():
    unseen = waited(1, QueueName("default"), None, CallerHungUp(at=after(90), id="end"))

    told = placed(door(SALES, 0), (unseen,))

    assert (told.known, told.new.queue, told.new.ref.wait) == (unseen, SALES, 1)


def test_an_address_of_another_queue_names_no_wait_here():
    first = waited(1, QUEUE, None, held(0), left(30))

    assert placed(door(SALES, 40, told=1), (first,)).new.ref.wait == 2


def test_the_same_queue_is_waited_in_again_after_it_was_left_and_not_before():
    open_, over = waited(1, QUEUE, None, held(0)), waited(1, QUEUE, None, held(0), left(30))

    assert placed(door(QUEUE, 40), (open_,)).known == open_
    assert placed(door(QUEUE, 40), (replace(open_, leaving=Departure.OVERFLOW),)).new.ref.wait == 2
    assert placed(door(QUEUE, 20), (over,)).known == over
    assert placed(door(QUEUE, 40), (over,)).new.ref.wait == 2


def test_the_last_wait_that_a_call_may_have_takes_all_that_follows():
    last = waited(MOST_WAITS, QUEUE, 0.0, held(0), left(30))

    assert placed(door(SALES, 40), (last,)).new.ref.wait == MOST_WAITS


def test_what_a_caller_chose_by_key_is_remembered_in_the_next_queue_and_a_default_is_not():
    by = {via: Chosen("music:jazz", via, after(5)) for via in Via}
    first = replace(waited(1, QUEUE, None, held(0)), remembered="quiet", contact=Contact(name="Ada"), promised=3)

    def onward(via):
        return follow(replace(first, choices=(by[via],)), door(SALES, 60), CALL.nth(2))

    assert onward(Via.KEY).remembered == onward(Via.VOICE).remembered == "music:jazz"
    assert onward(Via.DEFAULT).remembered == "quiet"
    assert onward(Via.KEY).contact == Contact(name="Ada")
    assert (onward(Via.KEY).promised, onward(Via.KEY).choices, onward(Via.KEY).version) == (None, (), 0)


def test_a_wait_began_when_the_caller_came_or_was_held_whichever_was_first():
    assert began(waited(1, QUEUE, None, held(0))) is None
    assert began(waited(2, QUEUE, 60.0)) == after(60)
    assert began(waited(2, QUEUE, 60.0, held(50))) == after(50)
    assert bare(waited(2, QUEUE, 60.0, held(50))) == HoldSession(CALL.nth(2), QUEUE, entered=after(60))
