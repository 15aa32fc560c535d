"""How a queue moves, gathered from the facts of many calls: what their sessions say, and never more than is worth knowing."""

from hypothesis import given
from hypothesis import strategies as st

from holdsvc.calls.decide import decide
from holdsvc.calls.estimate import MOST_DEPARTED, Departed, Ground, Movement
from holdsvc.calls.events import AgentAnswered, CallerHungUp, CallHeld, LeftQueue
from holdsvc.calls.history import Stage
from holdsvc.calls.model import CallerId, CallId, CallRef, Contact, Outcome, QueueName
from holdsvc.calls.record import record
from holdsvc.calls.session import HoldSession
from holdsvc.engine import movements
from holdsvc.engine.intake import Intake, Recognition
from holdsvc.engine.movements import Movements
from holdsvc.engine.plans import PlanBook, QueueRules
from holdsvc.ports import Report
from holdsvc.stores.memory import MemoryStore
from tests.engine.test_intake import Directory, HandClock, Numbers, Shelves, Words
from tests.plans import CALL, NOON, QUEUE, a_plan, after

PLAN = a_plan()
SALES = QueueName("sales")


class Floor:
    """Calls of several callers, told as the engine tells them."""

    def __init__(self):
        self.movements, self.sessions = Movements(), {}

    def __call__(self, name, event, queue=QUEUE):
        ref = CallRef("testphone", CallId(name))
        session = self.sessions.get(name) or HoldSession(ref, queue)
        decision = decide(session, event, PLAN)
        self.sessions[name] = decision.session
        self.movements.facts(decision.session, decision.facts)

    def held(self, name, at, queue=QUEUE, position=None):
        event = CallHeld(at=after(at), id=f"{name}+held{at}", began=after(at), position=position)
        self(name, event, queue)

    def answered(self, name, at):
        self(name, AgentAnswered(at=after(at), id=f"{name}+answered"))

    def gone(self, name, at):
        self(name, CallerHungUp(at=after(at), id=f"{name}+gone"))

    def truth(self, queue=QUEUE):
        """The same out of the sessions as they stand."""
        waits = [one for one in self.sessions.values() if one.queue == queue and one.history.wait]
        waiting = sorted(one.history.wait.began.timestamp() for one in waits if one.history.stage is Stage.WAITING)
        ended = [one.history.wait for one in waits if one.history.wait.ended]
        departed = {Departed(one.began.timestamp(), one.ended.timestamp(), one.outcome) for one in ended}
        return tuple(waiting), departed


def a_busy_hour(floor: Floor, every: float = 30.0, calls: int = 30) -> float:
    """One comes and one is answered every so often, after a minute and a half; the moment at which the last was answered."""
    for n in range(calls + 3):
        floor.held(f"c{n}", every * n)
        if n >= 3:
            floor.answered(f"c{n - 3}", every * n)
    return every * (calls + 2)


def test_each_is_told_by_the_place_in_line():
    floor = Floor()
    now = after(a_busy_hour(floor))
    waiting = [one for one in floor.sessions.values() if one.history.stage is Stage.WAITING]

    told = floor.movements.expected_by(waiting, now)

    likely = [told[one.ref].likely for one in waiting]
    assert len(likely) == 3
    assert likely == sorted(likely)
    assert abs(likely[0] - 30) < 3
    assert abs(likely[2] - 90) < 9
    assert {one.ground for one in told.values()} == {Ground.PLACE}
    assert floor.movements.expected(QUEUE, now).likely > likely[2], "who comes now stands behind them"


def test_what_the_platform_says_of_the_place_counts_where_it_is_nearer_to_the_front():
    floor = Floor()
    end = a_busy_hour(floor)
    floor.held("c32", end + 1, position=1)
    last = floor.sessions["c32"]

    told = floor.movements.expected_by([last, *floor.sessions.values()], after(end + 1))

    assert last.position == 1
    assert told[last.ref].likely < 40


