"""What is played to a waiting caller: choosing, going on, remembering where it stopped, and the turn that says so.

Offsets are ours. They move only by what was heard (`CallEvent.heard`), never by what was sent.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from holdsvc.calls.events import CallEvent, Departure, DigitPressed, HeardUntil, LeftQueue, UtteranceHeard
from holdsvc.calls.facts import AnyFact, ContentChosen, ContentHeard, LeaveChosen, NotUnderstood, PreferenceSet
from holdsvc.calls.heard import Part, Sent, heard_of
from holdsvc.calls.history import Stage
from holdsvc.calls.instructions import Instruction, LeaveQueue, Listen, Play, Release, Say
from holdsvc.calls.menu import Action, Choice
from holdsvc.calls.model import ContentItem, EventId, Kind, Profile, PromptId, Via
from holdsvc.calls.plan import HoldPlan, Media
from holdsvc.calls.session import MOST_CHOICES, Chosen, HoldSession, Listened, Talk, lived, put

GRID = 10  # seconds; finite segments begin on it, so that all callers share the same bytes
LONGEST_SEGMENT = 60  # seconds of content in one document
NEARLY_OVER = 1.0  # seconds before its end at which an item counts as heard
GAIN_STEP, LEAST_GAIN, MOST_GAIN = 6.0, -12.0, 6.0  # decibels

Changed = tuple[HoldSession, tuple[AnyFact, ...]]


def recall(session: HoldSession, profile: Profile) -> HoldSession:
    """Take up what we remember of this caller; what was chosen in this call already stays."""
    if session.choice or session.choices:
        return replace(session, past=profile.waits)
    return replace(
        session,
        language=profile.language or session.language,
        remembered=profile.choice,
        gain=profile.gain,
        offsets=profile.offsets,
        places=profile.latest,
        past=profile.waits,
    )


def listen(session: HoldSession, event: CallEvent, plan: HoldPlan) -> Changed:
    """Move the offset by what the caller really heard."""
    heard = last_stretch(session) or event.heard
    item = plan.item(heard.content) if heard else None
    if heard is None or item is None:
        return session, ()
    session = replace(session, sent=None)
    until = min(heard.until_second, item.seconds)
    if until <= heard.from_second:
        return session, ()
    before = next((one.seconds for one in session.listened if one.content == item.id), 0.0)
    total = Listened(item.id, item.kind, before + until - heard.from_second)
    others = tuple(one for one in session.listened if one.content != item.id)
    session = replace(
        session,
        offsets=put(session.offsets, item.id, until),
        listened=(*others, total),
    )
    fact = ContentHeard(
        at=event.at,
        queue=session.queue,
        content=item.id,
        kind=item.kind,
        shelf=item.shelf,
        from_second=heard.from_second,
        until_second=until,
    )
    return session, (fact,)


def last_stretch(session: HoldSession) -> HeardUntil | None:
    """What was heard of the last document when something else ended it: an agent, a hang-up."""
    wait, holds = session.history.wait, session.history.holds
    ended = holds[-1].ended if holds else wait.ended if wait else None
    return heard_of(session.sent, ended) if session.sent and ended else None


def keep_sent(session: HoldSession, turn: tuple[Instruction, ...], at: datetime, plan: HoldPlan) -> HoldSession:
    """Remember what this document lets the caller hear. A live stream tells it by itself."""
    plays = [one for one in turn if isinstance(one, Play)]
    if not plays or session.streaming or plan.media is Media.STREAM:
        return session
    parts = tuple(part for one in turn for part in parts_of(one, plan))
    return replace(session, sent=Sent(at, plays[0].content, parts))


def parts_of(todo: Instruction, plan: HoldPlan) -> tuple[Part, ...]:
    match todo:
        case Play(content=content, from_second=start, until_second=until):
            item = plan.item(content)
            end = until if until is not None else item.seconds if item else start
            return (Part(end, start),)
        case Say(prompts=prompts, language=language):
            return (Part(plan.seconds_of(prompts, language)),)
        case _:
            return ()


def begin(session: HoldSession, event: CallEvent, plan: HoldPlan) -> Changed:
    """Sound on: the remembered choice, else the queue's default; or go on with what is being heard."""
    if session.choice:
        return go_on(session, plan), ()
    remembered = plan.menu.by_id(session.remembered)
    choice = remembered or plan.menu.by_id(plan.default_choice) or first_playable(plan)
    if choice is None or not plan.shelf(choice):
        return replace(session, now=plan.house), ()
    session = tune_in(session, choice, plan)
    tell = remembered is None and session.talk is Talk.FULL and not session.told_menu
    session = replace(session, saying=(), menu_due=tell, told_menu=session.told_menu or tell)
    return chosen(session, choice, event, Via.REMEMBERED if remembered else Via.DEFAULT)


