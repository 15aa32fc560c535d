"""Languages: what they are called in speech, and what is spoken where a number is from, for want of anything better."""

from __future__ import annotations

from collections.abc import Mapping

# What callers say to change to it, in its own words and in those of the other shipped languages.
NAMES: Mapping[str, tuple[str, ...]] = {
    "en": ("english", "in english", "inglés", "en inglés", "英语", "английский", "по-английски"),
    "es": ("spanish", "in spanish", "español", "en español", "西班牙语", "испанский", "по-испански"),
    "zh": ("chinese", "mandarin", "in chinese", "chino", "en chino", "中文", "普通话", "китайский", "по-китайски"),
    "ru": ("russian", "in russian", "ruso", "en ruso", "俄语", "русский", "по-русски"),
    "de": ("german", "in german", "deutsch", "auf deutsch"),
    "fr": ("french", "in french", "français", "en français"),
    "it": ("italian", "in italian", "italiano", "in italiano"),
    "pt": ("portuguese", "in portuguese", "português", "em português"),
}

# Where one language serves nearly everybody. A number of the United States or Canada says nothing: +1 is shared, and people
# there keep to many languages.
SPOKEN: Mapping[str, frozenset[str]] = {
    "en": frozenset({"AU", "GB", "GG", "GI", "IE", "IM", "JE", "NZ"}),
    "es": frozenset(
        [
            "AR",
            "BO",
            "CL",
            "CO",
            "CR",
            "CU",
            "DO",
            "EC",
            "ES",
            "GQ",
            "GT",
            "HN",
            "MX",
            "NI",
            "PA",
            "PE",
            "PY",
            "SV",
            "UY",
            "VE",
        ],
    ),
    "zh": frozenset({"CN", "TW"}),
    "ru": frozenset({"BY", "KG", "KZ", "RU"}),
    "de": frozenset({"AT", "DE", "LI"}),
    "fr": frozenset({"FR", "MC"}),
    "it": frozenset({"IT", "SM", "VA"}),
    "pt": frozenset({"AO", "BR", "CV", "MZ", "PT"}),
}
OF_COUNTRY: Mapping[str, str] = {country: language for language, countries in SPOKEN.items() for country in countries}


def names(language: str) -> tuple[str, ...]:
    return NAMES.get(language.partition("-")[0].lower(), ())
