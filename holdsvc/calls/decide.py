"""What a held caller gets next: (session, event, plan) -> (session, instructions, facts).

The same arguments give the same answer, so that after a lost race the shell simply decides again. An event that was seen before
changes nothing, and is answered with what the caller is to hear anyway.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls import asking, broke, callback_offer, notices, position, programme, windows
from holdsvc.calls.briefing import brief
from holdsvc.calls.controls import may_speak, spoken
from holdsvc.calls.events import (
    LIFE,
    AgentAnswered,
    CallArrived,
    CallerHungUp,
    CallerIdentified,
    CallerKnown,
    CallEvent,
    CallHeld,
    ContentEnded,
    Departure,
    DigitPressed,
    Heard,
    LeftQueue,
    NoticePosted,
    QueueMoved,
    ReleaseAsked,
    StreamClosed,
    StreamOpened,
    TimeCame,
    UtteranceHeard,
    WentElsewhere,
    WentSilent,
)
from holdsvc.calls.facts import (
    AnyFact,
    CallerRecognised,
    HandedOver,
    HoldBegan,
    HoldEnded,
    WaitAmended,
    WaitBegan,
    WaitEnded,
)
from holdsvc.calls.history import History, Stage
from holdsvc.calls.instructions import (
    Brief,
    Depart,
    EnterQueue,
    HandOver,
    Instruction,
    OpenStream,
    Release,
    Say,
    Stop,
)
from holdsvc.calls.languages import OF_COUNTRY
from holdsvc.calls.model import Contact, EventId, Outcome, Profile, PromptId, Talk
from holdsvc.calls.plan import HoldPlan, Media
from holdsvc.calls.session import HoldSession, lived, noted, refolded

MOST_BROKEN = 3  # streams in a row that broke or could not be opened; then the platform's queue and documents must do
HEARD_OF = timedelta(seconds=30)  # a live stream tells more often what was heard
TOLD_WITHIN = timedelta(seconds=10)  # of the caller's coming to another queue it is told how the stay in this one ended
BEGINNING = timedelta(seconds=5)  # of a hold in mid-call: its first document is asked for by then, and not its second


class Decision(Struct, frozen=True):
    session: HoldSession
    instructions: tuple[Instruction, ...] = ()
    facts: tuple[AnyFact, ...] = ()


def decide(session: HoldSession, event: CallEvent, plan: HoldPlan) -> Decision:
    if session.has(event.id):
        return Decision(session, answer(session, event, plan))
    event = attributed(session, event)
    after = note(session, event, plan)
    after, heard = programme.listen(broke.gone_on(after, session, event, plan), event, plan)
    if isinstance(event, Heard) and after.history is session.history:  # as nearly always on a live stream
        return Decision(replace(after, wake_at=wake(after, plan)), (), heard)
    after, done = react(after, event, plan)
    after, offers = callback_offer.heed(after, event, plan)
    after, told = position.heed(after, event, plan)
    after, noticed = notices.heed(after, event, plan)
    life = life_facts(session, after, event)
    after, settled = callback_offer.settle(after, life, event.at)
    facts = (*life, *heard, *done, *offers, *told, *noticed, *settled)
    ended = after.history.wait is not None and after.history.wait.ended is not None
    amended = session.amended or any(isinstance(fact, WaitAmended) for fact in facts)
    after = replace(after, reported=session.reported or ended, amended=amended, wake_at=wake(after, plan))
    instructions = answer(after, event, plan)
    after = windows.laid(programme.keep_sent(after, instructions, event.at, plan), instructions, event.at, plan)
    return Decision(after, instructions, facts)


def attributed(session: HoldSession, event: CallEvent) -> CallEvent:
    """The platform says that our leaving worked; why the caller was to leave, only we know. Who hangs up on the promise of a
    call-back has left with it."""
    if isinstance(event, LeftQueue) and event.why is Departure.CHOICE and session.leaving:
        return replace(event, why=session.leaving)
    if isinstance(event, WentElsewhere):
        return replace(event, why=session.leaving or event.why, settled=session.reported)
    waits = session.history.stage is Stage.WAITING
    if isinstance(event, CallerHungUp) and session.leaving is Departure.CALLBACK and waits:
        return LeftQueue(at=event.at, id=event.id, why=session.leaving, waited=event.waited, exact=event.exact)
    return event


def note(session: HoldSession, event: CallEvent, plan: HoldPlan) -> HoldSession:
    """Put the event where it is remembered: life-cycle events in the history, others only by their id."""
    if session.version == 0 and session.latest is None:
        session = replace(session, rules=plan.rules)
    if not isinstance(event, TimeCame | WentSilent):
        latest = event.at if session.latest is None else max(session.latest, event.at)
        session = replace(session, latest=latest)
    if isinstance(event, LIFE):
        return lived(session, event)
    session = replace(session, seen=noted(session.seen, event.id))
    return refolded(session) if session.outcome is Outcome.UNKNOWN else session


def react(session: HoldSession, event: CallEvent, plan: HoldPlan) -> tuple[HoldSession, tuple[AnyFact, ...]]:
    """What the event changes, apart from the history and from what was heard."""
    match event:
        case CallerKnown():
            return recognise(session, event, plan)
        case CallerIdentified(level=level, account=account):
            return replace(session, told_level=level, told_account=account), ()
        case CallArrived():
            return arrive(session, event, plan), ()
        case CallHeld(inferred=False):
            return hold_on(session, event, plan)
        case StreamOpened():
            return begin(replace(session, streaming=True, broken=0, moved=False), event, plan)
        case StreamClosed():
            return close_stream(session, event), ()
        case DigitPressed() | UtteranceHeard():
            return programme.obey(session, event, plan)
        case ContentEnded():
            return programme.onward(session, event, plan)
        case NoticePosted():
            return programme.interrupt(session, event, plan), ()
        case QueueMoved():
            return position.moved(session, event), ()
        case ReleaseAsked():
            return replace(session, released=True), ()
        case TimeCame():
            return wait_no_longer(session, event, plan), ()
        case WentElsewhere(at=at):
            return replace(session, elsewhere=min(session.elsewhere or at, at)), ()
        case _:
            return session, ()


def arrive(session: HoldSession, event: CallArrived, plan: HoldPlan) -> HoldSession:
    """At the front door, perhaps not for the first time: what an earlier stay ended with is over."""
    session = replace(session, leaving=None, released=False, handed=EventId(""), broken=0, sorry=False, position=None)
    session = replace(session, entered=min(session.entered, event.at)) if session.entered else session
    if plan.media is not Media.STREAM:
        return session
    return lived(session, CallHeld(at=event.at, id=EventId(f"{event.id}+held"), began=event.at))


def hold_on(session: HoldSession, event: CallHeld, plan: HoldPlan) -> tuple[HoldSession, tuple[AnyFact, ...]]:
    if event.mid_call:
        return hold_again(*programme.begin(session, event, plan), event, plan)
    # Behind a stream that broke, the platform's queue holds only those whose stream broke too: a place in it is none.
    told = replace(session, position=None if session.broken else event.position, size=event.size)
    if overdue(told, event.at, plan):
        return replace(told, leaving=Departure.OVERFLOW), ()
    if told.released and not told.streaming and not told.handed:
        return replace(told, handed=event.id), ()
    return begin(told, event, plan)


def begin(session: HoldSession, event: CallEvent, plan: HoldPlan) -> tuple[HoldSession, tuple[AnyFact, ...]]:
    session, facts = programme.begin(session, event, plan)
    return broke.owned_up(session, event.at, plan), facts


def hold_again(
    session: HoldSession, facts: tuple[AnyFact, ...], event: CallHeld, plan: HoldPlan
) -> tuple[HoldSession, tuple[AnyFact, ...]]:
    """Put aside by the agent: what it is about is said once, in the first document of the hold."""
    holds = session.history.holds
    begins = bool(holds) and holds[-1].ended is None and event.at - holds[-1].began <= BEGINNING
    if not begins or session.talk is not Talk.FULL or not may_speak(session, event.at, plan):
        return session, facts
    return spoken(replace(session, saying=(PromptId("hold_again"), *session.saying)), event.at, plan), facts


def recognise(session: HoldSession, event: CallerKnown, plan: HoldPlan) -> tuple[HoldSession, tuple[AnyFact, ...]]:
    contact = event.contact or session.contact
    session = replace(
        session,
        caller_read=True,
        caller=event.caller or session.caller,
        masked=event.masked or session.masked,
        contact=contact,
        owed=event.owed or session.owed,
    )
    if event.profile is not None:
        session = programme.recall(session, event.profile, plan)
    session = addressed(session, contact, event.country)
    known = event.profile is not None and event.profile != Profile()
    if not known and event.contact is None:
        return session, ()
    return session, (
        CallerRecognised(
            at=event.at, caller=session.caller, known_before=known, in_directory=event.contact is not None
        ),
    )


def addressed(session: HoldSession, contact: Contact | None, country: str) -> HoldSession:
    """In which language, as long as the caller has chosen none: what a directory says, else what its country speaks."""
    if session.language and not session.guessed:
        return session
    if contact and contact.language:
        return replace(session, language=contact.language, guessed=False)
    guess = OF_COUNTRY.get(country, "")
    return replace(session, language=guess, guessed=True) if guess else session


def close_stream(session: HoldSession, event: StreamClosed) -> HoldSession:
    """A platform that ends the stream by itself says that the call is over; a stream that just broke says nothing yet."""
    session = replace(session, streaming=False)
    if event.moved:
        return replace(session, moved=True)
    if session.released or session.leaving is not None:
        return replace(session, handed=session.handed or event.id)
    if event.by_caller:
        return lived(session, CallerHungUp(at=event.at, id=EventId(f"{event.id}+gone")))
    if session.moved:  # told by the platform as well; that is nothing to be sorry for
        return replace(session, moved=False)
    broken = session.broken + 1
    stream = False if broken >= MOST_BROKEN else session.stream
    return replace(session, broken=broken, stream=stream, sorry=session.talk is not Talk.NONE, offer=None)


def wait_no_longer(session: HoldSession, event: TimeCame, plan: HoldPlan) -> HoldSession:
    """The alarm rang: the call has been silent for too long, or has waited as long as the queue allows."""
    if session.history.stage is not Stage.WAITING or session.latest is None:
        return session
    if session.elsewhere is not None and event.at >= session.elsewhere + TOLD_WITHIN:
        return lived(session, ended_elsewhere(session, session.elsewhere, event))
    if event.at >= session.latest + timedelta(seconds=plan.silence_limit):
        return lived(session, WentSilent(at=session.latest, id=EventId(f"{event.id}+silent")))
    alive = event.at - session.latest <= HEARD_OF
    if alive and session.streaming and overdue(session, event.at, plan):
        return programme.leave(session, event, Departure.OVERFLOW)
    return session


def ended_elsewhere(session: HoldSession, at: datetime, event: TimeCame) -> WentElsewhere:
    """Nobody told how the wait ended. Without an agent that we would know of, the caller was moved on: by us, or over there."""
    why = session.leaving or Departure.OVERFLOW
    return WentElsewhere(at=at, id=EventId(f"{event.id}+elsewhere"), why=why, settled=True)


def overdue(session: HoldSession, now: datetime, plan: HoldPlan) -> bool:
    wait = session.history.wait
    if wait is None or wait.ended or plan.max_wait is None or session.leaving:
        return False
    return now >= wait.began + timedelta(seconds=plan.max_wait)


def wake(session: HoldSession, plan: HoldPlan) -> datetime | None:
    """When to look again if nothing is heard: the session's only timer."""
    wait = session.history.wait
    if session.history.stage is not Stage.WAITING or session.latest is None or wait is None:
        return None
    silent = session.latest + timedelta(seconds=plan.silence_limit)
    if session.elsewhere is not None:
        return min(silent, session.elsewhere + TOLD_WITHIN)
    offer = callback_offer.wakes(session, plan)
    soonest = silent if offer is None else min(silent, offer)
    if plan.max_wait is None or session.leaving or not session.streaming:
        return soonest
    return min(soonest, wait.began + timedelta(seconds=plan.max_wait))


