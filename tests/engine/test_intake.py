import asyncio
import random
from datetime import timedelta

import pytest

from holdsvc.calls.events import (
    CallArrived,
    CallerHungUp,
    CallHeld,
    DigitPressed,
    StreamClosed,
    TimeCame,
    UtteranceHeard,
)
from holdsvc.calls.history import Stage
from holdsvc.calls.instructions import EnterQueue, Play
from holdsvc.calls.menu import Menu
from holdsvc.calls.model import (
    CallerId,
    CallId,
    CallRef,
    Contact,
    ContentId,
    ContentItem,
    Kind,
    Outcome,
    PhoneNumber,
    PromptId,
    QueueName,
)
from holdsvc.calls.session import HoldSession
from holdsvc.engine.alarms import Alarms
from holdsvc.engine.intake import Intake, Recognition
from holdsvc.engine.plans import PlanBook, QueueRules
from holdsvc.engine.unkept import News, Unkept
from holdsvc.errors import StaleSession, StoreUnavailable
from holdsvc.ports import CallerNumber, Report, Understood
from holdsvc.stores.memory import MemoryStore
from holdsvc.stores.spool import FileSpool
from tests.plans import CALL, ITEMS, NOON, PROMPTS, QUEUE, after


class Shelves:
    generation = 1
    items = ITEMS
    house = ITEMS[0]

    def quiz(self):
        return {}

    def prompts(self):
        return {"en": {PromptId(name): seconds for name, seconds in PROMPTS.items()}}


class Numbers:
    def read(self, raw):
        return CallerNumber(PhoneNumber(raw), "US") if raw.startswith("+") else CallerNumber(withheld=True)


class Words:
    heard_of = ()  # what might have been said when it last looked

    def match(self, text, menu: Menu, language):
        self.heard_of = tuple(choice.id for choice in menu.choices)
        return Understood("podcast", 0.9) if text == "podcast" else Understood("", 0.0)


class HandClock:
    def __init__(self):
        self.at = NOON

    def now(self):
        return self.at

    def monotonic(self):
        return (self.at - NOON).total_seconds()


class Directory:
    """Answers when told to."""

    def __init__(self, at_once=None):
        self.at_once, self.answer = at_once, asyncio.Event()

    async def ask(self, ref, number):
        if self.at_once:
            return self.at_once
        await self.answer.wait()
        return Contact(name="Ada", source="crm")


class FaultyStore(MemoryStore):
    """Fails or loses races as often as it is told to."""

    def __init__(self):
        super().__init__()
        self.away, self.races = False, 0
        self.unsure = False  # it takes what it is given, and cannot say that it will stay

    async def remember_number(self, caller, number):
        if self.away:
            raise StoreUnavailable("the disk is full")
        await super().remember_number(caller, number)

    async def save(self, session, facts):
        if self.away:
            raise StoreUnavailable("the disk is full")
        if self.races:
            self.races -= 1
            raise StaleSession
        await super().save(session, facts)
        await self.confirm(session)

    async def confirm(self, session):
        if self.unsure:
            raise StoreUnavailable("0 of 1 replicas have it")


class FarStore(FaultyStore):
    """Answers all that was asked together in one go, when its turn comes."""

    def __init__(self):
        super().__init__()
        self.asked, self.goes = [], 0

    async def load(self, ref):
        await self.on_the_way()
        return await super().load(ref)

    async def profile(self, caller):
        await self.on_the_way()
        return await super().profile(caller)

    async def save(self, session, facts):
        await self.on_the_way()
        await super().save(session, facts)

    async def on_the_way(self):
        self.asked.append(asyncio.get_running_loop().create_future())
        await self.asked[-1]

    async def answers(self, asking):
        while not asking.done():
            for _ in range(20):  # turns of the loop in which all ask that can
                await asyncio.sleep(0)
            asked, self.asked = self.asked, []
            self.goes += bool(asked)
            for one in asked:
                one.set_result(None)


class House:
    def __init__(self, directory=None, own=(), store=None):
        self.words = Words()
        self.store, self.clock, self.told = store or FaultyStore(), HandClock(), []
        book = PlanBook(Shelves(), {"default": QueueRules(), "support": QueueRules()}, streams=True)
        ask = (directory or Directory(Contact())).ask
        recognition = Recognition(Numbers(), lambda number: CallerId(f"p{number.e164[-4:]}"), ask, own=lambda _: own)
        self.intake = Intake(
            self.store, book, recognition, self.words, self.clock, [lambda session, facts: self.told.extend(facts)]
        )

    async def hook(self, *events, caller="+15005550123", spoken="", ref=CALL, stream=None):
        return await self.intake.report(Report(ref, QUEUE, events, caller=caller, spoken=spoken, stream=stream))


