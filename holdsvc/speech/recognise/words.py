"""What a caller said, as an entry of the menu: exact words, the same with polite words around them, then one letter misheard.

All that was said must be explained: "next song" is a wish, "the next invoice" is not, and to do what nobody wished is worse than
to ask again. What is only nearly explained is asked about. "Stop" always means quiet. Nothing that was said is kept.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.menu import Action, Choice, Menu
from holdsvc.calls.model import Kind
from holdsvc.ports import Understood
from holdsvc.speech.recognise.lexicon import Lexicon, lexicons

LONGEST = 200  # characters that are looked at: a wish is a few words
# Similarity from which one word may stand for another: one letter in seven. At 0.8 a "store" is a "story".
MISHEARD = 0.85
NEARLY = 0.7  # similarity from which one word of four letters or more may have been another, and is asked about
SHORT = 4  # letters
SURROUNDED = 0.95  # score of exact words with others around them
TOO_CLOSE = 0.05  # two entries that differ by less are not told apart
APOSTROPHES = "'’ʼ`´"
OVER_CONTENT = (Action.NEXT, Action.LOUDER, Action.SOFTER)  # "next song", "louder music": the song is not the wish

NOTHING = Understood("", 0.0)
FILLER = ""  # stands for no entry of the menu
REFUSAL = "\0refusal"  # stands for the entry that is quiet, whatever it is called

Tokens = tuple[str, ...]
Like = Callable[[str, str], float]


class Phrasebook(Struct, frozen=True):
    """A menu in one language. Phrases lead to ids of entries."""

    exact: Mapping[Tokens, str]  # what is asked for, and refused
    fillers: frozenset[Tokens]
    digits: Mapping[str, str]
    beside_digits: frozenset[str]
    longest: int  # tokens in the longest phrase


class FuzzyWords:
    """`misheard`: similarity (0 to 1) from which one word may stand for another; 1 for exact words only."""

    def __init__(self, misheard: float = MISHEARD) -> None:
        self.misheard = misheard

    def match(self, text: str, menu: Menu, language: str) -> Understood:
        tokens = tokens_of(text)
        if not tokens:
            return NOTHING
        book = phrasebook(menu, language)
        if tokens in book.exact:
            return _answer(menu, book.exact[tokens], 1.0)
        if digit := _digit(tokens, book):
            return _answer(menu, digit, SURROUNDED)
        heard = self._explain(tokens, book, self.misheard, alike)
        if heard or self.misheard == 1:
            return _resolve(menu, heard) if heard else NOTHING
        heard = self._explain(tokens, book, NEARLY, nearly)
        return replace(_resolve(menu, heard), near=True) if heard else NOTHING

    def _explain(self, tokens: Tokens, book: Phrasebook, least: float, like: Like) -> dict[str, float]:
        """The entries that were named, with the similarity of the worst word; empty where a word means nothing to us."""
        heard: dict[str, float] = {}
        place = 0
        while place < len(tokens):
            known = _longest(tokens[place:], book) or _alike(tokens[place:], book, least, like)
            if known is None:
                return {}
            name, length, similarity = known
            if name != FILLER:
                heard[name] = min(similarity, heard.get(name, 1.0))
            place += length
        return heard


def _alike(tokens: Tokens, book: Phrasebook, least: float, like: Like) -> tuple[str, int, float] | None:
    """A phrase each of whose words sounds like the one said. None where two entries come as close."""
    found: dict[str, tuple[float, int]] = {}
    for phrase, name in book.exact.items():
        if len(phrase) > len(tokens):
            continue
        similarity = min(like(word, said) for word, said in zip(phrase, tokens, strict=False))
        if similarity >= least:
            found[name] = max(found.get(name, (0.0, 0)), (similarity, len(phrase)))
    if not found:
        return None
    ranked = sorted(found.items(), key=lambda item: item[1], reverse=True)
    if len(ranked) > 1 and ranked[0][1][0] - ranked[1][1][0] < TOO_CLOSE:
        return None
    name, (similarity, length) = ranked[0]
    return name, length, similarity


def tokens_of(text: str) -> Tokens:
    """Words without case, accents and punctuation; in a script without spaces each sign is a word."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST])[:LONGEST].casefold()
    return tuple("".join(_letters(unicodedata.normalize("NFKD", plain))).split())


def _letters(text: str) -> Iterator[str]:
    for letter in text:
        if _is_a_word(letter):
            yield f" {letter} "
        elif letter.isalnum():
            yield letter
        elif letter not in APOSTROPHES and unicodedata.category(letter) not in ("Mn", "Cf"):
            yield " "


def _is_a_word(letter: str) -> bool:
    return "\u3040" <= letter <= "\u30ff" or "\u3400" <= letter <= "\u9fff" or "\uf900" <= letter <= "\ufaff"


