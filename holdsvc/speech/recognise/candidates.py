"""What a menu offers, as it is said in a language: its own words, and those of the lexicon where the caller speaks another one."""

from __future__ import annotations

from functools import lru_cache

from holdsvc.calls.menu import Action, Choice, Menu
from holdsvc.calls.model import Kind
from holdsvc.ports import Candidate
from holdsvc.speech.recognise.lexicon import ENGLISH, Lexicon, lexicons

MOST = 8  # ways to say one thing
REFUSALS = 3  # that are listened for: "no" and "stop" always mean quiet


@lru_cache(maxsize=64)
def candidates(menu: Menu, language: str) -> tuple[Candidate, ...]:
    """One for each entry, in the menu's order."""
    own = lexicons(language)[0]
    return tuple(Candidate(choice.id, spoken(choice, own)[:MOST]) for choice in menu.choices)


def spoken(choice: Choice, own: Lexicon) -> tuple[str, ...]:
    refusals = own.refusals[:REFUSALS] if choice.kind is Kind.QUIET else ()
    wishes = () if own is ENGLISH else own.wishes.get(wish_of(choice), ())
    ways = (*refusals, *wishes, *choice.words) or (choice.shelf or choice.id.replace("_", " "),)
    return tuple(dict.fromkeys(ways))


def wish_of(choice: Choice) -> str:
    """What a lexicon calls this entry. One shelf of several has only its own name."""
    if choice.action is not Action.PLAY:
        return choice.action.value
    return choice.kind.value if choice.kind and not choice.shelf else ""