def arrived(seconds=0):
    return CallArrived(at=after(seconds), id=f"arrived{seconds}")


def held(seconds=0):
    return CallHeld(at=after(seconds), id=f"held{seconds}", began=NOON)


async def test_what_is_said_is_looked_for_in_the_menu_of_this_very_caller():
    order = ContentItem(ContentId("personal"), Kind.MUSIC, "opera", "An aria of one's own", 4.0)
    said = UtteranceHeard(at=after(5), id="said", choice="", score=0.0)
    for own in ((), (order,)):
        house = House(own=own)
        await house.hook(held())
        await house.hook(said, spoken="updates")

        assert ("music:opera" in house.words.heard_of) == bool(own)


async def test_a_call_is_kept_before_it_is_answered():
    house = House()

    taken = await house.hook(arrived())

    assert taken.instructions == (EnterQueue(QUEUE),)
    assert (await house.store.load(CALL)) == taken.session
    assert taken.session.caller == "p0123"
    assert taken.session.masked == "+15…23"


async def test_a_new_call_goes_to_the_store_and_back_three_times_and_a_known_one_no_oftener():
    house = House(store=FarStore())
    asking = asyncio.ensure_future(house.hook(held()))
    await house.store.answers(asking)
    assert house.store.goes == 3  # which waits there are; who is calling; what came of it

    pressed = asyncio.ensure_future(house.hook(DigitPressed(at=after(5), id="a key", digit="2")))
    await house.store.answers(pressed)
    assert house.store.goes == 3 + 3  # two waits, the third, what came of it
    assert (await pressed).session.version == 2


async def test_news_of_a_call_that_we_have_heard_of_is_decided_without_asking_for_it_and_right_where_it_has_gone_on():
    house = House(store=FarStore())
    holding = asyncio.ensure_future(house.hook(held()))
    await house.store.answers(holding)
    as_heard_of = (await holding).session

    for seconds, goes in ((5, 1), (6, 3)):  # kept; what is there by now is asked for, and kept
        house.store.goes = 0
        gone = CallerHungUp(at=after(seconds), id=f"gone{seconds}")
        taking = asyncio.ensure_future(house.intake.take(CALL, QUEUE, (gone,), as_heard_of))
        await house.store.answers(taking)
        assert house.store.goes == goes
        assert (await taking).session.has(gone.id)
    assert (await taking).session.version == as_heard_of.version + 2


async def test_a_repeated_webhook_changes_nothing_and_is_answered_alike():
    house = House()
    first = await house.hook(held())

    again = await house.hook(held())

    assert again.repeated
    assert again.instructions == first.instructions
    assert again.session.version == first.session.version


async def test_a_lost_race_is_decided_again():
    house = House()
    house.store.races = 3

    taken = await house.hook(held())

    assert (await house.store.load(CALL)) == taken.session


async def test_who_loses_every_race_still_hears_something_and_is_kept_later():
    house = House()
    house.store.races = 1000

    taken = await house.hook(held())

    assert any(isinstance(one, Play) for one in taken.instructions)
    house.store.races = 0
    await house.intake.keep_again()
    assert (await house.store.load(CALL)).life == taken.session.life
    assert not house.intake.degraded


async def test_words_are_understood_by_the_menu_and_not_kept():
    house = House()
    await house.hook(held())

    taken = await house.hook(UtteranceHeard(at=after(9), id="u", choice=""), spoken="podcast")

    assert taken.session.choice == "podcast"


async def test_a_known_caller_goes_on_in_the_next_call():
    house = House()
    await house.hook(held())
    await house.hook(DigitPressed(at=after(20), id="k", digit="2"))
    await house.hook(CallerHungUp(at=after(90), id="h"))

    taken = await house.hook(held(200), ref=CallRef("testphone", CallId("call-2")))

    assert taken.session.choice == "podcast"
    assert taken.session.past[0].outcome is Outcome.ABANDONED


