"""A text for one caller alone, with words out of the caller's own record. Pure.

A value of a record is whatever somebody typed into a system far away: only what can be said of it comes through, never a form
that something else might read as an instruction.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

HOLE = re.compile(r"\{([a-z][a-z0-9_]{0,29})\}")
NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
LONGEST_VALUE = 80  # characters of one field
LONGEST_TEMPLATE = 300  # characters
SAID = frozenset(".,:;!?'’-–/()%+€$£¥#@°\u200c\u200d")  # beside letters, marks and figures; the last two join letters
KINDS = ("L", "M", "N")  # of Unicode


def fields(template: str) -> tuple[str, ...]:
    """The fields that a template wants, each once."""
    return tuple(dict.fromkeys(HOLE.findall(template)))


def fault(template: str) -> str:
    """What is wrong with a template, as the end of a sentence; "" if nothing is."""
    if not template.strip():
        return "says nothing"
    if len(template) > LONGEST_TEMPLATE:
        return f"has {len(template)} characters, and {LONGEST_TEMPLATE} are the most"
    rest = HOLE.sub("", template)
    if "{" in rest or "}" in rest:
        return "has a brace that is no field; a field is written as {order}, in small letters, figures and _"
    if odd := sorted({sign for sign in rest if not sayable(sign) and sign != " "}):
        return f"has {' '.join(map(ascii, odd[:5]))} in it, which cannot be said; write it in words"
    return "" if fields(template) else "has no field in it; what is for everybody is an update"


def filled(template: str, values: Mapping[str, str]) -> str | None:
    """The text as it is to be spoken; None where the record lacks a field that it wants."""
    told = {name: cleaned(values.get(name, "")) for name in fields(template)}
    return HOLE.sub(lambda hole: told[hole[1]], template) if all(told.values()) else None


def cleaned(value: str) -> str:
    """What of a value can be said, in one line and not for long."""
    seen = unicodedata.normalize("NFC", value[: 4 * LONGEST_VALUE])
    words = "".join(sign if sayable(sign) else " " for sign in seen).split()
    short = " ".join(words)
    if not any(unicodedata.category(sign)[0] in "LN" for sign in short):
        return ""
    return short if len(short) <= LONGEST_VALUE else (short[:LONGEST_VALUE].rpartition(" ")[0] or short[:LONGEST_VALUE])


def sayable(sign: str) -> bool:
    return sign in SAID or unicodedata.category(sign)[0] in KINDS
