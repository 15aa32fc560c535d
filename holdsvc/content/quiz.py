"""Question banks: `quiz/<language>/<theme>.toml` in a media folder, read and judged; and what each of their sounds says.

A bad question is left out and named in one sentence; it takes no other question with it. Beside a bank stand its recordings,
`<id>.ask.opus` and `<id>.tell.opus`; a question without both is not asked.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import msgspec

from holdsvc.calls import quiz as calls
from holdsvc.calls.model import ContentId, ContentItem, Kind, Licence, PromptId
from holdsvc.calls.quiz_words import GIVING_UP, ORDINALS

QUIZ = "quiz"
OPTIONS = 3  # as many as the keys 1 to 3, and as one can keep in mind when they are heard once
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
LONGEST_ASK, LONGEST_OPTION, LONGEST_TELL = 15, 4, 25  # words
SIGNS_A_WORD = 2  # Chinese signs that take about as long to say as a word

NUMBERS: Mapping[str, tuple[str, ...]] = {  # how an option's key is said
    "en": ("One", "Two", "Three"),
    "es": ("Uno", "Dos", "Tres"),
    "zh": ("一", "二", "三"),
    "ru": ("Один", "Два", "Три"),
}
FULL_WIDTH = {"zh"}  # whose punctuation is wide, and needs no space after it


class Option(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str
    words: tuple[str, ...] = ()  # other ways to say it
    right: bool = False

    @property
    def said(self) -> tuple[str, ...]:
        return (self.text, *self.words)


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As a bank has it."""

    id: str
    ask: str
    options: tuple[Option, ...]
    tell: str  # the answer, and a bit more

    @property
    def right(self) -> int:
        """1 to 3: the option's key."""
        return next(key for key, option in enumerate(self.options, 1) if option.right)


class Bank(msgspec.Struct, frozen=True):
    """The good questions of one file."""

    file: Path
    language: str
    theme: str
    questions: tuple[Question, ...]
    title: str = ""
    licence: str = ""

    @property
    def name(self) -> str:
        return _name(self.file)


class Banks(msgspec.Struct, frozen=True):
    banks: tuple[Bank, ...] = ()
    faults: tuple[str, ...] = ()  # a sentence each

    def of(self, language: str) -> tuple[tuple[Bank, Question], ...]:
        return tuple((bank, one) for bank in self.banks if bank.language == language for one in bank.questions)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    question: tuple[dict[str, object], ...]
    title: str = ""
    language: str = ""  # if it is there, it must be the folder's
    licence: str = ""


def ask_id(question: str) -> PromptId:
    """The prompt that asks; ids of prompts in `prompts/` have no slash."""
    return PromptId(f"{QUIZ}/{question}.ask")


def tell_id(question: str) -> PromptId:
    return PromptId(f"{QUIZ}/{question}.tell")


def ask_text(question: Question, language: str) -> str:
    """What the sound that asks says: the question, then each option behind its key."""
    base = language.partition("-")[0]
    names = NUMBERS.get(base, tuple(map(str, range(1, OPTIONS + 1))))
    colon, stop, space = ("：", "。", "") if base in FULL_WIDTH else (": ", ".", " ")
    offers = (f"{name}{colon}{option.text}{stop}" for name, option in zip(names, question.options, strict=True))
    return space.join((question.ask, *offers))


def tell_text(question: Question) -> str:
    return question.tell


def recordings(bank: Bank, question: Question) -> tuple[tuple[PromptId, str, str], ...]:
    """Each sound of a question: the prompt's id, its text, and the stem of its file beside the bank."""
    return (
        (ask_id(question.id), ask_text(question, bank.language), f"{question.id}.ask"),
        (tell_id(question.id), tell_text(question), f"{question.id}.tell"),
    )


def spoken_as(stem: str, text: str) -> str:
    """The name of what a synthesiser made of these words, for want of a recording; other words have another."""
    return f"{stem}.{sha256(text.encode()).hexdigest()[:8]}.wav"


def playable(
    quiz: Iterable[tuple[Bank, Question]], seconds: Mapping[str, Mapping[PromptId, float]]
) -> dict[str, calls.Shelf]:
    """By language, what can be asked: `seconds` has what is ready to be heard."""
    found: dict[str, list[calls.Question]] = {}
    for bank, one in quiz:
        ready = seconds.get(bank.language, {})
        ask, tell = ready.get(ask_id(one.id), 0.0), ready.get(tell_id(one.id), 0.0)
        if ask and tell:
            found.setdefault(bank.language, []).append(_playable(bank, one, ask, tell))
    return {language: calls.Shelf(language, tuple(questions)) for language, questions in found.items()}


def _playable(bank: Bank, question: Question, ask: float, tell: float) -> calls.Question:
    """Its id is the same in all languages: who was asked it in one knows it in the others."""
    item = ContentItem(
        id=ContentId(f"{QUIZ}/{question.id}"),
        kind=Kind.QUIZ,
        shelf=bank.theme,
        title=question.ask,
        seconds=ask,
        artist=bank.theme,
        language=bank.language,
        licence=Licence(bank.licence, ""),
    )
    words = tuple(option.said for option in question.options)
    return calls.Question(item, question.right, words, ask_id(question.id), tell_id(question.id), ask, tell)


def read_banks(folder: Path) -> Banks:
    """All banks of a media folder. An id stands for one question in a language; the first that has it keeps it."""
    banks: list[Bank] = []
    faults: list[str] = []
    taken: dict[tuple[str, str], str] = {}
    for file in sorted((folder / QUIZ).glob("*/*.toml")):
        bank, wrong = read_bank(file)
        name = _name(file)
        kept = []
        for one in bank.questions if bank else ():
            other = taken.setdefault((file.parent.name, one.id), name)
            if other is not name:
                wrong.append(f"the id {one.id!r} is taken by {other} already")
            else:
                kept.append(one)
        if bank:
            banks.append(msgspec.structs.replace(bank, questions=tuple(kept)))
        faults += [f"{name}: {reason}" for reason in wrong]
    return Banks(tuple(banks), tuple(faults))


