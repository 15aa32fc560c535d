"""What is played to a waiting caller: choosing, going on, remembering where it stopped, and the turn that says so.

Offsets are ours. They move only by what was heard (`CallEvent.heard`), never by what was sent.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from holdsvc.calls import asking, callback_offer, controls, naming, position, quizmaster, tuning
from holdsvc.calls.controls import Changed, may_speak, measured, menu_prompts, say, spoken, tells_menu
from holdsvc.calls.events import CallEvent, Departure, DigitPressed, HeardUntil, LeftQueue, UtteranceHeard
from holdsvc.calls.facts import ContentChosen, ContentHeard, ContentSkipped, LeaveChosen, NotUnderstood
from holdsvc.calls.heard import Part, Sent, heard_of
from holdsvc.calls.history import Stage
from holdsvc.calls.instructions import Instruction, LeaveQueue, Listen, Play, Release, Say
from holdsvc.calls.menu import Action, Choice
from holdsvc.calls.model import ORDERED, ContentId, ContentItem, EventId, Kind, Profile, QuizScore, Talk, Via
from holdsvc.calls.plan import HoldPlan, Media
from holdsvc.calls.quiz import Quiz
from holdsvc.calls.rotation import played
from holdsvc.calls.session import MOST_CHOICES, Chosen, HoldSession, Listened, lived, put
from holdsvc.calls.tuning import NEARLY_OVER, finished

GRID = 10  # seconds; finite segments begin on it, so that all callers share the same bytes
AT_ONCE = timedelta(seconds=20)  # behind a next, in which another one is about the same chapter
BENEATH_PROMPTS = (Kind.MUSIC, Kind.QUIET)  # nobody talks in these, so that they need not wait for a prompt's end


def recall(session: HoldSession, profile: Profile, plan: HoldPlan) -> HoldSession:
    """Take up what we remember of this caller; what was chosen in this call already stays."""
    heard = tuple(one for one in profile.plays if one[0] in plan.by_id)
    if session.choice or session.choices:
        others = {content for content, _ in session.plays}
        plays = (*(one for one in heard if one[0] not in others), *session.plays)
        return replace(session, plays=plays, past=profile.waits, quiz=scored(session, profile))
    return replace(
        session,
        language=profile.language or session.language,
        remembered=profile.choice,
        gain=profile.gain,
        talk=profile.talk,
        offsets=profile.offsets,
        places=profile.latest,
        plays=heard,
        past=profile.waits if session.entered is None else session.past,  # waits of this very call are no earlier calls
        quiz=scored(session, profile),
    )


def scored(session: HoldSession, profile: Profile) -> Quiz:
    """The score of earlier calls; what was played in this one stays."""
    return session.quiz if session.quiz.score != QuizScore() else replace(session.quiz, score=profile.quiz)


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
    before = next((one.seconds for one in session.listened if one.content == item.known_as), 0.0)
    total = Listened(item.known_as, item.kind, before + until - heard.from_second)
    others = tuple(one for one in session.listened if one.content != item.known_as)
    session = replace(
        session,
        offsets=put(session.offsets, item.id, until),
        listened=(*others, total),
        rewind=0.0,
        plays=session.plays if item.kind is Kind.QUIET else played(session.plays, item.id, event.at),
    )
    fact = ContentHeard(
        at=event.at,
        queue=session.queue,
        content=item.known_as,
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
    if not plays or live(session, plan):
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
        return onward(session, event, plan)
    remembered = plan.menu.by_id(session.remembered)
    choice = remembered or plan.menu.by_id(plan.default_choice) or first_playable(plan)
    if choice is None or not plan.shelf(choice):
        return replace(session, now=plan.house, saying=()), ()
    session = tune_in(session, choice, plan, event.at, opening=True)
    tell = remembered is None and session.talk is Talk.FULL and not session.told_menu
    tell = tell and may_speak(session, event.at, plan)
    session = spoken(session, event.at, plan) if tell else session
    session = replace(session, menu_due=False)
    session = controls.due(session) if tell else session
    return chosen(session, choice, event, Via.REMEMBERED if remembered else Via.DEFAULT)


def first_playable(plan: HoldPlan) -> Choice | None:
    """Silence is for those who ask for it: who did not hears the house track rather."""
    playable = (choice for choice in plan.menu.choices if choice.action is Action.PLAY)
    return next((choice for choice in playable if choice.kind is not Kind.QUIET), None)


def chosen(session: HoldSession, choice: Choice, event: CallEvent, via: Via) -> Changed:
    kept = (*session.choices, Chosen(choice.id, via, event.at))[-MOST_CHOICES:]
    fact = ContentChosen(at=event.at, queue=session.queue, choice=choice.id, via=via)
    return replace(session, choices=kept), (fact,)


def tune_in(
    session: HoldSession, choice: Choice, plan: HoldPlan, at: datetime, *, opening: bool = False
) -> HoldSession:
    session = replace(session, saying=())
    if choice.kind is Kind.QUIZ:
        return quizmaster.tune_in(session, choice, plan, at)
    return tuning.tune_in(quizmaster.put_aside(session), choice, plan, at, opening=opening)


def onward(session: HoldSession, event: CallEvent, plan: HoldPlan) -> Changed:
    """What was to be heard has been heard."""
    if quizmaster.playing(session, plan):
        return quizmaster.go_on(session, event, plan)
    return go_on(session, plan, event.at), ()


def go_on(session: HoldSession, plan: HoldPlan, at: datetime) -> HoldSession:
    return tuning.go_on(replace(session, saying=(), menu_due=False), plan, at)


def obey(session: HoldSession, event: DigitPressed | UtteranceHeard, plan: HoldPlan) -> Changed:
    """Do what the caller asked for; what we do not understand is answered kindly, and the content goes on."""
    session, begun = (session, ()) if session.choice else begin(session, event, plan)
    quizzing, was, wish = quizmaster.playing(session, plan), session, asking.read(session, event, plan)
    if wish.settled:
        return settled(wish, event, plan), begun
    session, choice, via = wish.session, wish.choice, wish.via
    stays = quizzing or (choice is not None and choice.action is Action.NEXT)  # what is over is left by that alone
    session = replace(session, saying=(), menu_due=False) if stays else go_on(session, plan, event.at)
    session = replace(session, told_menu=True)
    if choice is None or choice.action is not Action.MENU:
        session = replace(session, offer=None)
    if choice is None:
        session = measured(say(session, "not_understood", "control_menu"), None, event.at, plan)
        session = quizmaster.after(session, None, event.at, plan) if quizzing else session
        return session, (*begun, NotUnderstood(at=event.at, queue=session.queue, via=via))
    session, done = (play_on if quizzing else act)(session, choice, event, plan)
    session = measured(session, choice, event.at, plan)
    if via is Via.VOICE and not quizzing and choice.action is not Action.NO:
        session = asking.remembered(session, was, event.at)
    entry = (plan.menu.by_id(session.choice) if choice.content else choice) or choice
    recorded = choice.action not in (Action.ANSWER, Action.NO, Action.CONFIRM)
    session, facts = chosen(session, entry, event, via) if recorded else (session, ())
    return session, (*begun, *facts, *done)


def settled(wish: asking.Wish, event: DigitPressed | UtteranceHeard, plan: HoldPlan) -> HoldSession:
    """We ask what was said, or have our answer: the content goes on. What was nearly heard and not asked about changes nothing."""
    session, quizzing = wish.session, quizmaster.playing(wish.session, plan)
    if isinstance(event, UtteranceHeard) and event.near and not asking.concerns(session, event.id):
        return session
    session = replace(session, saying=(), menu_due=False) if quizzing else go_on(session, plan, event.at)
    session = replace(session, offer=None)  # the word cut it short: zero means the menu again
    session = say(spoken(session, event.at, plan) if wish.says else session, *wish.says)
    return quizmaster.after(session, None, event.at, plan) if quizzing else session


def play_on(session: HoldSession, choice: Choice, event: CallEvent, plan: HoldPlan) -> Changed:
    """While the quiz is played, some keys are its own."""
    match choice.action:
        case Action.ANSWER:
            return quizmaster.answer(session, choice, event, plan)
        case Action.NEXT | Action.EPISODE:
            return quizmaster.skip(session, event, plan)
        case Action.PLAY | Action.LEAVE | Action.CONFIRM:
            return act(session, choice, event, plan)
        case Action.REPEAT | Action.BACK:
            return quizmaster.after(session, choice, event.at, plan), ()
        case _:
            session, facts = act(session, choice, event, plan)
            return quizmaster.after(session, choice, event.at, plan), facts


def act(session: HoldSession, choice: Choice, event: CallEvent, plan: HoldPlan) -> Changed:
    match choice.action:
        case Action.PLAY:
            return (by_name if choice.content else switch)(session, choice, plan, event.at), ()
        case Action.NEXT:
            return next_chapter(session, plan, event.at) or step(session, event, plan)
        case Action.EPISODE:
            return step(session, event, plan)
        case Action.REPEAT | Action.BACK:
            return repeat(session, plan, before=choice.action is Action.BACK), ()
        case Action.LOUDER:
            return controls.louder(session, event)
        case Action.SOFTER:
            return controls.softer(session, event)
        case Action.LESS_TALK:
            return controls.less_talk(session, event)
        case Action.MENU:
            session, facts = controls.menu(session, event, plan)
            return callback_offer.with_menu(session, plan, event.at), facts
        case Action.LANGUAGE:
            return controls.language(session, choice, event, plan)
        case Action.LEAVE:
            left = LeaveChosen(at=event.at, queue=session.queue)
            return say(leave(session, event, Departure.CHOICE), "leaving"), (left,)
        case Action.CALLBACK:
            return callback_offer.ask(session, event, plan)
        case Action.CONFIRM:
            session, facts = callback_offer.taken(session, event)
            return (leave(session, event, Departure.CALLBACK) if facts else session), facts
        case Action.NO:
            return asking.take_back(session, event)
        case Action.ANSWER | Action.YES:
            return session, ()


def by_name(session: HoldSession, choice: Choice, plan: HoldPlan, at: datetime) -> HoldSession:
    """One item, from where it stopped; what follows it is what its shelf has next."""
    item = naming.wanted(choice, plan, at)
    entry = naming.entry(item, plan) if item else None
    if item is None or entry is None:
        return session
    session = replace(quizmaster.put_aside(session), choice=entry.id, before=(), ahead=())
    return say(tuning.enter(session, item, plan), f"now_{item.kind}")


def switch(session: HoldSession, choice: Choice, plan: HoldPlan, at: datetime) -> HoldSession:
    """To another shelf; asking for music while music plays means another genre."""
    if choice.id == session.choice.partition(":")[0] and choice.kind is Kind.MUSIC and not choice.shelf:
        choice = next_genre(session, choice, plan)
    session = tune_in(session, choice, plan, at)
    if choice.kind is Kind.QUIZ:
        return session
    resumed = (
        ("resume",) if session.now and session.offset(session.now) >= GRID and choice.kind is not Kind.QUIET else ()
    )
    return say(session, f"now_{choice.kind}", *resumed)


def next_genre(session: HoldSession, choice: Choice, plan: HoldPlan) -> Choice:
    genres = [one for one in plan.menu.choices if one.kind is Kind.MUSIC and one.shelf]
    item = plan.item(session.now) if session.now else None
    at = next((index for index, one in enumerate(genres) if item and one.shelf == item.shelf), -1)
    return genres[(at + 1) % len(genres)] if genres else choice


def next_chapter(session: HoldSession, plan: HoldPlan, at: datetime) -> Changed | None:
    """To the next chapter of the piece; None where it has none left, or where the caller asks again at once."""
    item = plan.item(session.now) if session.now else None
    last = session.choices[-1] if session.choices else None
    again = last is not None and last.what == Action.NEXT and at - last.at <= AT_ONCE
    lead = GRID if again and not live(session, plan) else 0.0
    begins = tuning.next_chapter(session, item, lead) if item else None
    if item is None or begins is None:
        return None
    return say(replace(session, offsets=put(session.offsets, item.id, begins), rewind=0.0), "next"), ()


def step(session: HoldSession, event: CallEvent, plan: HoldPlan) -> Changed:
    """The next item of the shelf. What is left counts as heard."""
    item = plan.item(session.now) if session.now else None
    if item is None:
        return say(tuning.go_on(session, plan, event.at), "next"), ()
    known = {content for content, at in session.plays if event.at.timestamp() - at < plan.fresh.window}
    session = tuning.skip(session, item, plan, event.at)
    if item.kind is Kind.QUIET:
        return say(session, "now_quiet"), ()
    alone = session.now == item.id  # on its shelf
    if item.kind in ORDERED and (alone or (session.now in known and precedes(session.now, item, plan))):
        session = say(session, "no_more")
    else:
        session = say(session, "again" if alone else next_prompt(session, item, plan))
    return session, (ContentSkipped(at=event.at, queue=session.queue, content=item.known_as, kind=item.kind),)


def precedes(content: ContentId | None, item: ContentItem, plan: HoldPlan) -> bool:
    """In the order of their shelf."""
    return next((one.id == content for one in plan.items if one.id in (content, item.id)), False)


def next_prompt(session: HoldSession, item: ContentItem, plan: HoldPlan) -> str:
    episode = plan.available(("next_episode",), plan.spoken(session.language))
    return "next_episode" if item.kind is Kind.PODCAST and episode else "next"


def repeat(session: HoldSession, plan: HoldPlan, *, before: bool) -> HoldSession:
    """The item from its start; or `before`, or where it has hardly begun, the one before it."""
    item = plan.item(session.now) if session.now else None
    if item is None:
        return say(session, "again")
    if before or tuning.at_its_start(session, item):
        gone = tuning.back(session, item, plan)
        if gone is not None:
            return say(gone, "previous")
    return say(tuning.again(session, item), "again")


def interrupt(session: HoldSession, event: CallEvent, plan: HoldPlan) -> HoldSession:
    """Something is said in the midst of a turn. What of the turn was not told yet is told behind it."""
    untold = session.offer is not None and event.at < session.offer[1]
    saying = menu_prompts(plan) if untold and tells_menu(session, plan) else position.untold(session, event.at)
    session = replace(session, saying=saying, menu_due=session.menu_due and untold)
    return quizmaster.after(session, None, event.at, plan) if quizmaster.playing(session, plan) else session


def leave(session: HoldSession, event: CallEvent, why: Departure) -> HoldSession:
    """Out of the queue. A platform's queue confirms it; where we hold the place ourselves, it is done at once."""
    session = replace(session, leaving=why)
    if session.streaming:
        return lived(session, LeftQueue(at=event.at, id=EventId(f"{event.id}+left"), why=why))
    return session


