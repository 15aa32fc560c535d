"""A key at every tenth of a second of every prompt that ships, and of every question of the quiz, is honoured at once, and what
is said then is right. Documents are read as Twilio reads them (`paper_line`), streams are the service's own (`live_line`).

Each prompt is said in a way in which callers come to hear it (`ways_to_hear`), with its true length; what ought to follow a key is
written down apart from the core (`right_answer`). `test_at_any_moment` has fewer prompts, and the whole service over HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import cycle
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from holdsvc.audio.formats import RATE
from holdsvc.calls.instructions import Listen, Release, Say
from holdsvc.calls.model import Profile, Via
from holdsvc.calls.plan import HoldPlan
from holdsvc.platforms.twilio import Twilio
from tests.engine.full_shelf import full_shelf
from tests.engine.live_line import LiveLine, Said, Studio, Trial, begins_with, is_like
from tests.engine.paper_line import CALL, PaperLine, Sounding, hook
from tests.engine.right_answer import Heard, Right, right_answer
from tests.engine.ways_to_hear import BACK, BEYOND_THE_MENU, LEAVE, a_plan, all_prompts, fork, ways

TENTH = 0.1
LISTENED = 400  # samples before a key in which it is heard what is being said
KEYS = "8192*370#456"  # in turn
LANGUAGES = ("en", "es", "zh", "ru")

# What nobody can answer by a key, and why.
UNANSWERED = {
    "connecting": "somebody is there: the caller is being put through",
    "hold_again": "a conference's hold document takes no keys, and the caller has an agent already",
    "leaving": "the caller has left the queue by a key",
    "callback_promised": "the caller has left the queue with the promise, and the call ends",
    "goodbye": "the caller is out of the queue, and the call ends",
    "now_quiz": "never said: the quiz says quiz_intro or quiz_on",
}


LAST = frozenset({"leaving", "callback_promised"})  # behind which the caller goes


def answered(language: str) -> set[str]:
    """All prompts and questions of the language that a key can answer."""
    return all_prompts(language) - set(UNANSWERED)


class Digits:
    """One after the other; of a menu only those that mean something there."""

    def __init__(self) -> None:
        self._next = cycle(KEYS)

    def of(self, plan: HoldPlan) -> str:
        return next(digit for digit in self._next if plan.menu.by_digit(digit))


def moments(sound) -> Iterator[float]:
    for number in range(int((sound.ends - sound.begins - 1e-9) / TENTH) + 1):
        yield round(sound.begins + number * TENTH, 6)


def judge(line, before, heard: Heard, digit: str, at) -> Right:
    """What a turn begins with is checked by whoever knows how it sounds; here is what was decided."""
    right = right_answer(before, line.plan, heard, digit, at)
    after, where = line.session, (heard, digit)
    if right.entry:
        assert (after.choices[-1].what, after.choices[-1].at) == (right.entry, at), where
        assert after.choices[-1].via is (Via.VOICE if before.asked and digit == "1" else Via.KEY), where
    if right.result is not None:
        assert after.quiz.result is right.result, where
        assert after.quiz.score.right == before.quiz.score.right + (right.result == "right"), where
    if right.kind is not None:
        assert line.plan.by_id[after.now].kind is right.kind, where
    if right.gain is not None:
        assert after.gain == right.gain, where
    if right.language:
        assert after.language != before.language, where
        assert right.language in ("another", after.language), where
    return right


def heard_rightly(right: Right, said: Sequence[tuple[str, str]], language: str, where: object) -> None:
    """`said`: prompts with their languages, as they follow each other."""
    assert bool(said) == bool(right.first), (where, said)
    if right.first:
        assert said[0][0] in right.first, (where, said)
        assert right.then in ("", *(prompt for prompt, _ in said[1:2])), (where, said)
        assert said[0][1] == language, (where, said)


def try_document(line: PaperLine, sound: Sounding, digits: Digits) -> int:
    """A key at every tenth of a second of this sound; how many there were."""
    tried = 0
    for seconds in moments(sound):
        trial = fork(line)
        trial.wait(seconds - (line.now - line.began).total_seconds())
        before, digit = trial.session, digits.of(trial.plan)
        heard = Heard(sound.prompt, sound.language, seconds)
        assert trial.hears() == sound

        assert trial.press(digit), ("nobody listened", heard)

        right = judge(trial, before, heard, digit, trial.now)
        said = [(one.prompt, one.language) for one in trial.sounds if one.prompt]
        heard_rightly(right, said, trial.plan.spoken(trial.session.language), (heard, digit))
        assert right.first & LAST or (trial.sounds[-1].ear and not trial.sounds[-1].prompt), (heard, digit)
        tried += 1
    return tried


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_key_at_every_tenth_of_a_second_of_every_prompt_is_honoured_in_documents(language):
    said: set[str] = set()
    tried, digits = 0, Digits()
    for line in ways(PaperLine, language, live=False):
        for sound in line.sounds:
            if sound.language == language and sound.prompt not in said:
                said.add(sound.prompt)
                tried += try_document(line, sound, digits)

    assert said == answered(language)
    assert tried > 10 * len(said)


async def try_stream(line: LiveLine, sounds: list[Said], digits: Digits, trial: type[Trial] = Trial) -> int:
    """The same on a stream."""
    studio = Studio(line, trial)
    tried = 0
    for sound, moment in ((one, moment) for one in sounds for moment in moments(one)):
        if tried == 0 or ended(studio.trial):
            await studio.begin()
        else:
            studio.again()
        await studio.advance(moment)
        heard, digit, far = Heard(sound.prompt, sound.language, moment), digits.of(line.plan), studio.far
        since = round((moment - sound.begins) * RATE)
        if since >= LISTENED:
            meant = full_shelf().prompt(sound.language, sound.prompt)[since - LISTENED : since]
            assert is_like(bytes(far.heard[-LISTENED:]), meant), ("something else was heard", heard)

        before = await studio.press(digit)

        right = judge(studio.trial, before, heard, digit, studio.clock.now())
        said = studio.said
        heard_rightly(right, said, line.plan.spoken(studio.trial.session.language), (heard, digit))
        assert not said or begins_with(far, said[0][1], said[0][0]), ("something else is heard then", heard, digit)
        assert far.next, (heard, digit)
        assert far.dry == 0, (heard, digit)
        tried += 1
    return tried


def ended(trial: Trial) -> bool:
    return any(isinstance(one, Release) for one in trial.turn)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_key_at_every_tenth_of_a_second_of_every_prompt_is_honoured_on_a_stream(language):
    said: set[str] = set()
    tried, digits = 0, Digits()
    for line in ways(LiveLine, language, live=True):
        sounds = [one for one in line.sounds if one.language == language and one.prompt not in said]
        if sounds:
            said |= {one.prompt for one in sounds}
            tried += await try_stream(line, sounds, digits)

    assert said == answered(language)
    assert tried > 10 * len(said)


# --- what nobody can answer ----------------------------------------------------------------------------------------------


def last_words() -> Iterator[PaperLine]:
    """Each in its own document, where it is said in the service."""
    for link, fields in (
        (hook("agent"), {"DequeingCallSid": CALL}),
        (hook("left"), {"QueueResult": "queue-full"}),
    ):
        line = PaperLine(a_plan("en", live=False), Profile())
        line.ask(link, **fields)
        yield line
    line = PaperLine(a_plan("en", live=False), Profile())
    line.ask(hook("agent"), DequeingCallSid=CALL)
    line.now += timedelta(minutes=1)
    line.ask(hook("hold"))
    yield line
    line = PaperLine(a_plan("en", live=False), Profile())
    line.press(LEAVE)
    yield line
    line = PaperLine(a_plan("en", live=False, back=BACK), Profile())
    line.wait(BEYOND_THE_MENU)
    line.press(BACK)
    line.press("1")
    yield line


def test_what_nobody_can_answer_is_said_where_no_key_is_taken_and_these_are_all():
    said = {sound.prompt for line in last_words() for sound in line.sounds if sound.prompt}

    assert not any(sound.ear for line in last_words() for sound in line.sounds)
    assert said == set(UNANSWERED) - {"now_quiz"}


async def test_whoever_leaves_a_stream_has_left_it_whatever_is_keyed_then():
    line = LiveLine(a_plan("en", live=True), Profile())
    line.press(LEAVE)
    (sound,) = line.sounds
    studio = Studio(line)
    after = []
    for moment in moments(sound):
        await studio.begin()
        await studio.advance(moment)
        await studio.press("1")
        after.append(studio.trial.session.choices[-1].what)

    assert sound.prompt == "leaving"
    assert set(after) == {"leave"}


# --- controls: faults of which each must be seen -------------------------------------------------------------------------


class Deaf(Twilio):
    """Says everything in front of its <Gather>, and listens behind it."""

    def render(self, ref, todo, scene):
        reply = super().render(ref, todo, scene)
        document = ElementTree.fromstring(reply.body)
        for gather in document.findall("Gather"):
            for place, sound in enumerate(list(gather)):
                gather.remove(sound)
                document.insert(place, sound)
        return replace(reply, body=ElementTree.tostring(document))


class HardOfHearing(Twilio):
    """Waits for a second key."""

    def render(self, ref, todo, scene):
        reply = super().render(ref, todo, scene)
        return replace(reply, body=reply.body.replace(b'numDigits="1"', b'numDigits="2"'))


class Slow(Twilio):
    """Takes a key for one that was pressed a while later."""

    def parse(self, request):
        report = super().parse(request)
        late = timedelta(seconds=0.3)
        return replace(report, events=tuple(replace(one, at=one.at + late) for one in report.events))


@pytest.mark.parametrize("platform", [Deaf, HardOfHearing, Slow])
def test_a_document_that_does_not_listen_to_all_that_it_says_is_found_out(platform):
    line = PaperLine(a_plan("en", live=False), Profile(), platform(insecure=True))

    menu = next(sound for sound in line.sounds if sound.prompt)

    with pytest.raises(AssertionError):
        try_document(line, menu, Digits())


class DeafTrial(Trial):
    def take(self, events):
        return tuple(one for one in super().take(events) if not isinstance(one, Listen))


class WordlessTrial(Trial):
    def take(self, events):
        return tuple(one for one in super().take(events) if not isinstance(one, Say))


class WrongTrial(Trial):
    """Decides well, and has the wrong sound played."""

    def take(self, events):
        turn = super().take(events)
        return tuple(Say(one.prompts[::-1], one.language) if isinstance(one, Say) else one for one in turn)


@pytest.mark.parametrize("trial", [DeafTrial, WordlessTrial, WrongTrial])
async def test_a_stream_that_does_not_do_what_is_keyed_or_says_something_else_is_found_out(trial):
    line = LiveLine(a_plan("en", live=True), Profile())
    line.press("0")

    with pytest.raises(AssertionError):
        await try_stream(line, list(line.sounds[:3]), Digits(), trial)