async def test_a_withheld_number_is_served_too():
    taken = await House().hook(held(), caller="anonymous")

    assert taken.session.caller is None
    assert any(isinstance(one, Play) for one in taken.instructions)


async def test_a_directory_keeps_nobody_waiting_and_its_answer_comes_as_an_event():
    directory = Directory()
    house = House(directory)

    taken = await asyncio.wait_for(house.hook(held()), 1)
    assert taken.session.contact is None

    directory.answer.set()
    await house.intake.settle()
    assert (await house.store.load(CALL)).contact.name == "Ada"


async def test_what_a_directory_has_ready_comes_at_once():
    taken = await House(Directory(Contact(name="Ada"))).hook(held())

    assert taken.session.contact.name == "Ada"


async def test_while_the_store_is_away_callers_are_served_and_nothing_is_lost():
    house = House()
    await house.hook(held())
    house.store.away = True

    pressed = await house.hook(DigitPressed(at=after(20), id="k", digit="2"))
    ended = await house.hook(CallerHungUp(at=after(40), id="h"))
    other = await house.hook(held(41), ref=CallRef("testphone", CallId("call-2")))

    assert pressed.session.choice == "podcast"
    assert ended.session.outcome is Outcome.ABANDONED
    assert any(isinstance(one, Play) for one in other.instructions)
    assert house.intake.degraded

    house.store.away = False
    await house.intake.keep_again()

    assert not house.intake.degraded
    assert (await house.store.load(CALL)).outcome is Outcome.ABANDONED
    assert (await house.store.totals()).offered == 2


async def test_news_that_processes_apart_put_by_makes_one_wait_whoever_brings_its_own_first():
    for order in ((0, 1), (1, 0)):
        houses = House(), House()
        for house in houses:
            house.store.away = True
        await houses[0].hook(arrived(), stream=True)
        await houses[1].hook(StreamClosed(at=after(3), id="refused"))
        await houses[1].hook(CallerHungUp(at=after(20), id="h"))

        store = houses[0].store
        store.away = False
        for number in order:
            houses[number].intake._store = store
            await houses[number].intake.keep_again()

        kept = await store.load(CALL)
        assert (kept.outcome, kept.history.wait.began) == (Outcome.ABANDONED, NOON)
        assert (await store.totals()).offered == 1


async def test_turns_that_processes_apart_decide_are_told_apart_and_what_is_kept_goes_by_its_version():
    houses = House(), House()
    turns = []
    for house in houses:
        kept = await house.hook(held())
        assert house.intake.unkept.turn(kept.session) == kept.session.version
        house.store.away = True
        put_by = await house.hook(DigitPressed(at=after(20), id="k", digit="2"))
        turns.append(house.intake.unkept.turn(put_by.session))

    assert len({*turns, 1, 2}) == 4
    assert max(turns) < 10**9  # as far as an address is read


async def test_the_end_waits_for_news_that_was_answered_before_it_was_kept():
    house = House()
    late = asyncio.ensure_future(house.hook(held()))
    house.intake.goes_on(late)

    await house.intake.settle()

    assert late.done()
    assert await house.store.load(CALL) == late.result().session


async def test_what_the_store_has_and_may_lose_is_put_by_until_it_is_sure_and_brought_again_without_being_doubled():
    house = House()
    house.store.unsure = True
    await house.hook(held())
    await house.hook(DigitPressed(at=after(20), id="k", digit="2"))
    assert (await house.store.load(CALL)).version == 1  # what came later is not even tried

    with pytest.raises(StoreUnavailable):
        await house.intake.keep_again()
    assert len(house.intake.unkept) == 2

    house.store.unsure = False
    await house.intake.keep_again()

    assert not house.intake.degraded
    assert (await house.store.load(CALL)).choice == "podcast"
    assert (await house.store.totals()).offered == 1


async def test_what_was_lost_after_all_is_brought_anew():
    house = House()
    house.store.unsure = True
    await house.hook(held())
    house.store._sessions.clear()  # another one took over, without it
    house.store._sums.clear()

    house.store.unsure = False
    await house.intake.keep_again()

    assert (await house.store.load(CALL)).version == 1
    assert (await house.store.totals()).offered == 1


async def test_a_repetition_is_not_acknowledged_on_the_strength_of_what_the_store_may_lose():
    house, other = House(), House()
    other.intake._store = house.store
    house.store.unsure = True
    await house.hook(held())

    repeated = await other.hook(held())

    assert repeated.repeated
    assert len(other.intake.unkept) == 1
    assert other.told == []