def answer(session: HoldSession, event: CallEvent, plan: HoldPlan) -> tuple[Instruction, ...]:
    """The turn that this event is answered with. It depends on nothing that a repetition of the event would change."""
    match event:
        case CallArrived():
            return (OpenStream(session.queue),) if plan.media is Media.STREAM else (EnterQueue(session.queue),)
        case CallHeld(inferred=True):
            return ()
        case UtteranceHeard(near=True) if session.streaming and not asking.concerns(session, event.id):
            return ()  # not sure, and not asked about: what is heard goes on
        case CallHeld() if session.handed == event.id:
            return (HandOver(session.queue),)
        case CallHeld() | DigitPressed() | UtteranceHeard() | ContentEnded() | StreamOpened():
            return programme.turn(session, plan)
        case NoticePosted() if notices.interrupts(session, plan):
            return programme.turn(session, plan)
        case QueueMoved() if position.interrupts(session, event):
            return programme.turn(session, plan)
        case StreamClosed(by_caller=False, moved=False):
            return after_stream(session, plan)
        case AgentAnswered(leg=True):
            return (Brief(brief(session, event.at)),)
        case AgentAnswered():
            return connecting(session, plan)
        case LeftQueue(why=why):
            return depart(session, session.leaving or why, plan)
        case ReleaseAsked():
            return (*connecting(session, plan), Release()) if plan.last_word else (Release(),)
        case TimeCame() if session.leaving and session.streaming:
            return (Release(),)
        case TimeCame() if callback_offer.interrupts(session, event):
            return programme.turn(session, plan)
        case _:
            return ()


