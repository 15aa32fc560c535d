"""What a raw caller id is: a telephone number in E.164, a withheld one, or nothing that we can read.

Platforms and CRMs write the same number in many ways; both sides go through here, so that they meet. Nothing here raises, and
nothing here is logged.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from holdsvc.calls.model import PhoneNumber
from holdsvc.errors import ConfigError
from holdsvc.ports import CallerNumber

if TYPE_CHECKING:
    from types import ModuleType

    from phonenumbers import PhoneNumber as PhoneNumberParts

LONGEST_TEXT = 256  # a caller id is a number or an address; what is longer is neither
LONGEST_NUMBER = 15  # digits, ITU-T E.164
STEPS = 3  # readings until a number gives itself; one that does not settle is no number

WITHHELD_WORDS = frozenset(
    [
        "",
        "anonymous",
        "restricted",
        "private",
        "unknown",
        "blocked",
        "unavailable",
        "withheld",
        "hidden",
        "none",
        "null",
        "undefined",
        "private number",
        "no caller id",
        "caller id blocked",
        "number withheld",
        "asserted id unavailable",
    ]
)
# The words ANONYMOUS, RESTRICTED, UNAVAILABLE, BLOCKED and UNKNOWN on a keypad: what some platforms send for a hidden number.
WITHHELD_DIGITS = frozenset(("+266696687", "+7378742833", "+86282452253", "+2562533", "+8656696"))

NOT_A_NUMBER = ("client:", "user:", "agent:")  # names of a platform's own: whoever holds one chose it
ADDRESS = re.compile(r"^(?:sips?|tel):(.*)$", re.IGNORECASE | re.DOTALL)
BRACKETED = re.compile(r"<([^<>]*)>")
NOT_DIGITS = re.compile(r"\D")
CONTEXT = re.compile(r";phone-context=(\+[\d.() -]+)", re.IGNORECASE)


class PhoneNumbers:
    """`region` (ISO 3166, "" for none) says how numbers without a country code are meant.

    A number without a plus is read as a national one first: `7378742833` is a number in Texas before it is a hidden one.
    """

    def __init__(self, region: str = "") -> None:
        self.region = region.strip().upper()
        if self.region and self.region not in _library().SUPPORTED_REGIONS:
            raise ConfigError("callers.region", f"{region!r} is not a country's two letters, such as US or ES")

    def read(self, raw: str) -> CallerNumber:
        text = _plain(raw)
        if _is_withheld(text):
            return CallerNumber(withheld=True)
        if text.lower().startswith(NOT_A_NUMBER):
            return CallerNumber()
        text = _inside(text)
        if _is_withheld(text):
            return CallerNumber(withheld=True)
        if not text or text[0] not in "+(0123456789":
            return CallerNumber()
        return self._read_digits(text)

    def _read_digits(self, text: str) -> CallerNumber:
        for reading, region, strict in self._readings(text):
            found = _settle(reading, region, strict)
            if found is None:
                continue
            e164, country = found
            return CallerNumber(withheld=True) if e164 in WITHHELD_DIGITS else CallerNumber(PhoneNumber(e164), country)
        digits = NOT_DIGITS.sub("", text).removeprefix("00")
        return CallerNumber(withheld=f"+{digits}" in WITHHELD_DIGITS)

    def _readings(self, text: str) -> tuple[tuple[str, str, bool], ...]:
        """What the text may mean, likeliest first. Only a plus says enough to believe a number that no numbering plan knows yet."""
        if text.startswith("+"):
            return ((text, "", False),)
        if text.startswith("00"):
            return ((text, self.region, True), ("+" + text[2:], "", True))
        return ((text, self.region, True), ("+" + text, "", True))


def _plain(raw: str) -> str:
    """Compatibility forms and foreign digits to plain ones; invisible characters (direction marks, zero width) dropped."""
    text = unicodedata.normalize("NFKC", raw[:LONGEST_TEXT])
    shown = (_digit(letter) for letter in text if unicodedata.category(letter) not in ("Cf", "Cc", "Cs", "Co", "Cn"))
    return "".join(shown).strip().strip("\"'").strip()


def _digit(letter: str) -> str:
    value = unicodedata.decimal(letter, None)
    return letter if value is None else str(value)


def _is_withheld(text: str) -> bool:
    return text.lower().strip("()[] .") in WITHHELD_WORDS or text in WITHHELD_DIGITS


def _inside(text: str) -> str:
    """The number's part of an address: `"Ann" <sip:+15005550100@example.org;user=phone>` -> `+15005550100`."""
    if bracketed := BRACKETED.search(text):
        text = bracketed[1].strip()
    address = ADDRESS.match(text)
    if address is None:
        return text.partition("@")[0].strip()
    text = unquote(address[1]).partition("@")[0].strip()
    context = CONTEXT.search(text)
    number = text.partition(";")[0].partition("?")[0].strip()
    return context[1] + number if context and not number.startswith("+") else number


def _settle(text: str, region: str, strict: bool) -> tuple[str, str] | None:
    """E.164 and country, read until the number gives itself, so that a number has one form only."""
    for _ in range(STEPS):
        number = _parse(text, region, strict)
        if number is None:
            return None
        e164 = _written(number)
        if e164 == text:
            country = _library().region_code_for_number(number)
            return e164, country if country and country != "001" else ""  # 001: of no country, +800 and its like
        text, region, strict = e164, "", False
    return None


def _parse(text: str, region: str, strict: bool) -> PhoneNumberParts | None:
    library = _library()
    try:
        number: PhoneNumberParts = library.parse(text, region or None)
    except library.NumberParseException:
        return None
    believed = library.is_valid_number(number) if strict else library.is_possible_number(number)
    return number if believed and len(_written(number)) <= LONGEST_NUMBER + 1 else None


def _written(number: PhoneNumberParts) -> str:
    library = _library()
    return str(library.format_number(number, library.PhoneNumberFormat.E164))


@cache
def _library() -> ModuleType:
    import phonenumbers  # late: its tables take longer to load than the command line has

    return phonenumbers
