"""`python -m tests.benchmarks.voice.languages [--said FOLDER] [--speak STYLES]`: spoken choices in Spanish, Russian and Mandarin.

Nothing was tuned on any of it. `--speak` says what is missing, with the network's voices (a Python that has what
media/make/README.md names); without it only what is installed speaks.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from holdsvc.calls.menu import SHIPPED, Menu
from holdsvc.ports import Utterance
from tests.benchmarks.voice import voices
from tests.benchmarks.voice.voices import Say, espeak, festival

# What is said -> the entry that is meant; "" is no command.
TEXTS: Mapping[str, Mapping[str, str]] = {
    "es": {
        "música": "music",
        "podcast": "podcast",
        "noticias": "daily",
        "concurso": "quiz",
        "silencio": "quiet",
        "no": "quiet",
        "siguiente": "next",
        "otra cosa": "next",
        "más alto": "louder",
        "más bajo": "softer",
        "ayuda": "menu",
        "otra vez": "repeat",
        "atrás": "back",
        "otro idioma": "language",
        "Quiero hablar con alguien de mi factura.": "",
        "¿Cuánto falta todavía?": "",
        "La cena está lista.": "",
        "paraguas": "",
        "Mi pedido no ha llegado.": "",
        "Cierra la puerta.": "",
        "el martes por la tarde": "",
        "¿Dónde están mis llaves?": "",
    },
    "ru": {
        "музыка": "music",
        "подкаст": "podcast",
        "новости": "daily",
        "викторина": "quiz",
        "тишина": "quiet",
        "нет": "quiet",
        "дальше": "next",
        "следующая": "next",
        "громче": "louder",
        "тише": "softer",
        "помощь": "menu",
        "сначала": "repeat",
        "назад": "back",
        "другой язык": "language",
        "Я хочу поговорить о моём счёте.": "",
        "Сколько ещё ждать?": "",
        "Ужин готов.": "",
        "зонтик": "",
        "Мой заказ не пришёл.": "",
        "Закрой дверь.": "",
        "во вторник вечером": "",
        "Где мои ключи?": "",
    },
    "zh": {
        "音乐": "music",
        "播客": "podcast",
        "新闻": "daily",
        "问答": "quiz",
        "安静": "quiet",
        "不要": "quiet",
        "下一个": "next",
        "换一首": "next",
        "大声一点": "louder",
        "小声一点": "softer",
        "帮助": "menu",
        "从头": "repeat",
        "上一个": "back",
        "换语言": "language",
        "我想问一下我的账单。": "",
        "还要等多久？": "",
        "晚饭好了。": "",
        "雨伞": "",
        "我的订单还没有到。": "",
        "请关门。": "",
        "星期二下午": "",
        "我的钥匙在哪里？": "",
    },
}
SPEAKERS: Mapping[str, Mapping[str, Say]] = {
    "es": {"espeak es": espeak("es"), "espeak es-419+f3": espeak("es-419+f3")},
    "ru": {"espeak ru": espeak("ru"), "espeak ru+f3": espeak("ru+f3"), "festival ru": festival("msu_ru_nsh_clunits")},
    "zh": {"espeak cmn": espeak("cmn"), "espeak cmn+f3": espeak("cmn+f3")},
}
LINES = ("clean", "20 dB", "10 dB")
NEURAL: Mapping[str, tuple[str, ...]] = {"es": ("ef_dora", "em_alex"), "ru": (), "zh": ("zf_xiaobei", "zm_yunjian")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--said", type=Path, default=Path(tempfile.gettempdir()) / "holdsvc-said")
    parser.add_argument("--speak", type=Path, metavar="STYLES", help="only say what is missing")
    parser.add_argument("--language", choices=sorted(TEXTS), default="", help="this one alone")
    parser.add_argument("--model", default="")
    given = parser.parse_args()
    if given.speak:
        for text, name, say, _ in everything(given.speak):
            if voices.spoken(given.said, name, say, text) is None:
                print(f"{name} cannot say {text}", file=sys.stderr)
        return 0
    return measured(given)


def measured(given: argparse.Namespace) -> int:
    from holdsvc.speech.recognise import kinds
    from holdsvc.speech.recognise.spoken import candidates
    from tests.benchmarks.voice.__main__ import Line, asked_as, table
    from tests.benchmarks.voice.lines import carried

    ear, rng = kinds.make("forced", given.model), np.random.default_rng(31)
    for language in [given.language] if given.language else TEXTS:
        offered, found = candidates(Menu(SHIPPED), language), list[Line]()
        for place, (text, name, say, meant) in enumerate(everything(None, language)):
            speech = voices.spoken(given.said, name, say, text)
            on = LINES if meant else (LINES[place % len(LINES)],)
            for condition in on if speech is not None else ():
                pcm = carried(speech, condition, rng)
                row = condition if meant else "other speech"
                found.append(asked_as(ear, Utterance(pcm, offered, language), name, row, text, meant))
        print(f"{language}, {sum(len(one.spoken) for one in offered)} phrases\n\n{table(found)}\n", flush=True)
    return 0


def everything(styles: Path | None, only: str = "") -> Iterator[tuple[str, str, Say, str]]:
    """Text, voice, how it is said, and what is meant."""
    for language, texts in TEXTS.items():
        if only in ("", language):
            names = NEURAL[language]
            neural = voices.neural(names, styles) if styles else {f"kokoro {name}": voices.unsaid for name in names}
            for text, meant in texts.items():
                for name, say in {**SPEAKERS[language], **neural}.items():
                    yield text, name, say, meant


if __name__ == "__main__":
    sys.exit(main())