def alike(word: str, said: str) -> float:
    """1 for the same word. By the first letter words are told apart best, so it must be the same."""
    if word == said:
        return 1.0
    if word[0] != said[0]:
        return 0.0
    return _similarity()(word, said)


def nearly(word: str, said: str) -> float:
    """The same for what is asked about before it is done. Short words are too much like others."""
    if word == said:
        return 1.0
    return _similarity()(word, said) if min(len(word), len(said)) >= SHORT else 0.0


@cache
def _similarity() -> Callable[[str, str], float]:
    from rapidfuzz.distance import OSA  # late: the command line has no use for it

    return OSA.normalized_similarity


@lru_cache(maxsize=64)
def phrasebook(menu: Menu, language: str) -> Phrasebook:
    """The menu's own words come first: a queue's file may give a word another meaning, except to a refusal.

    "No" is what the menu has for it: an answer where something was asked or just done.
    """
    known = lexicons(language)
    exact: dict[Tokens, str] = {}
    for choice in menu.choices:
        if choice.action is Action.NO:
            _enter(exact, choice.id, *choice.words)
    _enter(exact, REFUSAL, *(phrase for lexicon in known for phrase in lexicon.refusals))
    for choice in menu.choices:
        _enter(exact, choice.id, *choice.words)
    for choice in menu.choices:
        _enter(exact, choice.id, choice.id.replace("_", " "), choice.shelf)
    for lexicon in known:
        for choice in menu.choices:
            _enter(exact, choice.id, *lexicon.wishes.get(wish_of(choice), ()))
    fillers = frozenset(tokens_of(phrase) for lexicon in known for phrase in lexicon.fillers)
    return Phrasebook(
        exact=exact,
        fillers=fillers,
        digits=_digits(menu, known),
        beside_digits=frozenset(word for lexicon in known for phrase in lexicon.keys for word in tokens_of(phrase)),
        longest=max(map(len, (*exact, *fillers))),
    )


def _enter(exact: dict[Tokens, str], name: str, *phrases: str) -> None:
    for phrase in phrases:
        if tokens := tokens_of(phrase):
            exact.setdefault(tokens, name)


def wish_of(choice: Choice) -> str:
    """What a lexicon calls this entry. One shelf of several has only its own name."""
    if choice.action is not Action.PLAY:
        return choice.action.value
    return choice.kind.value if choice.kind and not choice.shelf else ""


def _digits(menu: Menu, known: tuple[Lexicon, ...]) -> dict[str, str]:
    digits: dict[str, str] = {}
    for choice in menu.choices:
        if choice.digit.isdecimal():
            for name in (
                choice.digit,
                *(lexicon.digits[int(choice.digit)] for lexicon in known if int(choice.digit) < 10),
            ):
                digits.setdefault(name, choice.id)
    return digits


def _digit(tokens: Tokens, book: Phrasebook) -> str:
    """The entry whose key was said: "two", "press two please"; "" where more was said."""
    rest = [token for token in tokens if token not in book.beside_digits]
    return book.digits.get(rest[0], "") if len(rest) == 1 else ""


def _longest(tokens: Tokens, book: Phrasebook) -> tuple[str, int, float] | None:
    for length in range(min(len(tokens), book.longest), 0, -1):
        phrase = tokens[:length]
        if phrase in book.exact:
            return book.exact[phrase], length, 1.0
        if phrase in book.fillers:
            return FILLER, length, 1.0
    return None


def _resolve(menu: Menu, heard: Mapping[str, float]) -> Understood:
    """One wish out of what was named; nothing where there may have been two."""
    score = SURROUNDED * min(heard.values())
    if REFUSAL in heard:
        return _answer(menu, REFUSAL, score)
    named = [choice for name in heard if (choice := menu.by_id(name))]
    if no := next((choice for choice in named if choice.action is Action.NO), None):
        return Understood(no.id, score)
    named = [choice for choice in named if choice.action is not Action.YES] or named  # "yes, jazz"
    over = [choice for choice in named if choice.action in OVER_CONTENT]
    under = [choice for choice in named if choice.action is Action.PLAY and choice.kind is not Kind.QUIET]
    if len(over) == 1 and len(over) + len(under) == len(named):
        return Understood(over[0].id, score)
    shelves = [choice for choice in named if choice.shelf]
    if len(shelves) == 1 and all(choice in under and choice.kind is shelves[0].kind for choice in named):
        return Understood(shelves[0].id, score)
    return Understood(named[0].id, score) if len(named) == 1 else NOTHING


def _answer(menu: Menu, name: str, score: float) -> Understood:
    if name != REFUSAL:
        return Understood(name, score)
    quiet = next((choice for choice in menu.choices if choice.kind is Kind.QUIET), None)
    return Understood(quiet.id, score) if quiet else NOTHING