async def test_a_repetition_of_what_waits_for_the_store_is_not_put_by_again():
    house = House()
    house.store.away = True
    for _ in range(3):
        await house.hook(held())

    assert len(house.intake.unkept) == 1 + len(house.intake.unkept.numbers)


async def test_a_repetition_that_was_lost_meanwhile_is_kept_anew():
    house = House()
    await house.hook(held())
    lost = house.store._sessions.copy()

    async def another_took_over(session):
        house.store._sessions.clear()
        del house.store.confirm
        raise StaleSession

    house.store.confirm = another_took_over
    again = await house.hook(held())

    assert not again.repeated
    assert (await house.store.load(CALL)).life == lost[CALL].life


async def test_lost_races_do_not_keep_what_was_put_by_from_being_brought():
    house = House()
    house.store.away = True
    await house.hook(held())
    house.store.away, house.store.races = False, 3

    await house.intake.keep_again()

    assert not house.intake.degraded
    assert (await house.store.totals()).offered == 1


async def test_what_cannot_be_brought_stays_with_all_that_came_with_it():
    house = House()
    house.store.away = True
    refs = [CallRef("testphone", CallId(f"call-{n}")) for n in range(5)]
    for ref in refs:
        await house.hook(held(), ref=ref)
        await house.hook(CallerHungUp(at=after(9), id="h"), ref=ref)
    house.store.away = False
    save = house.store.save

    async def not_this_one(session, facts):
        if session.ref == refs[2]:
            raise StoreUnavailable("the disk is full")
        await save(session, facts)

    house.store.save = not_this_one
    with pytest.raises(StoreUnavailable):
        await house.intake.keep_again()
    assert len(house.intake.unkept) == 10

    house.store.save = save
    await house.intake.keep_again()

    totals = await house.store.totals()
    assert (totals.offered, sum(totals.ended.values())) == (5, 5)
    assert not house.intake.degraded


async def test_what_is_put_by_is_on_the_disk_before_it_is_answered(tmp_path):
    house, path = House(), tmp_path / "spool.jsonl"
    house.intake.unkept = Unkept(FileSpool(path))
    house.store.away = True

    await house.hook(held())

    assert b"held0" in path.read_bytes()


async def test_a_live_stream_is_answered_before_it_is_kept():
    house = House()
    gate = asyncio.Event()
    save = house.store.save

    async def slow(session, facts):
        await gate.wait()
        await save(session, facts)

    house.store.save = slow
    taken = await asyncio.wait_for(house.intake.take_now(CALL, QUEUE, (held(),)), 1)
    assert any(isinstance(one, Play) for one in taken.instructions)
    assert await house.store.load(CALL) is None

    gate.set()
    await house.intake.settle()
    assert (await house.store.load(CALL)) == taken.session


async def test_a_key_on_a_stream_does_not_wait_for_the_keeping_of_the_one_before():
    house = House()
    gate = asyncio.Event()
    save, order = house.store.save, []

    async def slow(session, facts):
        await gate.wait()
        order.append(session.version)
        await save(session, facts)

    house.store.save = slow
    await house.intake.take_now(CALL, QUEUE, (held(),))
    pressed = DigitPressed(at=after(20), id="k", digit="2")
    taken = await asyncio.wait_for(house.intake.take_now(CALL, QUEUE, (pressed,)), 1)
    assert taken.session.choice == "podcast"

    gate.set()
    ended = await house.hook(CallerHungUp(at=after(40), id="h"))

    assert order == [1, 2, 3]
    assert (await house.store.load(CALL)) == ended.session


async def test_what_an_outage_left_is_read_back_by_the_next_process(tmp_path):
    first, spool = House(), FileSpool(tmp_path / "spool.jsonl")
    first.intake.unkept = Unkept(spool)
    first.store.away = True
    await first.hook(arrived(), stream=True)
    await first.hook(CallerHungUp(at=after(40), id="h"))
    spool.close()

    second = House()
    second.intake.unkept = Unkept(FileSpool(tmp_path / "spool.jsonl"))
    assert second.intake.unkept.read_back() == 2
    await second.intake.keep_again()

    session = await second.store.load(CALL)
    assert (session.outcome, session.stream) == (Outcome.ABANDONED, True)