def read_bank(file: Path) -> tuple[Bank | None, list[str]]:
    """The bank without its bad questions, and what is wrong with those; None for a file that is no bank."""
    try:
        there = file.stat()
    except OSError as error:
        return None, [f"it cannot be read ({error.strerror})"]
    bank, faults = _read(file, there.st_mtime_ns, there.st_size)
    return bank, list(faults)


@lru_cache(maxsize=256)
def _read(file: Path, changed: int, size: int) -> tuple[Bank | None, tuple[str, ...]]:
    """Shelves are looked at after each sound that is made; a bank is read again when it was changed."""
    bank, faults = _judged(file)
    return bank, tuple(faults)


def _judged(file: Path) -> tuple[Bank | None, list[str]]:
    language = file.parent.name
    try:
        head = msgspec.convert(tomllib.loads(file.read_text("utf-8")), _File)
    except UnicodeDecodeError:
        return None, ["it is not UTF-8 text"]
    except OSError as error:
        return None, [f"it cannot be read ({error.strerror})"]
    except tomllib.TOMLDecodeError as error:
        return None, [f"it is not TOML ({error})"]
    except msgspec.ValidationError as error:
        return None, [_plainly(error, _File)]
    if head.language and head.language != language:
        return None, [f"it says that its language is {head.language!r}, and stands in the folder {language!r}"]
    good: list[Question] = []
    faults: list[str] = []
    for place, raw in enumerate(head.question, 1):
        found, reasons = _question(raw, {one.id for one in good}, language)
        name = raw.get("id")
        which = f"question {name!r}" if isinstance(name, str) and name else f"question number {place}"
        faults += [f"{which} {reason}" for reason in reasons]
        good += [found] if found is not None and not reasons else []
    if not head.question:
        faults.append("there is no question in it")
    return Bank(file, language, file.stem, tuple(good), head.title, head.licence), faults


def _question(raw: Mapping[str, object], taken: set[str], language: str) -> tuple[Question | None, list[str]]:
    try:
        question = msgspec.convert(raw, Question)
    except msgspec.ValidationError as error:
        return None, [_plainly(error, Option if "options" in str(error) else Question)]
    if question.id in taken:
        return question, ["stands there twice"]
    return question, list(faults_of(question, language))


def faults_of(question: Question, language: str) -> Iterator[str]:
    """Why this question must not be asked; nothing for a good one."""
    if not ID.fullmatch(question.id):
        yield "has an id that is not made of a-z, 0-9 and dashes"
    if len(question.options) != OPTIONS:
        yield f"has {len(question.options)} options, and {OPTIONS} are wanted"
    right = [option.text for option in question.options if option.right]
    if not right:
        yield "has no right answer: mark one option with right = true"
    elif len(right) > 1:
        yield f"has {len(right)} right answers ({' and '.join(map(repr, right))}), and exactly one is wanted"
    yield from _too_long(question)
    yield from _mistakable(question, language)


def _too_long(question: Question) -> Iterator[str]:
    measured = [("its question", question.ask, LONGEST_ASK), ("its tell", question.tell, LONGEST_TELL)]
    measured += [(f"its option {option.text!r}", option.text, LONGEST_OPTION) for option in question.options]
    for what, text, most in measured:
        words = length(text)
        if not text.strip():
            yield f"is not whole: {what} is empty"
        elif words > most:
            yield f"is too long to be heard once: {what} has {words} words, and {most} are the most"


def _mistakable(question: Question, language: str) -> Iterator[str]:
    """A word that may mean two options, or the key of one of them."""
    base = language.partition("-")[0]
    places = (word for words in ORDINALS.get(base, ()) for word in words)
    keys = set(map(plain, (*NUMBERS.get(base, ()), *places, *GIVING_UP.get(base, ()), *"123")))
    owner: dict[str, str] = {}
    for option in question.options:
        for word in dict.fromkeys(map(plain, option.said)):
            if word in keys:
                yield f"has an option {option.text!r} that sounds like a key: {word!r} has a meaning of its own"
            elif owner.setdefault(word, option.text) != option.text:
                yield f"has two options for one word: {word!r} may mean {owner[word]!r} or {option.text!r}"
    texts = [plain(option.text) for option in question.options]
    if len(set(texts)) < len(texts):
        yield "has the same option twice"


def length(text: str) -> int:
    """Words; a script without spaces is counted by its signs."""
    signs = sum("\u3400" <= letter <= "\u9fff" for letter in text)
    if not signs:
        return len(text.split())
    return -(-signs // SIGNS_A_WORD)


def plain(text: str) -> str:
    """Without case, accents and punctuation."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(letter if letter.isalnum() else " " for letter in _marked_off(bare)).split())


def _marked_off(text: str) -> Iterator[str]:
    return (letter for letter in text if unicodedata.category(letter) != "Mn" and letter not in "'’")


def _plainly(error: msgspec.ValidationError, shape: type[msgspec.Struct]) -> str:
    """A reader's message, as a sentence about what stands in the file."""
    text = str(error)
    if unknown := re.search(r"unknown field `([^`]*)`", text):
        near = difflib.get_close_matches(unknown[1], [field.name for field in msgspec.structs.fields(shape)], 1)
        return f"has an unknown key {unknown[1]!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    if missing := re.search(r"missing required field `([^`]*)`", text):
        return f"has no {missing[1]!r}"
    return f"cannot be read: {text}"


def _name(file: Path) -> str:
    return "/".join(file.parts[-3:])
