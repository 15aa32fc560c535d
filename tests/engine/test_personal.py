"""What is one caller's alone: made beside the call, heard by nobody else, and gone with it."""

from __future__ import annotations

import asyncio
import gc
import itertools
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from holdsvc.calls.events import CallArrived, CallerHungUp, CallerIdentified, CallerKnown
from holdsvc.calls.model import CallId, CallRef, Contact, Identity, Kind, Record
from holdsvc.calls.session import HoldSession
from holdsvc.engine.personal import MOST_BYTES, UNHELD, Personal, PersonalSettings, faults, fields_of, good
from holdsvc.errors import BadContent, OutboundFailed
from tests.calls.test_decide import Call, held
from tests.plans import CALL, NOON, QUEUE, after

ORDER = PersonalSettings({"en": "Your order {order} {status}.", "es": "Su pedido {order}."}, title="Your order")
ADA = Record(name="Ada", account="77", source="table", more=(("order", "A17"), ("status", "is on its way")))
SECRET = b"\x11" * 8000


class Voice:
    def __init__(self):
        self.said, self.trouble, self.may_go_on = [], None, asyncio.Event()
        self.may_go_on.set()

    async def speak(self, text, language):
        self.said.append((language, text))
        await self.may_go_on.wait()
        if self.trouble is not None:
            raise self.trouble
        return SECRET + b"\x22" * len(self.said)


class Clock:
    time = NOON

    def now(self):
        return self.time

    def monotonic(self):
        return self.time.timestamp()


class House:
    def __init__(self, **updates):
        self.voice, self.clock, numbers = Voice(), Clock(), itertools.count()
        wanted = updates or {"order": ORDER}
        language = lambda session: session.language or "en"  # noqa: E731
        self.personal = Personal(wanted, self.voice, language, self.clock, lambda: f"{next(numbers):032x}")

    def session(self, *, contact=ADA, level=Identity.VERIFIED, ref=CALL, ends=()):
        """A caller who waits, as the directory and the contact centre have told."""
        call = Call()
        call.session = HoldSession(ref, QUEUE)
        call(CallerKnown(at=NOON, id="known", contact=self.personal.take(ref, contact)))
        call(CallerIdentified(at=NOON, id="level", level=level))(held())
        for event in ends:
            call(event)
        self.personal.facts(call.session, ())
        return call.session

    async def settled(self):
        for _ in range(20):
            await asyncio.sleep(0)

    def nothing_left(self):
        personal = self.personal
        return not (len(personal) or personal._by_id or personal._by_address)


@pytest.fixture
def house():
    return House()


async def test_a_verified_callers_record_is_spoken_and_stands_on_the_shelf(house):
    session = house.session()
    assert house.personal.items(session) == ()  # nobody waits for it
    await house.settled()

    (item,) = house.personal.items(session)
    assert house.voice.said == [("en", "Your order A17 is on its way.")]
    assert (item.kind, item.title, item.known_as, item.language) == (Kind.DAILY, "Your order", "personal:order", "en")
    spoken = house.personal.by_id(item.id)
    assert spoken is not None
    assert house.personal.by_address(spoken.address) is spoken
    assert item.seconds == len(spoken.sound) / 8000


@pytest.mark.parametrize(
    ("contact", "level"),
    [
        (ADA, Identity.NUMBER),
        (ADA, Identity.NONE),
        (replace(ADA, ambiguous=True), Identity.VERIFIED),
        (Contact(name="Ada"), Identity.VERIFIED),  # no order
        (replace(ADA, more=(("order", "A17"), ("status", "<>"))), Identity.VERIFIED),
    ],
    ids=["only the number", "nobody", "several records", "no order", "a field of signs"],
)
async def test_who_is_not_sure_enough_or_has_no_order_hears_nothing(house, contact, level):
    session = house.session(contact=contact, level=level)
    await house.settled()

    assert house.voice.said == []
    assert house.personal.items(session) == ()


async def test_where_the_number_is_enough_it_is_enough():
    house = House(order=replace(ORDER, identity=Identity.NUMBER))
    session = house.session(level=Identity.NUMBER)
    await house.settled()

    assert len(house.personal.items(session)) == 1