def connecting(session: HoldSession, plan: HoldPlan) -> tuple[Instruction, ...]:
    """Silence, and the word that somebody is there."""
    language = plan.spoken(session.language)
    return Stop(), Say(plan.available(("connecting",), language), language)


def depart(session: HoldSession, why: Departure, plan: HoldPlan) -> tuple[Instruction, ...]:
    """Out of the queue: where nothing is set for this reason the call ends, and not without a word, which a promise has had."""
    way = Depart(session.queue, why)
    return (way,) if why in plan.sends_on or why is Departure.CALLBACK else (*word("goodbye", session, plan), way)


def after_stream(session: HoldSession, plan: HoldPlan) -> tuple[Instruction, ...]:
    """The platform comes back for instructions: hand the caller over, or take up the broken stream again while that works."""
    if session.leaving:
        return depart(session, session.leaving, plan)
    if session.released:
        return (HandOver(session.queue),)
    return (EnterQueue(session.queue),) if session.broken >= MOST_BROKEN else (OpenStream(session.queue),)


def word(prompt: str, session: HoldSession, plan: HoldPlan) -> tuple[Say, ...]:
    language = plan.spoken(session.language)
    prompts = plan.available((prompt,), language)
    return (Say(prompts, language),) if prompts else ()


def life_facts(before: HoldSession, after: HoldSession, event: CallEvent) -> tuple[AnyFact, ...]:
    """What the fold says now and did not say before."""
    if before.history == after.history:
        return ()
    facts: list[AnyFact] = [*wait_facts(before, after, event.at), *hold_facts(before.history, after, event.at)]
    return tuple(facts)