async def test_a_spool_that_was_cut_off_by_a_crash_loses_its_last_line_only(tmp_path):
    path = tmp_path / "spool.jsonl"
    spool = FileSpool(path)
    for seconds in (0, 9):
        spool.append(News(HoldSession(CALL, QUEUE), (held(seconds),)))
    spool.close()
    path.write_bytes(path.read_bytes()[:-20])

    assert Unkept(FileSpool(path)).read_back() == 1


async def test_an_alarm_of_a_call_that_waits_for_the_store_adds_nothing_to_what_waits():
    house = House()
    await house.hook(held())
    house.store.away = True
    await house.hook(DigitPressed(at=after(20), id="k", digit="2"))
    house.clock.at = NOON + timedelta(seconds=500)
    alarms = Alarms(house.store, house.intake, house.clock, lambda taken: asyncio.sleep(0))

    for _ in range(5):
        await alarms.look()

    assert len(house.intake.unkept) == 1


async def test_one_alarm_that_fails_keeps_no_other_from_ringing():
    house = House()
    others = [CallRef("testphone", CallId(name)) for name in "abc"]
    for ref in others:
        await house.hook(held(), ref=ref)
    house.clock.at = NOON + timedelta(seconds=500)
    take = house.intake.take

    async def faulty(ref, queue, events):
        if ref == others[0]:
            raise ZeroDivisionError
        return await take(ref, queue, events)

    house.intake.take = faulty
    await Alarms(house.store, house.intake, house.clock, lambda taken: asyncio.sleep(0)).look()

    assert [(await house.store.load(ref)).outcome for ref in others] == [None, Outcome.UNKNOWN, Outcome.UNKNOWN]


async def test_the_front_doors_word_on_the_media_beats_the_queues_file():
    house = House()

    taken = await house.hook(arrived(), stream=True)

    assert taken.session.history.stage is Stage.WAITING, "on a stream we hold the place from the start"


async def test_an_alarm_closes_a_call_that_went_silent():
    house = House()
    rang = []

    async def keep(taken):
        rang.append(taken)

    await house.hook(held())
    alarms = Alarms(house.store, house.intake, house.clock, keep)
    assert await alarms.look() == 0

    house.clock.at = NOON + timedelta(seconds=200)
    assert await alarms.look() == 1

    assert (await house.store.load(CALL)).outcome is Outcome.UNKNOWN
    assert len(rang) == 1


@pytest.mark.parametrize("seed", range(20))
async def test_events_that_come_at_once_and_twice_are_folded_one_after_the_other(seed):
    house = House()
    chance = random.Random(seed)
    events = [held(), *(DigitPressed(at=after(5 + n), id=f"k{n}", digit=str(n % 10)) for n in range(8))]
    events += [CallerHungUp(at=after(50), id="h"), TimeCame(at=after(60), id="t")]
    twice = events + chance.sample(events, 5)
    chance.shuffle(twice)
    house.store.races = chance.randrange(4)

    await asyncio.gather(*(house.intake.take(CALL, QUEUE, (event,)) for event in twice))

    session = await house.store.load(CALL)
    assert session.outcome is Outcome.ABANDONED
    assert session.version == len(events)
    totals = await house.store.totals()
    assert (totals.offered, sum(totals.outcomes.values())) == (1, 1)


def test_a_queue_that_is_not_configured_behaves_as_the_default_and_keeps_its_name():
    book = PlanBook(Shelves(), {"default": QueueRules(short_abandon=9.0)}, streams=False)

    plan = book.plan(QueueName("somebody-else"))

    assert (plan.queue, plan.rules.short_abandon, plan.house) == ("somebody-else", 9.0, ContentId("waltz"))


async def test_a_number_that_could_not_be_kept_is_kept_with_what_happened_since_unless_it_was_forgotten():
    house = House()
    house.store.away = True
    await house.hook(arrived(), held())
    await house.hook(arrived(), held(), caller="+15005550124", ref=CallRef(CALL.platform, CallId("another")))
    assert await house.store.numbers(["p0123", "p0124"]) == {}

    house.store.away = False
    await house.intake.forget("+15005550124")
    await house.intake.keep_again()

    assert await house.store.numbers(["p0123", "p0124"]) == {"p0123": PhoneNumber("+15005550123")}
    assert not house.intake.degraded
