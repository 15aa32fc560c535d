"""Two processes by hand: what one decides, puts up or erases, and what that does where the other has the streams."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from holdsvc.calls.events import CallerHungUp, NoticePosted
from holdsvc.calls.facts import WaitEnded
from holdsvc.calls.instructions import Release
from holdsvc.calls.model import Outcome, PhoneNumber
from holdsvc.calls.session import HoldSession
from holdsvc.engine.floor import at_once, concerns
from holdsvc.engine.notices import Notices
from holdsvc.engine.roster import Roster
from holdsvc.engine.together import Together
from holdsvc.errors import StoreUnavailable, Unverified
from holdsvc.ports import Ticketed
from tests.engine.test_intake import House as Office
from tests.engine.test_intake import held
from tests.engine.test_streams import REF, SharingWire, settle
from tests.engine.test_streams import House as Studio
from tests.plans import CALL, NOON, QUEUE, after


class Fellow:
    """What the one says all others hear, before the next turn of the loop."""

    def __init__(self, room: list[Fellow]) -> None:
        self.room, self.others, self.leads, self.alone, self.away = room, 1, False, False, False
        self.pins, self.tickets = (room[0].pins, room[0].tickets) if room else ({}, {})
        room.append(self)

    async def open(self, kept, said, missed, asked):
        self.kept, self.said, self.missed, self.asked = kept, said, missed, asked

    async def close(self): ...

    def ready(self, yes): ...

    def say(self, about, word):
        for one in self.room:
            if one is not self:
                one.said(word)

    async def ask(self, what):
        return next((given for one in self.room if one is not self and (given := one.asked(what))), None)

    async def pin(self, name, value):
        self.pins[name] = value

    async def pinned(self, name):
        return self.pins.get(name)

    async def deposit(self, token, ticket, seconds):
        if self.away:
            raise StoreUnavailable("away")
        return self.tickets.setdefault(token, ticket) != b""

    async def redeem(self, token, attempt):
        if self.away:
            raise StoreUnavailable("away")
        ticket = self.tickets.get(token)
        if ticket is None:
            return Ticketed.UNKNOWN
        self.tickets[token] = b""
        return ticket or Ticketed.USED


class Process(Studio):
    def __init__(self, room: list[Fellow], folder) -> None:
        super().__init__(SharingWire())
        self.fellow = Fellow(room)
        self.streams.tickets = type(self.streams.tickets)(self.tokens, self.fellow)
        self.roster, self.forgotten = Roster(self.time), []
        self.notices = Notices(folder / f"{len(room)}.json", lambda: f"notice{len(room)}")
        self.together = Together(
            self.fellow,
            self.streams,
            self.roster,
            self.notices,
            (self.roster.facts,),
            at_once(self.streams, lambda queue: True),
            lambda posted, queue: concerns(posted, queue, lambda name: True),
            self.forgotten.append,
        )
        self.streams.began, self.notices.changed = self.together.begun, self.together.board_changed

    async def start(self) -> Process:
        await self.together.open(self.again)
        return self

    async def again(self): ...


async def two(folder):
    room: list[Fellow] = []
    return await Process(room, folder).start(), await Process(room, folder).start()


async def test_a_release_that_lands_here_ends_the_stream_there(tmp_path):
    here, there = await two(tmp_path)
    far = await there.begin()

    await here.together.perform(REF, (Release(),))
    await settle()

    assert far.closed is not None


async def test_a_release_that_nobody_could_tell_of_ends_the_stream_when_it_is_heard_of(tmp_path, monkeypatch):
    monkeypatch.setattr("holdsvc.engine.together.AGAIN", 0.0)
    _, there = await two(tmp_path)
    far = await there.begin()

    there.together.kept(HoldSession(REF, QUEUE, version=3), ())
    await settle()
    assert far.closed is None
    there.together.kept(HoldSession(REF, QUEUE, version=4, released=True), ())
    await settle()

    assert far.closed is not None


async def test_a_call_whose_stream_begins_there_has_none_here_any_more(tmp_path):
    here, there = await two(tmp_path)
    old = await here.begin()

    await there.begin()

    assert old.closed is not None
    assert not here.streams.holds(REF)
    assert there.streams.holds(REF)


async def test_a_notice_put_up_here_is_heard_there_at_once_and_stands_on_every_board(tmp_path):
    here, there = await two(tmp_path)
    await there.begin()

    posted = here.notices.post("", "notice_delay", NOON, NOON + timedelta(hours=1))
    await here.together.put_up(posted)
    await settle()

    assert [event.id.rpartition(":")[2] for event in there.decider.seen(NoticePosted)] == [posted.id]
    assert there.notices.of(QUEUE, NOON) == posted
    late = await Process(here.fellow.room, tmp_path).start()
    assert late.notices.of(QUEUE, NOON) == posted


async def test_the_end_of_a_wait_that_comes_before_older_news_stays_the_end(tmp_path):
    here, _ = await two(tmp_path)
    office = Office()
    waiting = (await office.hook(held())).session
    over = await office.hook(CallerHungUp(at=after(9), id="gone"))

    here.together.facts(over.session, over.facts)
    here.together.kept(waiting, ())

    assert here.roster.live() == []


async def test_older_news_counts_and_leaves_the_call_as_it_is(tmp_path):
    here, _ = await two(tmp_path)
    waiting = (await Office().hook(held())).session
    newer = replace(waiting, version=waiting.version + 1, choice="jazz")
    ended = WaitEnded(at=after(5), queue=QUEUE, began=NOON, ended=after(5), outcome=Outcome.ANSWERED)

    here.together.kept(newer, ())
    here.together.kept(waiting, (ended,))

    assert here.roster.known(CALL) == newer


async def test_who_is_erased_here_is_forgotten_everywhere(tmp_path):
    here, there = await two(tmp_path)
    number = PhoneNumber("+15005550123")

    here.together.forget(number)

    assert here.forgotten == there.forgotten == [number]


async def test_a_token_of_one_process_lets_in_at_the_other_once(tmp_path):
    here, there = await two(tmp_path)
    token = await here.streams.tickets.issue(REF, QUEUE)

    assert (await there.streams.tickets.redeem("acme", token)).ref == REF

    for process in (here, there):
        with pytest.raises(Unverified, match="token_used"):
            await process.streams.tickets.redeem("acme", token)


async def test_while_the_others_cannot_be_asked_each_redeems_its_own_once(tmp_path):
    here, there = await two(tmp_path)
    here.fellow.away = there.fellow.away = True
    here.fellow.alone = True
    token = await here.streams.tickets.issue(REF, QUEUE)

    assert (await here.streams.tickets.redeem("acme", token)).ref == REF

    for process, reason in ((here, "token_used"), (there, "token_unknown")):
        with pytest.raises(Unverified, match=reason):
            await process.streams.tickets.redeem("acme", token)


async def test_while_the_others_cannot_be_asked_and_might_get_the_socket_no_token_is_issued(tmp_path):
    here, _ = await two(tmp_path)
    here.fellow.away = True

    assert await here.streams.tickets.issue(REF, QUEUE) == ""


async def test_a_ticket_of_another_platform_is_refused(tmp_path):
    here, there = await two(tmp_path)
    token = await here.streams.tickets.issue(REF, QUEUE)

    with pytest.raises(Unverified, match="token_of_another_platform"):
        await there.streams.tickets.redeem("other", token)
