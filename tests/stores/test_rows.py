"""What is written reads back as it was."""

from __future__ import annotations

from msgspec.structs import replace

from holdsvc.calls.events import Departure, LeftQueue, ReleaseAsked
from holdsvc.calls.facts import WaitBegan
from holdsvc.calls.model import Contact, EventId
from holdsvc.stores import rows
from tests.stores.calls import after, answered, gone, held, known, one_call, pressed, steps


def test_a_session_with_every_kind_of_event_and_a_contact_reads_back_as_it_was() -> None:
    left = LeftQueue(at=after(70), id=EventId("left"), why=Departure.OVERFLOW, waited=70, exact=False)
    release = ReleaseAsked(at=after(65), id=EventId("release"))
    *_, last = steps(
        "CA1", held(), known("pseudonym"), pressed("2", 20, heard=20), release, answered(60), left, gone(90)
    )
    session = replace(last.session, contact=Contact(name="Ada", note="prefers quiet"))

    again = rows.unpack_session(rows.pack(session))

    assert again == session
    assert [type(event) for event in again.life] == [type(event) for event in session.life]
    assert again.latest == after(90)


def test_facts_read_back_as_they_were() -> None:
    facts = [fact for decision in steps("CA1", *one_call()) for fact in decision.facts]

    again = [rows.read_fact(row[5]) for row in rows.fact_rows(1, 1, facts)]

    assert again == facts
    assert isinstance(again[0], WaitBegan)