def wait_facts(before: HoldSession, after: HoldSession, at: datetime) -> list[AnyFact]:
    was, now, queue = before.history.wait, after.history.wait, after.queue
    if now is None or was == now:
        return []
    facts: list[AnyFact] = []
    if was is None:
        facts.append(WaitBegan(at=now.began, queue=queue))
    if before.reported:
        facts.append(
            WaitAmended(
                at=at,
                queue=queue,
                began=now.began,
                ended=now.ended,
                was=was.outcome if was else None,
                became=now.outcome,
                came_was=before.came,
                came=after.came,
            )
        )
    elif now.ended is not None and now.outcome is not None:
        ended = WaitEnded(at=at, queue=queue, began=now.began, ended=now.ended, outcome=now.outcome, came=after.came)
        facts.append(ended)
    if now.outcome is Outcome.ANSWERED and (was is None or was.outcome is not Outcome.ANSWERED):
        facts.append(HandedOver(at=now.ended or at, queue=queue))
    return facts


def hold_facts(before: History, after: HoldSession, at: datetime) -> list[AnyFact]:
    facts: list[AnyFact] = []
    known = {hold.began for hold in before.holds}
    over = {hold.began for hold in before.holds if hold.ended}
    for hold in after.history.holds:
        if hold.began not in known:
            facts.append(HoldBegan(at=hold.began, queue=after.queue))
        if hold.ended and hold.began not in over:
            facts.append(HoldEnded(at=hold.ended, queue=after.queue, began=hold.began))
    return facts
