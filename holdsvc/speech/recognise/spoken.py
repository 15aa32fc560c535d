"""A menu as candidates for a recogniser: the ways to say each entry, few and plain.

Text from a platform may be matched against every phrase that we can think of. Here each phrase more is one more that noise can
sound like, so that only the menu's own words, those of the caller's language, and the refusals that always work are offered.
"""

from __future__ import annotations

from functools import lru_cache

from holdsvc.calls.menu import Action, Choice, Menu
from holdsvc.calls.model import Kind
from holdsvc.ports import Candidate
from holdsvc.speech.recognise.lexicon import ENGLISH, Lexicon, lexicons
from holdsvc.speech.recognise.words import tokens_of, wish_of

REFUSALS = 2  # of a language, the first ones: "no" and "stop"


@lru_cache(maxsize=64)
def candidates(menu: Menu, language: str) -> tuple[Candidate, ...]:
    """In the menu's order; what no phrase leads to is left out."""
    lexicon = lexicons(language)[0]
    taken: set[tuple[str, ...]] = set()
    quiet = next((choice for choice in menu.choices if choice.kind is Kind.QUIET), None)
    own = {tokens_of(word) for choice in menu.choices if choice.action is Action.NO for word in choice.words}
    refusals = tuple(one for one in lexicon.refusals[:REFUSALS] if tokens_of(one) not in own) if quiet else ()
    taken.update(tokens_of(phrase) for phrase in refusals)
    found = []
    for choice in menu.choices:
        phrases = [*(refusals if choice is quiet else ())]
        for phrase in _phrases(choice, lexicon):
            if (tokens := tokens_of(phrase)) and tokens not in taken:
                taken.add(tokens)
                phrases.append(phrase)
        if phrases:
            found.append(Candidate(choice.id, tuple(phrases)))
    return tuple(found)


def _phrases(choice: Choice, lexicon: Lexicon) -> tuple[str, ...]:
    theirs = () if lexicon is ENGLISH else lexicon.wishes.get(wish_of(choice), ())
    return (*choice.words, *((choice.shelf.replace("_", " "),) if choice.shelf else ()), *theirs)
