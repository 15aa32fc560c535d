"""From text to the alphabet of sounds that the Kokoro network was taught, a function for each language.

espeak-ng tells the sounds of English and Spanish; Mandarin comes from pinyin, as it did when the network was
taught. Punctuation is kept: it tells the voice where to rise and where to rest.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from functools import cache
from typing import Any

MARKS = re.compile(r"([,.;:!?—]+)")
# espeak-ng's sign and the network's, replaced in this order; the network was taught diphthongs as single signs.
ENGLISH = (
    ("ʔˌn̩ tᵊn", "ʔn̩ tᵊn", "ʔn tᵊn", "n̩ ᵊn", "l̩ ᵊl"),
    ("aɪ I", "aʊ W", "dʒ ʤ", "eɪ A", "tʃ ʧ", "ɔɪ Y", "oʊ O", "əʊ Q"),
    ("ɜːɹ ɜɹ", "ɜː ɜɹ", "ɪə iə", "ɚɹ əɹ", "ɚ əɹ"),
    ("ɐ ə", "ʔ t", "ɾ T", "e A", "o ɔ", "r ɹ", "x k", "ɬ l"),
    ("\u0329 ", "\u0303 ", "ʲ ", "ː "),  # marks that it has no sign for
)
SPANISH = (("tʃ ʧ", "dʒ ʤ", "ts ʦ", "ː "),)
DARK_L = re.compile("əl(?![ˈˌ]?[AIOWYQiuæɑɒɔəɛɜɪʊʌᵻ])")  # as in people, not as in hello
RESPELLED = {"Carleton": "Carlton"}  # where espeak-ng is wrong about a name
# Where a sign has two readings and the word before or behind it does not tell.
PINYIN = {"八行": "bā háng", "豆腐": "dòu fu", "装得": "zhuāng de"}


def english(text: str, accent: str = "en-us") -> str:
    for name, respelled in RESPELLED.items():
        text = text.replace(name, respelled)
    return DARK_L.sub("ᵊl", spoken(text, accent, ENGLISH))


def british(text: str) -> str:
    return english(text, "en-gb")


def spanish(text: str) -> str:
    return spoken(text, "es", SPANISH)


def mandarin(text: str) -> str:
    return str(_mandarin()(text)[0]).strip()


@cache
def _mandarin() -> Any:
    from misaki.zh import ZHG2P  # loads a dictionary of words: not before somebody speaks Mandarin
    from pypinyin import load_phrases_dict

    load_phrases_dict({word: [[one] for one in said.split()] for word, said in PINYIN.items()})
    return ZHG2P()


def spoken(text: str, language: str, alphabet: Iterable[Iterable[str]]) -> str:
    heard = ""
    for part in MARKS.split(text):
        if MARKS.fullmatch(part):
            heard = f"{heard.rstrip()}{part[0]} "
        elif part.strip():
            heard += f"{_espoken(part, language)} "
    for pair in (pair for group in alphabet for pair in group):
        espeak, _, ours = pair.partition(" ")
        heard = heard.replace(espeak, ours)
    return heard.strip()


def _espoken(part: str, language: str) -> str:
    command = ["espeak-ng", "-q", "--ipa", "-v", language, part]
    heard = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
    return " ".join(heard.replace("\u200d", "").replace("_", "").split())
