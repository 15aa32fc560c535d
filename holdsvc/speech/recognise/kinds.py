"""Recognisers by the name that the configuration gives them. Their libraries are loaded only where one is made."""

from __future__ import annotations

import difflib

from holdsvc.errors import ConfigError
from holdsvc.ports import Recogniser

NONE = "none"
KINDS = (NONE, "forced", "grammar")


def make(kind: str, model: str = "") -> Recogniser:
    """Raise `ConfigError` with one sentence where a library or a model is missing."""
    if kind == "forced":
        from holdsvc.speech.recognise.forced import ForcedChoice

        return ForcedChoice(model)
    if kind == "grammar":
        from holdsvc.speech.recognise.grammar import Grammar

        return Grammar()
    close = difflib.get_close_matches(kind, KINDS, 1, 0.5)
    hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(KINDS)}"
    raise ConfigError("speech.recogniser", f"{kind!r} will not do: {hint}")