def turn(session: HoldSession, plan: HoldPlan) -> tuple[Instruction, ...]:
    """What is to be heard from now on: prompts, content from where it stopped, and an open ear all the while."""
    language = plan.spoken(session.language)
    prompts = plan.available(session.saying, language)
    said: tuple[Say, ...] = (Say(prompts, language),) if prompts else ()
    if prompts and tells_menu(session, plan):
        said = (*said, *controls.offers(plan, language))
    if session.released and session.streaming:
        return (Release(),)
    if session.leaving and session.history.stage in (Stage.WAITING, Stage.ENDED):
        return (*said, Release() if session.streaming else LeaveQueue())
    item = (plan.item(session.now) if session.now else None) or plan.item(plan.house)
    if item is None:
        return (*said, Play(plan.house, 0.0, ducks=True), Listen(plan.menu, plan.recognised(language)))
    if quizmaster.playing(session, plan):
        return quizmaster.turn(session, item, said, plan)
    stretches = play(session, item, plan, language)
    return (*said, *stretches, Listen(asking.offered(session, plan), plan.recognised(language)))


def live(session: HoldSession, plan: HoldPlan) -> bool:
    return plan.media is Media.STREAM or session.streaming


def play(session: HoldSession, item: ContentItem, plan: HoldPlan, language: str) -> tuple[Say | Play, ...]:
    on_a_stream = live(session, plan)
    start = 0.0 if finished(session, item) else max(0.0, session.offset(item.id) - session.rewind)
    if not on_a_stream:
        start = float(start // GRID * GRID)
    until = None if on_a_stream else min(start + plan.segment_seconds, item.seconds)
    menu = plan.available(menu_prompts(plan), language) if session.menu_due else ()
    pause = start + plan.menu_after
    ducks = item.kind in BENEATH_PROMPTS
    gain = max(0.0, session.gain) if item.kind is Kind.QUIET else session.gain  # softer still, its sign of life is none
    if not menu or pause >= (until or item.seconds) - NEARLY_OVER:
        tail = (Say(menu, language), *controls.offers(plan, language)) if menu else ()
        return (Play(item.id, start, until, gain, ducks), *tail)
    return (
        Play(item.id, start, pause, gain, ducks),
        Say(menu, language),
        *controls.offers(plan, language),
        Play(item.id, pause, until, gain, ducks),
    )
