"""One caller's live sound: instructions in, frames out to a socket, and news of what was pressed and heard.

Nothing here waits. What the caller does becomes a question to the shell (`Shell.ask`), and the answer comes back by `perform`;
until then the sound goes on by itself, so that a slow or failing answer is never silence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from holdsvc.audio.pacer import NEAR
from holdsvc.audio.utterance import Began
from holdsvc.calls.events import CallEvent, ContentEnded, DigitPressed, Heard, StreamOpened, UtteranceHeard
from holdsvc.calls.instructions import Instruction, Play
from holdsvc.calls.model import EventId
from holdsvc.calls.session import own_id
from holdsvc.engine import limits
from holdsvc.engine.captions import Tape
from holdsvc.engine.ears import Listener
from holdsvc.engine.far_end import FarEnd
from holdsvc.engine.news import last, parting, told
from holdsvc.engine.paced import voice_for
from holdsvc.engine.shell import Question, Shell, Swept, Watched
from holdsvc.engine.sockets import GONE
from holdsvc.engine.supply import Supply
from holdsvc.engine.tokens import Ticket
from holdsvc.engine.turns import Turn, excerpts, turn_of
from holdsvc.engine.voice import Socket, Voice
from holdsvc.engine.wheel import NEVER
from holdsvc.ports import Wire, WireAudio, WireDigit, WireEvent, WireMark, WireStart, WireStop

CLOSED_NORMALLY, GOING_AWAY, NOT_ALLOWED = 1000, 1001, 1008
log = logging.getLogger(__name__)


class Stream:
    # fmt: off
    __slots__ = (
        "_ahead", "_checkpoint_at", "_close_at", "_due_at", "_ears", "_ending", "_far",
        "_goes_on", "_interrupted", "_last_mark", "_listening", "_look_at", "_news", "_pressed_at",
        "_rest", "_routine", "_shell", "_supply", "_sweep_at", "_swept", "_tape", "_voice", "name", "over", "slot", "socket",
        "ticket", "wire",
    )
    # fmt: on

    def __init__(self, shell: Shell, ticket: Ticket, wire: Wire, socket: Socket) -> None:
        self.ticket, self.wire, self.socket = ticket, wire, socket
        self.name = ""  # the platform's word for this stream, once it has begun
        self.over = False
        self._shell = shell
        self.slot = NEVER
        self._voice = voice_for(wire, socket, shell.meter)
        self._ahead = self._voice if isinstance(self._voice, Voice) else None
        self._swept = socket if isinstance(socket, Swept) else None
        self._rest = limits.WATCHED if isinstance(socket, Watched) else limits.UNWATCHED
        now = shell.clock.monotonic()
        self._far = FarEnd(wire, ticket.ref, now)
        self._look_at = now + limits.LOOK
        self._checkpoint_at = now + limits.CHECKPOINT
        self._news = 0  # events of our own making, for their ids
        self._goes_on = True  # content follows content; False once the caller was told that somebody is there
        self._listening = True
        self._ending = False  # the socket is closed when all has been played
        self._close_at: float | None = None
        self._last_mark = ""
        self._supply = Supply()
        self._pressed_at: float | None = None
        self._interrupted = False  # the sound waits for a word to be said
        self._tape: Tape | None = None  # where somebody reads along
        self._ears = shell.hearing.listener(ticket.queue) if shell.hearing is not None else None
        self._routine = False  # content is being heard, and nothing else is to be thought of
        self._due_at = now  # something is to be done then, if nothing happens before
        self._sweep_at = now if self._swept is not None else NEVER  # where we read the socket ourselves: when next

    def serve(self, now: float) -> float | None:
        """What is due: read what has come, send what is to go. Returns when to come again, None when it is over."""
        if now >= self._look_at:
            self._look(now)
        if self.over:
            return None
        if self._goes_on_as_ever(now):
            return None if self.over else min(self._due_at, self._sweep_at)
        if self._swept is not None and now >= self._sweep_at - limits.EARLY:
            self._sweep(self._swept, now)
        if now < self._due_at - NEAR and not self.over:
            return min(self._due_at, self._sweep_at)
        if self._routine and self._voice.goes_on(now, limits.BEYOND):
            self._due_at = self._voice.pacer.next_at
            if self._ahead is not None:
                self._ahead.look_ahead(limits.BEYOND)
            return min(self._due_at, self._sweep_at)
        self.tick(now)
        return None if self.over else self._wake_at(now)

    def _goes_on_as_ever(self, now: float) -> bool:
        """As nearly always: it is time to say what is ready. Then we read what has come; our word has acknowledged it already."""
        ahead = self._ahead
        if ahead is None or not ahead.ready or not ahead.say(now):
            return False
        self._due_at = ahead.due_at
        if self._swept is not None:
            self._sweep(self._swept, now)
        return True

    def read(self, now: float) -> None:
        """Something has come that may be more than the caller's sound."""
        if self._swept is not None and not self.over:
            self._sweep(self._swept, now)

    # --- from the platform -------------------------------------------------------------------------------------------

    def hear(self, frame: str | bytes) -> None:
        """A frame from the platform. The caller's own sound is dropped unheard, unless what is said counts here."""
        if self.over:
            return
        now = self._shell.clock.monotonic()
        event = self._far.read(frame, now)
        if self._far.fault:
            self._refuse(self._far.fault)
        elif isinstance(event, WireStart):
            self._begin(event, now)
        elif event is not None and self.name:
            self._react(event, now)

    def _sweep(self, socket: Swept, now: float) -> None:
        came = socket.sweep(self.hear)
        if came == GONE:
            self.lost()
        elif came:
            self._far.heard(came / limits.LEAST_FRAME, now)
            if self._far.fault and not self.over:
                self._refuse(self._far.fault)
        self._sweep_at = now + (self._rest if self.name else limits.UNTIL_START)

    def _wake_at(self, now: float) -> float:
        """When we are to be served again; it changes with all that is heard, decided or sent."""
        when = self._look_at
        if self.name:
            if self._close_at is not None:
                when = min(when, self._close_at)
            elif self._far.stuck:
                when = min(when, now + limits.STUCK)
            elif self._more or self._ending:
                when = min(when, self._voice.pacer.next_at)
            if self._tape is not None:
                when = min(when, now + limits.READING)
        self._due_at = when
        waits = self._supply.awaited or self._close_at is not None
        self._routine = self._goes_on and self._tape is None and not (self._far.stuck or waits or self.over)
        if self._routine and self._ahead is not None:
            self._ahead.look_ahead(limits.BEYOND)
        return min(when, self._sweep_at)

    def lost(self) -> None:
        """The socket is gone without a word: the call may go on, and the platform will come back and say so."""
        if not self.over:
            self._leave(self._told())

    def _begin(self, start: WireStart, now: float) -> None:
        if self.name:
            return
        if start.ref != self.ticket.ref.whole or (start.token and not self.ticket.matches(start.token)):
            self._refuse("another_call")
            return
        self.name = start.stream
        self._tape = self._shell.captions.tape(start.ref.call) if self._shell.captions else None
        self._voice.begin(start.stream, self._shell.blocks)
        self._shell.started(self)
        self._await_sound(now)
        self._ask(StreamOpened(at=self._shell.clock.now(), id=EventId(start.id)))

    def _react(self, event: WireEvent, now: float) -> None:
        match event:
            case WireDigit():
                self._press(event, now)
            case WireAudio(payload=payload):
                if self._ears is not None and self._listening:
                    self._listen(self._ears, payload, now)
            case WireMark(name=name):
                self._voice.playout.returned(name, now)
                if name == self._last_mark:
                    self.close(CLOSED_NORMALLY)
            case WireStop():
                heard, at = self._told(self._voice.played(now)), self._shell.clock.now()
                self._leave(parting(heard, at, EventId(event.id), by_caller=True))
                self.socket.close(CLOSED_NORMALLY)

    def _press(self, event: WireDigit, now: float) -> None:
        """The sound stops where the caller heard the key; the answer comes at once, or the sound goes on from there."""
        if not self._listening or self._ending:
            return
        self._pressed_at = now
        heard = self._stop(now)
        pressed = DigitPressed(at=self._shell.clock.now(), id=EventId(event.id), digit=event.digit, heard=last(heard))
        self._ask(*heard[:-1], pressed)

    def _listen(self, ears: Listener, payload: bytes, now: float) -> None:
        """Content gives way to a caller who speaks, and comes back."""
        if self._swept is not None:
            self._far.heard_twice()
        for heard in ears.hear(payload, self._voice, now):
            if self._voice.player.content and not self._ending:
                self._voice.cut(now)
                turn = self._voice.player.duck if isinstance(heard, Began) else self._voice.player.unduck
                turn()
                self.tick(now)
                self._shell.wake(self, self._wake_at(now))
            if self._shell.hearing is not None:
                self._shell.hearing.came(self, ears, heard)

    def said(self, choice: str, score: float, *, near: bool = False) -> None:
        """What the caller said was understood, or nearly so: as at a key."""
        if self._listening and not self._ending:
            self.interrupt(lambda name, at: UtteranceHeard(at=at, id=self._id(), choice=choice, score=score, near=near))

    def interrupt(self, event: Callable[[str, datetime], CallEvent]) -> bool:
        """Something is to be said, and the core knows what: the sound stops where the caller is, as at a key. False: not here."""
        if self.over or not self.name or not self._goes_on or self._close_at is not None:
            return False
        self._interrupted = True
        heard = self._stop(self._shell.clock.monotonic())
        self._ask(*heard, event(self.name, self._shell.clock.now()))
        return True

    def _stop(self, now: float) -> tuple[Heard, ...]:
        """Where the caller is, until an answer comes. What was heard up to there."""
        self._voice.cut(now)
        self._await_sound(now)
        return self._told(self._voice.player.sent)

    # --- to the caller -----------------------------------------------------------------------------------------------

    def perform(self, instructions: Sequence[Instruction], *, follows: bool = False) -> None:
        """Do what the turn says: instead of what is still to come, or after it."""
        if self.over or not self.name or (follows and not instructions):
            return
        now = self._shell.clock.monotonic()
        turn = turn_of(instructions, self._shell.sounds)
        if turn.ends and turn.parts and self._ending:
            return  # a good-bye that is being said is not begun anew
        if turn.ends and not turn.parts:
            self._end(now, at_once=turn.stops or (self._goes_on and not follows))
        elif turn.parts or turn.stops:
            begins = self._take_up(turn, now, follows=follows and not turn.stops)
            if self._tape is not None:
                self._tape.put(begins, instructions)
        elif (self._pressed_at is not None or self._interrupted) and not follows:
            self._voice.pacer.hang(now)  # nothing to say to this key: the sound goes on at once
        self.tick(now)
        self._shell.wake(self, self._wake_at(now))
        self._interrupted = self._interrupted and follows
        if self._pressed_at is not None and not follows:
            self._shell.meter.stream_switched(self.wire.name, now - self._pressed_at)
            self._pressed_at = None

    def tick(self, now: float) -> None:
        """Send what is due, and see whether anything is overdue."""
        if self.over or not self.name:
            return
        if self._close_at is not None:
            if now >= self._close_at:
                self.close(CLOSED_NORMALLY)
            return
        if self._voice.pacer.is_due(now):
            self._send(now)
        if self._tape is not None:
            self._tape.heard(self._voice.played(now))

    def close(self, code: int) -> None:
        """End the stream ourselves; the call goes on with what its document says next."""
        if not self.over:
            self._leave(self._told())
            self.socket.close(code)

    def part(self) -> None:
        """The call goes on elsewhere, where it is now: that is told. The socket is for our house to close, when it is kept."""
        if not self.over:
            self._leave(parting(self._told(), self._shell.clock.now(), self._id()))

    def _take_up(self, turn: Turn, now: float, *, follows: bool) -> int:
        """Returns the byte of the time line at which the turn begins."""
        voice = self._voice
        if follows:
            begins = voice.player.sent + voice.player.left
            voice.player.append(turn.parts)
        else:
            voice.play(turn.parts, now)
            begins = voice.player.sent
        self._goes_on, self._listening, self._ending = turn.plays, turn.listens, turn.ends
        self._close_at, self._last_mark = None, ""
        self._supply.came()
        return begins

    def _end(self, now: float, *, at_once: bool) -> None:
        """After the last prompt, if one is being spoken; else now."""
        player = self._voice.player
        if at_once or (not player.left and self._voice.played(now) >= player.sent):
            self._voice.cut(now)
            self.close(CLOSED_NORMALLY)
        else:
            self._ending, self._goes_on, self._listening = True, False, False

    def _send(self, now: float) -> None:
        self._rescue(now)
        if not self._more:
            self._finish(now)
            return
        if self._is_stuck(now):  # time passes, the place is kept: what is due now is not sent later
            return
        self._voice.send(now, counts=self._goes_on, pads=self._pads)
        if self._goes_on and self._supply.may_ask(now) and self._voice.player.running_out(limits.LOOK_AHEAD):
            self._ask_for_more(now)

    @property
    def _pads(self) -> bool:
        """A far end that keeps nothing is given silence for as long as it is there."""
        return self._goes_on or not (self.wire.can_clear or self._ending)

    @property
    def _more(self) -> bool:
        """There is something to send."""
        return self._pads or self._voice.player.left > 0

    def _is_stuck(self, now: float) -> bool:
        was, stuck = self._far.stuck, not self._far.takes(now, full=self.socket.backlog > self.wire.high_mark)
        if stuck and not was:
            self._shell.meter.stream_cut(self.wire.name)
        if self._far.fault:
            self._refuse(self._far.fault)
        return stuck

    def _finish(self, now: float) -> None:
        """All was sent. Where the stream is to end, it ends when the far end has played it."""
        if self._ending:
            self._last_mark = self._voice.mark() if self.wire.can_clear else ""
            self._close_at = now + self._voice.pacer.ahead(now) + (limits.LAST_MARK if self._last_mark else 0.0)

    # --- what follows, and what was heard ----------------------------------------------------------------------------

    def _ask_for_more(self, now: float) -> None:
        """The item is nearly over. It counts as heard as far as it was sent: the rest plays while the answer is made."""
        self._supply.asked(now)
        heard = self._told(self._voice.player.sent)
        ended = ContentEnded(at=self._shell.clock.now(), id=self._id(), heard=last(heard))
        self._ask(*heard[:-1], ended, follows=True)

    def _await_sound(self, now: float) -> None:
        self._voice.pause(now, limits.PATIENCE)
        if not self._voice.player.left:
            self._supply.stopped(now)
        self._shell.wake(self, self._wake_at(now))

    def _rescue(self, now: float) -> None:
        """No answer came, or none with sound in it: the house's own music, so that nobody waits in silence."""
        if not self._goes_on or not self._supply.overdue(now) or self._voice.player.left:
            return
        log.warning("house_music", extra={"call": self.ticket.ref.call, "queue": self.ticket.queue})
        house = Play(self._shell.house(self.ticket.queue), 0.0)
        self._voice.player.append(excerpts(house, self._shell.sounds))
        self._supply.came()

    def _look(self, now: float) -> None:
        self._look_at = now + limits.LOOK
        self._far.look(now, begun=bool(self.name))
        if self._far.fault:
            self._refuse(self._far.fault)
        elif self.name and now >= self._checkpoint_at - limits.LOOK / 2:
            self._checkpoint_at = max(now, self._checkpoint_at + limits.CHECKPOINT)
            if heard := self._told(self._voice.played(now)):
                self._ask(*heard, follows=True)

    def _told(self, until: int | None = None) -> tuple[Heard, ...]:
        """Checkpoints of what was heard and not reported yet."""
        until = self._voice.played(self._shell.clock.monotonic()) if until is None else until
        return told(self._voice.player, until, self._shell.clock.now(), self._id)

    def _id(self) -> EventId:
        self._news += 1
        return own_id(self.name, self._news)

    def _ask(self, *events: CallEvent, follows: bool = False) -> None:
        self._shell.ask(self, Question(events, follows))

    def _leave(self, events: tuple[CallEvent, ...]) -> None:
        self.over = True
        self._ears = None  # what was heard of a word goes with it
        if events and self.name:
            self._ask(*events)
        self._shell.over(self)

    def _refuse(self, reason: str) -> None:
        log.warning("stream_refused", extra={"call": self.ticket.ref.call, "reason": reason})
        self._shell.meter.stream_refused(self.ticket.ref.platform, reason)
        self.close(NOT_ALLOWED)
