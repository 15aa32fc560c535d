"""What this process tells the others that serve the same calls, and what it does with what they tell.

A call is decided by whoever has its news; its sound is where its socket is. So what was decided here for a stream elsewhere goes
there as a word, and what others kept makes our view of who waits whole. Alone, nothing of it is needed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeAlias

import msgspec
from msgspec import Struct

from holdsvc.calls.facts import AnyFact
from holdsvc.calls.history import Stage
from holdsvc.calls.instructions import Instruction, Release
from holdsvc.calls.model import CallRef, PhoneNumber
from holdsvc.calls.session import HoldSession
from holdsvc.engine.notices import Notices, Posted
from holdsvc.engine.roster import Roster
from holdsvc.engine.streams import Streams
from holdsvc.errors import StoreUnavailable
from holdsvc.ports import FactListener, Fellows

AGAIN = 1.0  # seconds between two tries to take everything up again, and until a release that nobody told us of
MOST_GONE = 10_000  # calls whose wait is over, of which late words must not make waiting ones again
BOARD = "notices"  # under this name what is put up is pinned
log = logging.getLogger(__name__)


class Perform(Struct, frozen=True, tag=True):
    """For a stream that one of you has."""

    ref: CallRef
    instructions: tuple[Instruction, ...]


class Begun(Struct, frozen=True, tag=True):
    """This call's stream is here now; one that you have of it is dead."""

    ref: CallRef


class Board(Struct, frozen=True, tag=True):
    """What is put up now. `new`: what has just been put up, to be heard at once."""

    posted: tuple[Posted, ...]
    hurried: dict[str, datetime]
    new: str = ""


class Forget(Struct, frozen=True, tag=True):
    """This caller is erased."""

    e164: str


Word: TypeAlias = Perform | Begun | Board | Forget
pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(Word).decode


