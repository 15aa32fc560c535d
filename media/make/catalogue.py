"""The catalogue of texts: read, judged, its families spelled out: `python media/make/catalogue.py` writes <language>/prompts.toml.

A prompt without a language, a number without its plural, or a language too many stops it; nothing is guessed.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from babel import Locale

PROMPTS = Path(__file__).resolve().parent.parent / "prompts"
CATALOGUE = PROMPTS / "catalogue.toml"
HEAD = "# Made by media/make/catalogue.py from ../catalogue.toml: change it there.\n"
ID = re.compile(r"[a-z][a-z0-9_]{0,59}")

Texts = Mapping[str, Mapping[str, str]]  # by language, by prompt

# Zero to nineteen, or as far as a language has words of its own; then the tens from twenty on.
ONES = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis "
    "diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis "
    "veintisiete veintiocho veintinueve",
    "zh": "零 一 二 三 四 五 六 七 八 九",
    "ru": "ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать тринадцать "
    "четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать",
}
TENS = {
    "en": "twenty thirty forty fifty sixty",
    "es": "veinte treinta cuarenta cincuenta sesenta",
    "ru": "двадцать тридцать сорок пятьдесят шестьдесят",
}
BETWEEN = {"en": "-", "es": " y ", "ru": " "}  # tens and ones
# How the last word changes before a noun; the Russian feminine is the accusative, as in "одну минуту назад". In the genitive every
# word of a number changes.
FORMS = {
    ("es", "masculine"): (("veintiuno", "veintiún"), ("uno", "un")),
    ("es", "feminine"): (("uno", "una"),),
    ("ru", "masculine"): (),
    ("ru", "feminine"): (("один", "одну"), ("два", "две")),
}
GENITIVES = (
    ("один", "одной"),
    ("два", "двух"),
    ("три", "трёх"),
    ("четыре", "четырёх"),
    ("сорок", "сорока"),
    ("пятьдесят", "пятидесяти"),
    ("шестьдесят", "шестидесяти"),
    ("восемь", "восьми"),
    ("ь", "и"),
)
COUNTED = 70  # numbers below it can be spelled


class WrongCatalogue(ValueError):
    """Says all that is wrong, a line each."""


def read(file: Path = CATALOGUE) -> Texts:
    """Every prompt in every language, families spelled out."""
    written = tomllib.loads(file.read_text(encoding="utf-8"))
    languages: Sequence[str] = written["languages"]
    texts: dict[str, dict[str, str]] = {language: {} for language in languages}
    wrong: list[str] = []
    for prompt, wordings in written["prompt"].items():
        wrong += judged(prompt, wordings, languages)
        for language in languages:
            texts[language][prompt] = str(wordings.get(language, ""))
    for family, entry in written.get("family", {}).items():
        numbers = entry.pop("numbers", [])
        wrong += judged(family, entry, languages, of=dict)
        for language in languages:
            for number in numbers:
                first, last = number if isinstance(number, list) else (number, number)
                id = "_".join((family, *dict.fromkeys((str(first), str(last)))))
                try:
                    texts[language][id] = counted(last, language, entry.get(language, {}), first)
                except (KeyError, IndexError) as error:
                    wrong.append(f"{family} has no text for {number} in {language}: {error.args[0]}")
    if wrong:
        raise WrongCatalogue("\n".join(wrong))
    return texts


def judged(name: str, wordings: Mapping[str, Any], languages: Sequence[str], of: type = str) -> Iterator[str]:
    if not ID.fullmatch(name):
        yield f"{name!r} is no name for a prompt"
    for language in languages:
        text = wordings.get(language)
        if not isinstance(text, of) or not text or (isinstance(text, str) and text != text.strip()):
            yield f"{name} has no text in {language}"
    for language in sorted(set(wordings) - set(languages)):
        yield f"{name} has a text in {language}, which is none of the languages"


def counted(number: int, language: str, forms: Mapping[str, str], first: int = 0) -> str:
    """The sentence for one number: its own, else that of its plural category. Of a range it is the last; `first` goes before."""
    pattern = forms.get(f"={number}")
    if pattern is None:
        category = Locale.parse(language).plural_form(number)
        if category not in forms:
            raise KeyError(f"the plural {category!r} is missing")
        pattern = forms[category]
    form = forms.get("form", "")
    text = pattern.replace("{n}", spelled(number, language, form)).replace("{first}", spelled(first, language, form))
    return text[:1].upper() + text[1:]


def spelled(number: int, language: str, form: str = "") -> str:
    """In words, as it stands before what is counted."""
    if not 0 <= number < COUNTED:
        raise IndexError(f"{number} is not spelled")
    if language == "zh":
        return chinese(number)
    ones, tens = ONES[language].split(), TENS[language].split()
    if number < len(ones):
        word = ones[number]
    else:
        word = tens[number // 10 - 2]
        word += BETWEEN[language] + ones[number % 10] if number % 10 else ""
    if (language, form) == ("ru", "genitive"):
        return " ".join(map(genitive, word.split()))
    for ending, other in FORMS[language, form] if form else ():
        if word.endswith(ending):
            return word.removesuffix(ending) + other
    return word


def genitive(word: str) -> str:
    return next((word.removesuffix(end) + other for end, other in GENITIVES if word.endswith(end)), word)


def chinese(number: int) -> str:
    signs = ONES["zh"].split()
    if number == 2:
        return "两"  # before a measure word
    tens, ones = divmod(number, 10)
    head = "" if tens == 0 else "十" if tens == 1 else signs[tens] + "十"
    return head + (signs[ones] if ones or not tens else "")


def text_hash(text: str) -> str:
    """What a recording carries, so that it can be told which text it speaks."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def written_out(texts: Mapping[str, str]) -> str:
    entries = (f"\n[{prompt}]\ntext = {json.dumps(text, ensure_ascii=False)}\n" for prompt, text in texts.items())
    return HEAD + "".join(entries)


def main() -> int:
    try:
        texts = read()
    except WrongCatalogue as error:
        print(error, file=sys.stderr)
        return 1
    for language, prompts in texts.items():
        file = PROMPTS / language / "prompts.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(written_out(prompts), encoding="utf-8")
        print(f"{file.relative_to(PROMPTS)}: {len(prompts)} prompts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