@pytest.mark.parametrize(
    ("changes", "heard"),
    [
        ({"segment": "gold"}, 0),
        ({"queues": ("sales",)}, 0),
        ({"queues": (str(QUEUE),)}, 1),
        ({"texts": {"ru": "{order}"}}, 0),
        ({"texts": {"de-CH": "{order}", "en-US": "{order}"}}, 1),
    ],
)
async def test_segment_queue_and_language_decide_as_with_every_update(changes, heard):
    house = House(order=replace(ORDER, **changes))
    session = house.session()
    await house.settled()

    assert len(house.personal.items(session)) == heard


async def test_in_another_language_it_is_spoken_anew(house):
    session = house.session()
    house.personal.facts(replace(session, language="es"), ())
    house.personal.facts(replace(session, language="es"), ())
    await house.settled()

    assert [language for language, _ in house.voice.said] == ["en", "es"]
    assert {item.language for item in house.personal.items(session)} == {"en", "es"}


async def test_who_is_less_sure_later_hears_it_no_more(house):
    session = house.session()
    await house.settled()

    assert house.personal.items(replace(session, told_level=Identity.NUMBER)) == ()


async def test_two_callers_have_their_own_and_no_more(house):
    other = CallRef("testphone", CallId("call-2"))
    first = house.session()
    second = house.session(ref=other, contact=replace(ADA, more=(("order", "B2"), ("status", "waits"))))
    await house.settled()

    (one,), (two,) = house.personal.items(first), house.personal.items(second)
    assert one.id != two.id
    assert house.personal.by_id(one.id) is not house.personal.by_id(two.id)


async def test_when_the_wait_is_over_nothing_is_left_in_memory(house):
    session = house.session()
    await house.settled()
    (item,) = house.personal.items(session)
    sound = house.personal.by_id(item.id).sound
    address = house.personal.by_id(item.id).address

    house.session(ends=[CallerHungUp(at=after(9), id="gone")])

    assert house.nothing_left()
    assert house.personal.by_address(address) is None
    gc.collect()
    assert [one for one in gc.get_referrers(sound) if isinstance(one, dict | list) and one is not locals()] == []


async def test_a_call_that_ends_while_it_is_being_spoken_stops_that(house):
    house.voice.may_go_on.clear()
    house.session()
    await house.settled()
    house.session(ends=[CallerHungUp(at=after(9), id="gone")])
    house.voice.may_go_on.set()
    await house.settled()

    assert house.nothing_left()
    assert house.personal._waiting == 0


async def test_news_that_comes_after_the_end_leaves_nothing(house):
    session = house.session(ends=[CallerHungUp(at=after(9), id="gone")])
    house.personal.take(CALL, ADA)
    house.personal.facts(session, ())

    assert house.nothing_left()


async def test_what_was_told_of_a_call_that_was_never_held_is_forgotten(house):
    call = Call()(CallerKnown(at=NOON, id="known", contact=house.personal.take(CALL, ADA)))
    call(CallArrived(at=NOON, id="arrived"))
    house.personal.facts(call.session, ())
    assert len(house.personal) == 1

    house.clock.time += timedelta(seconds=UNHELD + 1)
    house.session(ref=CallRef("testphone", CallId("call-2")))

    assert len(house.personal) == 1
    assert house.personal.items(call.session) == ()


async def test_an_erased_caller_is_erased_here_as_well(house):
    session = replace(house.session(), caller="p-1")
    house.personal.facts(session, ())
    await house.settled()

    house.personal.forget("p-1")

    assert house.nothing_left()


async def test_a_better_answer_takes_the_place_of_the_one_before(house):
    house.session()
    await house.settled()
    session = house.session(contact=replace(ADA, more=(("order", "A18"), ("status", "waits"))))
    await house.settled()

    assert house.voice.said[-1] == ("en", "Your order A18 waits.")
    assert len(house.personal.items(session)) == 1
    house.session(contact=replace(ADA, ambiguous=True))
    assert house.nothing_left()


@pytest.mark.parametrize(
    "trouble", [OutboundFailed("it said A17"), BadContent("A17?"), RuntimeError("A17!"), OSError()]
)
async def test_a_voice_that_fails_changes_nothing_and_the_log_quotes_nothing(house, trouble, caplog):
    house.voice.trouble = trouble
    session = house.session()
    await house.settled()
    house.personal.facts(session, ())
    await house.settled()

    assert house.personal.items(session) == ()
    assert len(house.voice.said) == 1  # it is not tried at each event
    (said,) = caplog.records
    assert said.getMessage() == "personal_not_spoken"
    assert not [value for value in vars(said).values() if "A17" in str(value)]