def first_playable(plan: HoldPlan) -> Choice | None:
    return next((choice for choice in plan.menu.choices if choice.action is Action.PLAY), None)


def chosen(session: HoldSession, choice: Choice, event: CallEvent, via: Via) -> Changed:
    kept = (*session.choices, Chosen(choice.id, via, event.at))[-MOST_CHOICES:]
    fact = ContentChosen(at=event.at, queue=session.queue, choice=choice.id, via=via)
    return replace(session, choices=kept), (fact,)


def tune_in(session: HoldSession, choice: Choice, plan: HoldPlan) -> HoldSession:
    """Go to where this caller stopped on the choice's shelf, or to the next item if that one was over."""
    items = plan.shelf(choice)
    place = session.place(choice.id)
    item = next((one for one in items if one.id == place), items[0])
    session = replace(session, choice=choice.id)
    return settle(session, item, plan)


def settle(session: HoldSession, item: ContentItem, plan: HoldPlan) -> HoldSession:
    """Make this the item that is heard; if it has been heard to its end, the one after it."""
    if finished(session, item):
        if item.kind is not Kind.QUIET:
            item = following(session, item, plan)
        session = replace(session, offsets=put(session.offsets, item.id, 0.0)) if finished(session, item) else session
    places = put(session.places, session.choice, item.id)
    if session.choice != item.kind:
        places = put(places, item.kind.value, item.id)
    return replace(session, now=item.id, places=places)


def finished(session: HoldSession, item: ContentItem) -> bool:
    return session.offset(item.id) >= item.seconds - NEARLY_OVER


def following(session: HoldSession, item: ContentItem, plan: HoldPlan) -> ContentItem:
    choice = plan.menu.by_id(session.choice)
    items = plan.shelf(choice) if choice else ()
    at = next((index for index, one in enumerate(items) if one.id == item.id), -1)
    return items[(at + 1) % len(items)] if items else item


def go_on(session: HoldSession, plan: HoldPlan) -> HoldSession:
    session = replace(session, saying=(), menu_due=False)
    item = plan.item(session.now) if session.now else None
    if item is None:
        return replace(session, now=plan.house)
    return settle(session, item, plan)


def obey(session: HoldSession, event: DigitPressed | UtteranceHeard, plan: HoldPlan) -> Changed:
    """Do what the caller asked for; what we do not understand is answered kindly, and the content goes on."""
    via = Via.KEY if isinstance(event, DigitPressed) else Via.VOICE
    choice = plan.menu.by_digit(event.digit) if isinstance(event, DigitPressed) else plan.menu.by_id(event.choice)
    session, begun = (session, ()) if session.choice else begin(session, event, plan)
    session = replace(go_on(session, plan), told_menu=True)
    if choice is None:
        session = say(session, "not_understood")
        return session, (*begun, NotUnderstood(at=event.at, queue=session.queue, via=via))
    session, done = act(session, choice, event, plan)
    session, facts = chosen(session, choice, event, via)
    return session, (*begun, *facts, *done)


def act(session: HoldSession, choice: Choice, event: CallEvent, plan: HoldPlan) -> Changed:
    match choice.action:
        case Action.PLAY:
            return switch(session, choice, plan), ()
        case Action.NEXT:
            return step(session, plan), ()
        case Action.REPEAT:
            offsets = put(session.offsets, session.now, 0.0) if session.now else session.offsets
            return say(replace(session, offsets=offsets), "again"), ()
        case Action.LOUDER:
            return adjust(session, event, GAIN_STEP, "louder")
        case Action.SOFTER:
            return adjust(session, event, -GAIN_STEP, "softer")
        case Action.LESS_TALK:
            quiet = PreferenceSet(at=event.at, what="less_talk", value=1.0)
            return say(replace(session, talk=Talk.WHEN_ASKED), "less_talk"), (quiet,)
        case Action.MENU:
            return replace(session, saying=menu_prompts(plan)), ()
        case Action.LEAVE:
            left = LeaveChosen(at=event.at, queue=session.queue)
            return say(leave(session, event, Departure.CHOICE), "leaving"), (left,)