class Together:
    """`listeners` hear of every call, whoever decided it. `at_once` lets a notice be heard on the streams here.

    `have` gives what others ask for, where we have it.
    """

    def __init__(
        self,
        fellows: Fellows | None,
        streams: Streams,
        roster: Roster,
        notices: Notices,
        listeners: Sequence[FactListener],
        at_once: Callable[[Posted], Awaitable[int]],
        concerns: Callable[[Posted, str], bool],
        forget: Callable[[PhoneNumber], None],
        have: Callable[[bytes], bytes | None] = lambda asked: None,
    ) -> None:
        self.fellows = fellows
        self._streams, self._roster, self._notices = streams, roster, notices
        self._listeners, self._at_once, self._forget = tuple(listeners), at_once, forget
        self._concerns, self._have = concerns, have
        self._gone: OrderedDict[CallRef, HoldSession] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._again: Callable[[], Awaitable[None]]

    async def open(self, again: Callable[[], Awaitable[None]]) -> None:
        """`again` looks at everything anew, where words may have been missed."""
        self._again = again
        if self.fellows is not None:
            await self.fellows.open(self.kept, self._said, self._missed, self._have)
            with suppress(StoreUnavailable):  # it is read when it is back
                await self._read_board()

    async def close(self) -> None:
        if self.fellows is not None:
            await self.fellows.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def ready(self, yes: bool) -> None:
        """Whether we take new streams."""
        if self.fellows is not None:
            self.fellows.ready(yes)

    def elsewhere(self) -> bool:
        """Another process would take a stream."""
        return self.fellows is not None and self.fellows.others > 0

    def reports(self) -> bool:
        """What all processes have in common is told by us. Where nobody else is there, nobody else could."""
        return self.fellows is None or self.fellows.leads or self.fellows.alone

    # --- from here ---------------------------------------------------------------------------------------------------

    async def perform(self, ref: CallRef, instructions: Sequence[Instruction]) -> None:
        """On the call's stream, wherever that is."""
        if not await self._streams.perform(ref, instructions) and instructions:
            self._say(ref.call, Perform(ref, tuple(instructions)))

    def begun(self, ref: CallRef) -> None:
        self._say(ref.call, Begun(ref))

    async def put_up(self, posted: Posted) -> int:
        """How many hear it at once, here and elsewhere."""
        here = await self._at_once(posted)
        return here + self._elsewhere(posted)

    def board_changed(self, new: str) -> None:
        if self.fellows is not None:
            self._beside(self._tell_board(self.fellows, new))

    def forget(self, number: PhoneNumber) -> None:
        """Of an erased caller nothing is remembered, here or elsewhere."""
        self._forget(number)
        self._say(BOARD, Forget(number.e164))

    def facts(self, session: HoldSession, facts: Sequence[AnyFact]) -> None:
        """A listener, for what was decided here."""
        self._tell(session, facts)

    # --- from others -------------------------------------------------------------------------------------------------

    def kept(self, session: HoldSession, facts: Sequence[AnyFact]) -> None:
        self._tell(session, facts)
        self.let_go(session)

    def let_go(self, session: HoldSession) -> None:
        """A release that was decided while nobody could tell us of it; where one is on its way, it comes first."""
        if session.released and self._streams.holds(session.ref):
            self._beside(self._release(session.ref))

    async def _release(self, ref: CallRef) -> None:
        await asyncio.sleep(AGAIN)
        await self._streams.perform(ref, (Release(),))

    def _said(self, word: bytes) -> None:
        match unpack(word):
            case Perform(ref=ref, instructions=instructions):
                self._beside(self._perform(ref, instructions))
            case Begun(ref=ref):
                self._streams.died(ref)
            case Board() as board:
                self._hang(board)
            case Forget(e164=e164):
                self._forget(PhoneNumber(e164))

    async def _perform(self, ref: CallRef, instructions: Sequence[Instruction]) -> None:
        await self._streams.perform(ref, instructions)

    async def _missed(self) -> None:
        try:
            await self._read_board()
            await self._again()
        except StoreUnavailable as error:
            log.warning("not_taken_up_again", extra={"reason": str(error)})
            self._beside(self._once_more())

    async def _once_more(self) -> None:
        await asyncio.sleep(AGAIN)
        await self._missed()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _tell(self, session: HoldSession, facts: Sequence[AnyFact]) -> None:
        """Of two processes' news the older may come last; then the facts count, and the call stays as it is."""
        session = self._newest(session)
        for listener in self._listeners:
            listener(session, facts)

    def _newest(self, session: HoldSession) -> HoldSession:
        if self.fellows is None:
            return session
        known = self._roster.known(session.ref) or self._gone.get(session.ref)
        if known is not None and known.version > session.version:
            return known
        self._gone.pop(session.ref, None)
        if session.history.stage is not Stage.WAITING:
            self._gone[session.ref] = session
            if len(self._gone) > MOST_GONE:
                self._gone.popitem(last=False)
        return session

    def _elsewhere(self, posted: Posted) -> int:
        if self.fellows is None or not self.fellows.others:
            return 0
        here = self._streams.holds
        return sum(
            one.streaming and not here(one.ref) and self._concerns(posted, one.queue) for one in self._roster.live()
        )

    def _say(self, about: str, word: Word) -> None:
        if self.fellows is not None:
            self.fellows.say(about, pack(word))

    async def _tell_board(self, fellows: Fellows, new: str) -> None:
        board = pack(Board(*self._notices.board(), new))
        fellows.say(BOARD, board)
        try:
            await fellows.pin(BOARD, board)
        except StoreUnavailable as error:
            log.warning("notices_unpinned", extra={"reason": str(error)})

    async def _read_board(self) -> None:
        pinned = await self.fellows.pinned(BOARD) if self.fellows is not None else None
        if pinned is not None:
            board = unpack(pinned)
            if isinstance(board, Board):
                self._notices.adopt(board.posted, board.hurried)

    def _hang(self, board: Board) -> None:
        self._notices.adopt(board.posted, board.hurried)
        for posted in board.posted:
            if posted.id == board.new:
                self._beside(self._interrupt(posted))

    async def _interrupt(self, posted: Posted) -> None:
        await self._at_once(posted)

    def _beside(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