async def test_there_is_a_bound_for_all_sound_together(house):
    house.personal._by_id["other"] = type("Spoken", (), {"sound": bytes(MOST_BYTES)})
    session = house.session()
    await house.settled()

    assert house.personal.items(session) == ()


async def test_a_contact_is_kept_without_what_is_for_the_call_alone(house):
    kept = house.personal.take(CALL, ADA)

    assert kept == Contact(name="Ada", account="77", source="table")
    assert type(kept) is Contact
    assert "A17" not in str(house.session())


async def test_without_a_voice_nothing_is_kept_at_all():
    personal = Personal({"order": ORDER}, None, lambda session: "en", Clock())

    assert type(personal.take(CALL, ADA)) is Contact
    assert (len(personal), personal.speaks) == (0, False)


def test_what_will_not_do_is_left_out_and_named(caplog):
    bad = {
        "Order!": ORDER,
        "empty": PersonalSettings(),
        "tag": PersonalSettings({"e/n": "{order}"}),
        "attack": PersonalSettings({"en": "{a.__class__}"}),
        "open": replace(ORDER, identity=Identity.NONE),
    }

    assert good({**bad, "order": ORDER}) == {"order": ORDER}
    assert len(caplog.records) == len(bad)
    assert [len(list(faults(name, update))) for name, update in bad.items()] == [1] * len(bad)
    assert fields_of({"order": ORDER, "name": PersonalSettings({"en": "{name} {note} {order}"})}) == ("order", "status")


# --- whatever happens -------------------------------------------------------------------------------------------------------

REFS = tuple(CallRef("testphone", CallId(f"call-{number}")) for number in range(3))
deeds = st.lists(
    st.one_of(
        st.tuples(st.just("told"), st.sampled_from(range(3)), st.sampled_from(["A1", "B2", "", "{x}"])),
        st.tuples(st.just("level"), st.sampled_from(range(3)), st.sampled_from(list(Identity))),
        st.tuples(st.just("ends"), st.sampled_from(range(3)), st.none()),
        st.tuples(st.just("settles"), st.just(0), st.none()),
    ),
    max_size=25,
)


@settings(max_examples=100, deadline=None)
@given(deeds)
def test_nobody_ever_has_what_another_was_told_and_nothing_outlives_its_call(history):
    asyncio.run(lived_through(history))


async def lived_through(history):
    house, told, ended = House(), {}, set()
    calls = {ref: Call() for ref in REFS}
    for number, (ref, call) in enumerate(calls.items()):
        call.session = HoldSession(ref, QUEUE)
        call(held())
        told[ref] = f"nothing-{number}"
    for at, (what, number, value) in enumerate([*history, ("settles", 0, None)]):
        ref = REFS[number]
        if what == "told":
            contact = replace(ADA, more=(("order", f"{value}{number}" if value else ""), ("status", f"s{number}")))
            calls[ref](CallerKnown(at=NOON, id=f"known{at}", contact=house.personal.take(ref, contact)))
            told[ref] = " ".join(f"{value}{number}".replace("{", " ").replace("}", " ").split()) if value else ""
        elif what == "level":
            calls[ref](CallerIdentified(at=NOON, id=f"level{at}", level=value))
        elif what == "ends":
            calls[ref](CallerHungUp(at=after(at), id=f"gone{at}"))
            ended.add(ref)
        else:
            await house.settled()
        house.personal.facts(calls[ref].session, ())
        for one, call in calls.items():
            items = house.personal.items(call.session)
            assert len(items) <= 1
            assert not (items and (one in ended or call.session.identity is not Identity.VERIFIED))
            for item in items:
                spoken = house.personal.by_id(item.id)
                said = house.voice.said[len(spoken.sound) - len(SECRET) - 1][1]
                assert said == f"Your order {told[one]} s{REFS.index(one)}."
    for ref, call in calls.items():
        call(CallerHungUp(at=after(99), id=f"over-{ref.call}"))
        house.personal.facts(call.session, ())
    await house.settled()
    assert house.nothing_left()