def say(session: HoldSession, *prompts: str) -> HoldSession:
    return replace(session, saying=tuple(PromptId(prompt) for prompt in prompts))


def switch(session: HoldSession, choice: Choice, plan: HoldPlan) -> HoldSession:
    """To another shelf; asking for music while music plays means another genre."""
    if choice.id == session.choice.partition(":")[0] and choice.kind is Kind.MUSIC and not choice.shelf:
        choice = next_genre(session, choice, plan)
    session = tune_in(session, choice, plan)
    resumed = (
        ("resume",) if session.now and session.offset(session.now) >= GRID and choice.kind is not Kind.QUIET else ()
    )
    return say(session, f"now_{choice.kind}", *resumed)


def next_genre(session: HoldSession, choice: Choice, plan: HoldPlan) -> Choice:
    genres = [one for one in plan.menu.choices if one.kind is Kind.MUSIC and one.shelf]
    item = plan.item(session.now) if session.now else None
    at = next((index for index, one in enumerate(genres) if item and one.shelf == item.shelf), -1)
    return genres[(at + 1) % len(genres)] if genres else choice


def step(session: HoldSession, plan: HoldPlan) -> HoldSession:
    """The next item of the shelf, from where it stopped, or from its start when it was over."""
    item = plan.item(session.now) if session.now else None
    if item is None:
        return say(session, "next")
    onward = following(session, item, plan)
    if finished(session, onward):
        session = replace(session, offsets=put(session.offsets, onward.id, 0.0))
    return say(settle(session, onward, plan), "next")


def adjust(session: HoldSession, event: CallEvent, step: float, prompt: str) -> Changed:
    gain = min(MOST_GAIN, max(LEAST_GAIN, session.gain + step))
    return say(replace(session, gain=gain), prompt), (PreferenceSet(at=event.at, what="gain", value=gain),)


def leave(session: HoldSession, event: CallEvent, why: Departure) -> HoldSession:
    """Out of the queue. A platform's queue confirms it; where we hold the place ourselves, it is done at once."""
    session = replace(session, leaving=why)
    if session.streaming:
        return lived(session, LeftQueue(at=event.at, id=EventId(f"{event.id}+left"), why=why))
    return session


def menu_prompts(plan: HoldPlan) -> tuple[PromptId, ...]:
    choices = [
        f"choice_{choice.id}" for choice in plan.menu.choices if choice.digit and choice.action is not Action.NEXT
    ]
    return tuple(PromptId(prompt) for prompt in (*choices, "or_say", "controls"))


def turn(session: HoldSession, plan: HoldPlan) -> tuple[Instruction, ...]:
    """What is to be heard from now on: prompts, content from where it stopped, and an open ear all the while."""
    language = plan.spoken(session.language)
    prompts = plan.available(session.saying, language)
    said = (Say(prompts, language),) if prompts else ()
    if session.released and session.streaming:
        return (Release(),)
    if session.leaving and session.history.stage in (Stage.WAITING, Stage.ENDED):
        return (*said, Release() if session.streaming else LeaveQueue())
    item = (plan.item(session.now) if session.now else None) or plan.item(plan.house)
    if item is None:
        return (*said, Play(plan.house, 0.0), Listen(plan.menu, language))
    stretches = play(session, item, plan, language)
    return (*said, *stretches, Listen(plan.menu, language))


def play(session: HoldSession, item: ContentItem, plan: HoldPlan, language: str) -> tuple[Say | Play, ...]:
    live = plan.media is Media.STREAM or session.streaming
    start = session.offset(item.id)
    if finished(session, item):
        start = 0.0
    if not live:
        start = float(start // GRID * GRID)
    until = None if live else min(start + LONGEST_SEGMENT, item.seconds)
    menu = plan.available(menu_prompts(plan), language) if session.menu_due else ()
    pause = start + plan.menu_after
    if not menu or pause >= (until or item.seconds) - NEARLY_OVER:
        tail = (Say(menu, language),) if menu else ()
        return (Play(item.id, start, until, session.gain), *tail)
    return (
        Play(item.id, start, pause, session.gain),
        Say(menu, language),
        Play(item.id, pause, until, session.gain),
    )
