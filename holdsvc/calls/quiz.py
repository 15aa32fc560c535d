"""The quiz: asked, then answered or left open, then told, then the next one. Pure, for a single player.

While a question is open, 1 to 3 and the options' own words are answers; all other keys keep their meaning. An answer is told with
the right one and a bit more; a silence is told kindly. After two silences in a row the keys are explained, once, and there is more
time: whoever only listens still hears a good programme. What was asked is kept (`Plays`), so that rotation brings no question
twice; one that was broken off was not asked, and comes again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.menu import Action, Choice, Menu
from holdsvc.calls.model import ContentId, ContentItem, PromptId
from holdsvc.calls.model import QuizScore as Score
from holdsvc.calls.quiz_words import GIVING_UP, ORDINALS
from holdsvc.calls.rotation import Freshness, Past, played, shuffled

THINKING = 8.0  # seconds for an answer
UNHURRIED = 12.0  # after two silences in a row
BREATH = 1.0  # seconds between what is told and the next question
SLACK = 2.0  # seconds that a question may seem too short by and still count as asked to its end
FORGOTTEN = 30.0  # seconds behind its end after which a question was not what was heard last: an agent was, perhaps
LATE = 2.0  # seconds into the time-up in which an answer still counts: the answer is not given away before
PATIENT = 2  # silences in a row after which there is less hurry
EVERY = 5  # questions after which the score is told
MOST_SCORE = 20  # right answers up to which the score is told exactly
MOST_TRIES = 2  # askings of one question that were broken off; after them it counts as asked
KEYS = ("1", "2", "3")
ANSWER = "answer:"  # with the key: the menu entry that an open question's option is


class Stage(StrEnum):
    IDLE = "idle"  # not begun, or put aside
    ASKED = "asked"
    TOLD = "told"


class Result(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    SILENT = "silent"
    PASSED = "passed"  # the caller said not to know
    SKIPPED = "skipped"


class Question(Struct, frozen=True):
    """`item` stands for it in rotation: its artist is the theme, so that themes alternate."""

    item: ContentItem
    right: int  # 1 to 3
    words: tuple[tuple[str, ...], ...]  # of each option
    ask: PromptId
    tell: PromptId
    ask_seconds: float
    tell_seconds: float

    @property
    def seconds(self) -> float:
        """The least that it takes, from its first word to the last of its answer."""
        return self.ask_seconds + THINKING + self.tell_seconds


class Shelf(Struct, frozen=True, dict=True):
    """The questions of one language."""

    language: str
    questions: tuple[Question, ...]

    @property
    def by_id(self) -> Mapping[ContentId, Question]:
        known: dict[ContentId, Question] | None = self.__dict__.get("_by_id")
        if known is None:
            known = self.__dict__["_by_id"] = {one.item.id: one for one in self.questions}
        return known


class Quiz(Struct, frozen=True, gc=False, omit_defaults=True):
    stage: Stage = Stage.IDLE
    question: ContentId | None = None  # open, or put aside while it was
    before: ContentId | None = None  # the one told last
    result: Result | None = None  # and what came of it
    since: datetime | None = None  # when this stage began
    silences: int = 0  # in a row
    told: int = 0  # questions, in this call
    tries: int = 0  # how often the asking of the open question broke off
    greeted: bool = False  # in this call, like what follows
    explained: bool = False  # what the keys are for
    round: bool = False  # that all questions were had
    score: Score = Score()
    says: tuple[str, ...] = ()  # prompts in front of the question or the answer
    then: tuple[str, ...] = ()  # prompts behind the answer

    @property
    def open(self) -> bool:
        return self.stage is Stage.ASKED


class Table(Struct, frozen=True):
    """What the quiz is played with at this moment."""

    shelf: Shelf
    at: datetime
    seed: int = 0
    rules: Freshness = Freshness()
    remaining: float | None = None  # expected seconds of waiting; None: not known
    prompts: Mapping[PromptId, float] = {}  # seconds


class Answered(Struct, frozen=True):
    """What came of a question. `late`: it had been counted as silent a moment before."""

    question: ContentId
    result: Result
    key: int = 0  # 1 to 3; 0 where nothing was chosen
    late: bool = False


Step = tuple[Quiz, Answered | None]


# --- what happens ----------------------------------------------------------------------------------------------------------


def begin(quiz: Quiz, table: Table) -> Quiz:
    """The caller chose the quiz, or it goes on after something else. Who comes back in another call is told the score."""
    if quiz.open:
        return again(quiz, table)
    known = quiz.greeted or quiz.score.asked > 0
    says = ["quiz_on"] if known else ["quiz_intro", "or_say", "quiz_skip"]
    if known and not quiz.greeted:
        says.append(score_prompt(quiz.score))
    return ask(replace(quiz, greeted=True), table, *says)


def put_aside(quiz: Quiz) -> Quiz:
    """Something else is to be heard, be it the menu: digits mean the menu now. A question that is open is asked again later."""
    return replace(quiz, stage=Stage.IDLE, since=None, silences=0, says=(), then=())


def again(quiz: Quiz, table: Table, *says: str) -> Quiz:
    """The open question from its start: the caller asked for it, or did something else meanwhile.

    It may be gone: in another language there are other questions.
    """
    if opened(quiz, table) is None:
        return ask(quiz, table, *says)
    return replace(quiz, since=table.at, says=says)


def skip(quiz: Quiz, table: Table) -> Step:
    """The next one, please. Who skips a question has heard it."""
    if not quiz.open or quiz.question is None:
        return ask(quiz, table, "next"), None
    skipped = Answered(quiz.question, Result.SKIPPED)
    quiz = replace(quiz, question=None, silences=0, score=scored(quiz.score, skipped, table.at))
    return ask(quiz, table, "next"), skipped


def answer(quiz: Quiz, table: Table, key: int) -> Step:
    """An option was chosen, or none of them: 0. Where no question was to be heard yet, what is in front of it is cut short."""
    if quiz.open and table.at >= asked_from(quiz, table) and (question := opened(quiz, table)):
        return tell(quiz, table, Answered(question.item.id, judged(question, key), key))
    if key and is_late(quiz, table.at) and (question := table.shelf.by_id.get(quiz.before or ContentId(""))):
        return tell(quiz, table, Answered(question.item.id, judged(question, key), key, late=True))
    return (again(quiz, table) if quiz.open else ask(quiz, table)), None


def go_on(quiz: Quiz, table: Table) -> Step:
    """All that was to be heard has been heard, or the line broke: the answer, the next question, or the same once more."""
    if quiz.stage is Stage.TOLD:
        return ask(quiz, table), None
    question = opened(quiz, table)
    if not quiz.open or question is None:
        return begin(put_aside(quiz), table), None
    over = asked_from(quiz, table) + timedelta(seconds=question.ask_seconds + thinking(quiz) - SLACK)
    was_heard = over <= table.at <= over + timedelta(seconds=FORGOTTEN)
    if not was_heard and quiz.tries < MOST_TRIES:
        return replace(again(quiz, table), tries=quiz.tries + 1), None
    return tell(quiz, table, Answered(question.item.id, Result.SILENT))


# --- what is to be heard -----------------------------------------------------------------------------------------------------


def prompts(quiz: Quiz, shelf: Shelf) -> tuple[PromptId, ...]:
    """What is said in this turn; after it there is the pause of `pause`."""
    told = shelf.by_id.get((quiz.question if quiz.open else quiz.before) or ContentId(""))
    main = () if told is None or quiz.stage is Stage.IDLE else (told.ask if quiz.open else told.tell,)
    return tuple(PromptId(name) for name in (*quiz.says, *main, *quiz.then))


def pause(quiz: Quiz) -> float:
    """Seconds of soft sound behind what is said."""
    return BREATH if quiz.stage is Stage.TOLD else thinking(quiz)


def thinking(quiz: Quiz) -> float:
    return UNHURRIED if quiz.silences >= PATIENT else THINKING


def answers(quiz: Quiz, shelf: Shelf, menu: Menu) -> Menu:
    """What may be keyed and said: while a question is open, its options first, and their keys mean them alone."""
    question = shelf.by_id.get(quiz.question or ContentId(""))
    if not quiz.open or question is None:
        return with_keys(menu) if quiz.stage is Stage.TOLD else menu
    language = shelf.language.partition("-")[0]
    ordinals = ORDINALS.get(language, ((),) * len(KEYS))
    giving_up = Choice(f"{ANSWER}0", Action.ANSWER, "", GIVING_UP.get(language, ()))
    options = tuple(
        Choice(f"{ANSWER}{key}", Action.ANSWER, key, (*said, *ordinal))
        for key, said, ordinal in zip(KEYS, question.words, ordinals, strict=True)
    )
    return Menu((*options, giving_up, *unkeyed(menu)))


def with_keys(menu: Menu) -> Menu:
    """While an answer is told, the keys of the options still are theirs: somebody may be late, or in a hurry."""
    return Menu((*(Choice(f"{ANSWER}{key}", Action.ANSWER, key) for key in KEYS), *unkeyed(menu)))


def unkeyed(menu: Menu) -> tuple[Choice, ...]:
    return tuple(replace(one, digit="") if one.digit in KEYS else one for one in menu.choices)


def key_of(choice: Choice) -> int:
    return int(choice.id.removeprefix(ANSWER))


def score_prompt(score: Score) -> str:
    return f"score_{score.right}" if score.right <= MOST_SCORE else "score_more"


# --- inside --------------------------------------------------------------------------------------------------------------------


def ask(quiz: Quiz, table: Table, *says: str) -> Quiz:
    """The question that was put aside, else the next one. At rest, and saying so, where none fits what is left of the wait."""
    question = chosen(quiz, table)
    if question is None:
        return replace(put_aside(quiz), says=("quiz_rest",))
    known = dict(quiz.score.plays).get(question.item.id)
    repeated = known is not None and table.at.timestamp() - known < table.rules.window
    if repeated and not quiz.round:
        says = (*says, "quiz_again")
    return replace(
        quiz,
        stage=Stage.ASKED,
        question=question.item.id,
        since=table.at,
        tries=quiz.tries if question.item.id == quiz.question else 0,
        round=quiz.round or repeated,
        says=says,
        then=(),
    )


def chosen(quiz: Quiz, table: Table) -> Question | None:
    held = opened(quiz, table)
    if held is not None and fits(held, table.remaining):
        return held
    fitting = [one.item for one in table.shelf.questions if fits(one, table.remaining)]
    past = Past(quiz.score.plays, table.seed, table.at)
    item = shuffled(fitting, past, table.rules) if fitting else None
    return table.shelf.by_id[item.id] if item else None


def fits(question: Question, remaining: float | None) -> bool:
    return remaining is None or question.seconds <= remaining


def opened(quiz: Quiz, table: Table) -> Question | None:
    return table.shelf.by_id.get(quiz.question) if quiz.question else None


def asked_from(quiz: Quiz, table: Table) -> datetime:
    """When the open question itself begins to be heard."""
    before = sum(table.prompts.get(PromptId(name), 0.0) for name in quiz.says)
    return (quiz.since or table.at) + timedelta(seconds=before)


def is_late(quiz: Quiz, at: datetime) -> bool:
    silent = quiz.stage is Stage.TOLD and quiz.result is Result.SILENT
    return silent and quiz.since is not None and at <= quiz.since + timedelta(seconds=LATE)


def judged(question: Question, key: int) -> Result:
    if not key:
        return Result.PASSED
    return Result.RIGHT if key == question.right else Result.WRONG


def tell(quiz: Quiz, table: Table, came: Answered) -> Step:
    silences = quiz.silences + 1 if came.result is Result.SILENT else 0
    explain = silences >= PATIENT and not quiz.explained
    told = quiz.told + (not came.late)
    score = scored(quiz.score, came, table.at)
    due = told % EVERY == 0 and came.result is not Result.SILENT
    then = (*(("quiz_keys", "control_menu") if explain else ()), *((score_prompt(score),) if due else ()))
    told_quiz = replace(
        quiz,
        stage=Stage.TOLD,
        question=None,
        before=came.question,
        result=came.result,
        since=table.at,
        silences=silences,
        told=told,
        tries=0,
        explained=quiz.explained or explain,
        score=score,
        says=(verdict(quiz, came),),
        then=then,
    )
    return told_quiz, came


def verdict(quiz: Quiz, came: Answered) -> str:
    match came.result:
        case Result.RIGHT:
            return "quiz_right_again" if quiz.result is Result.RIGHT else "quiz_right"
        case Result.WRONG:
            return "quiz_wrong"
        case _:
            return "quiz_time_up"


def scored(score: Score, came: Answered, at: datetime) -> Score:
    """The score with one question more, or a late answer to the last one; the same in a call and from its facts."""
    return Score(
        asked=score.asked + (came.result is not Result.SKIPPED and not came.late),
        right=score.right + (came.result is Result.RIGHT),
        plays=played(score.plays, came.question, at),
    )