def test_of_a_queue_that_nobody_knows_nothing_is_told():
    floor = Floor()
    now = after(a_busy_hour(floor))

    assert floor.movements.expected(SALES, now) is None
    assert floor.movements.of(SALES) == Movement()
    assert floor.movements.of(QUEUE) is floor.movements.of(QUEUE), "one value for all who wait"


def test_an_end_that_is_told_otherwise_later_is_counted_as_it_was():
    floor = Floor()
    floor.held("one", 0)
    floor.gone("one", 30)
    before = floor.movements.of(QUEUE).departed

    floor("one", AgentAnswered(at=after(20), id="late"))

    began = NOON.timestamp()
    assert before == (Departed(began, began + 30, Outcome.ABANDONED),)
    assert floor.movements.of(QUEUE).departed == (Departed(began, began + 20, Outcome.ANSWERED),)


def test_a_restart_begins_with_those_who_wait_and_with_the_latest_of_the_log():
    floor, again = Floor(), Movements()
    now = after(a_busy_hour(floor))
    rows = [record(session) for session in floor.sessions.values()]

    again.start_from([one for one in floor.sessions.values() if one.history.stage is Stage.WAITING], rows)

    assert again.of(QUEUE) == floor.movements.of(QUEUE)
    assert again.expected(QUEUE, now) == floor.movements.expected(QUEUE, now)


def test_no_more_is_remembered_than_is_worth_it():
    floor = Floor()
    for n in range(MOST_DEPARTED + 20):
        floor.held(f"c{n}", n)
        floor.answered(f"c{n}", n + 5)

    departed = floor.movements.of(QUEUE).departed

    assert len(departed) == MOST_DEPARTED
    assert departed[-1].ended == after(MOST_DEPARTED + 24).timestamp()


def test_of_names_without_number_the_latest_are_remembered(monkeypatch):
    monkeypatch.setattr(movements, "MOST_QUEUES", 3)
    floor = Floor()
    for n in range(5):
        floor.held(f"c{n}", n, QueueName(f"queue{n}"))
        floor.gone(f"c{n}", n + 60)

    known = [bool(floor.movements.of(QueueName(f"queue{n}")).departed) for n in range(5)]

    assert known == [False, False, True, True, True]


HAPPENS = st.tuples(st.integers(0, 6), st.sampled_from(("held", "answered", "gone", "left")), st.floats(0.0, 900.0))


@given(st.lists(HAPPENS, max_size=40))
def test_whatever_happens_in_whatever_order_it_is_what_the_sessions_say(history):
    floor = Floor()
    for n, (call, what, at) in enumerate(history):
        name, event_id = f"c{call}", f"e{n}"
        queue = SALES if call > 4 else QUEUE
        match what:
            case "held":
                floor(name, CallHeld(at=after(at), id=event_id, began=after(at)), queue)
            case "answered":
                floor(name, AgentAnswered(at=after(at), id=event_id), queue)
            case "gone":
                floor(name, CallerHungUp(at=after(at), id=event_id), queue)
            case "left":
                floor(name, LeftQueue(at=after(at), id=event_id, why="choice"), queue)

        for one in (QUEUE, SALES):
            known = floor.movements.of(one)
            waiting, departed = floor.truth(one)
            assert known.waiting == waiting
            assert set(known.departed) == departed


async def test_a_call_is_decided_with_how_its_queue_moves_and_nothing_of_that_is_kept():
    asked, store = [], MemoryStore()

    def of(queue):
        asked.append(queue)
        return Movement(waiting=tuple(float(n) for n in range(len(asked))))

    book = PlanBook(Shelves(), {"default": QueueRules()}, streams=True)
    recognition = Recognition(Numbers(), lambda number: CallerId("p"), Directory(Contact()).ask)
    intake = Intake(store, book, recognition, Words(), HandClock(), movement=of)
    first = await intake.report(Report(CALL, QUEUE, (CallHeld(at=NOON, id="held", began=NOON),)))

    again = await intake.report(Report(CALL, QUEUE, (CallHeld(at=NOON, id="held", began=NOON),)))

    assert asked == [QUEUE, QUEUE]
    assert (await store.load(CALL)).movement is None
    assert again.repeated
    assert again.session == first.session
