"""What no caller should hear while waiting: the phrases that say nothing, in the languages that we ship.

Data and one pure function. A star stands for a few words, or a few signs in Chinese. Case, accents and punctuation do not count.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache

FEW_WORDS, FEW_SIGNS = 3, 6  # what a star may stand for
UNSPACED = {"zh"}

BANNED: Mapping[str, tuple[str, ...]] = {
    "en": (
        "your call is * important",
        "your call means * to us",
        "your call matters",
        "your business is * important",
        "your time is * important",
        "is * important to us",
        "are * important to us",
        "is * valuable to us",
        "we value your",
        "we truly value",
        "valued customer",
        "valued customers",
        "valued caller",
        "valued callers",
        "for your patience",
        "for your * patience",
        "appreciate your patience",
        "your patience is",
        "please be patient",
        "bear with us",
        "thank you * for holding",
        "thanks for holding",
        "thank you * for waiting",
        "thanks for waiting",
        "continue to hold",
        "continuing to hold",
        "please stay on the line",
        "please remain on the line",
        "do not hang up",
        "don't hang up",
        "any inconvenience",
        "the inconvenience",
        "apologise for * wait",
        "apologize for * wait",
        "apologise for * delay",
        "apologize for * delay",
        "sorry for the wait",
        "sorry for the delay",
        "sorry to keep you waiting",
        "our agents are * busy",
        "all lines are * busy",
        "our lines are * busy",
        "your call will be answered",
        "your call will be taken",
        "our operators are * busy",
        "our representatives are * busy",
        "our agents are * assisting other",
        "our representatives are * assisting other",
        "high call volume",
        "high call volumes",
        "higher than * call volume",
        "higher than * call volumes",
        "volume of calls",
        "in the order * received",
        "be with you shortly",
        "be right with you",
        "next available agent",
        "next available representative",
        "next available operator",
    ),
    "es": (
        "su llamada es * importante",
        "tu llamada es * importante",
        "su llamada nos importa",
        "su llamada es * valiosa",
        "tu llamada es * valiosa",
        "espere en línea",
        "espere en la línea",
        "importante para nosotros",
        "importantes para nosotros",
        "valoramos su",
        "valoramos tu",
        "estimado cliente",
        "estimados clientes",
        "por su paciencia",
        "por tu paciencia",
        "agradecemos su paciencia",
        "apreciamos su paciencia",
        "tenga paciencia",
        "gracias por su espera",
        "gracias por la espera",
        "gracias por esperar",
        "agradecemos su espera",
        "gracias por mantenerse",
        "permanezca en línea",
        "permanezca en la línea",
        "permanezca a la espera",
        "manténgase en línea",
        "manténgase en la línea",
        "no se retire",
        "no cuelgue",
        "todos nuestros * ocupados",
        "todos los * ocupados",
        "nuestros * están ocupados",
        "nuestros * se encuentran ocupados",
        "volumen de llamadas",
        "disculpe las molestias",
        "disculpen las molestias",
        "disculpas por las molestias",
        "lamentamos las molestias",
        "lamentamos los inconvenientes",
        "lamentamos la espera",
        "perdone la espera",
        "en breve * atenderá",
        "en breve * atenderemos",
        "le atenderemos en breve",
        "lo atenderemos en breve",
        "en breve será atendido",
        "su llamada será atendida",
    ),
    "zh": (
        "来电对我们*重要",
        "來電對我們*重要",
        "电话对我们*重要",
        "電話對我們*重要",
        "对我们*重要",
        "您的电话*重要",
        "您的来电*重要",
        "您的電話*重要",
        "您的來電*重要",
        "對我們*重要",
        "我们重视您的",
        "我们非常重视",
        "尊敬的客户",
        "尊敬的客戶",
        "尊敬的用户",
        "尊贵的",
        "耐心等待",
        "耐心等候",
        "感谢您的耐心",
        "謝謝您的耐心",
        "谢谢您的耐心",
        "感谢您的等待",
        "感谢您的等候",
        "请继续等待",
        "请继续等候",
        "不要挂机",
        "不要挂断",
        "请勿挂机",
        "请勿挂断",
        "請勿掛斷",
        "带来*不便",
        "帶來*不便",
        "敬请谅解",
        "敬請諒解",
        "坐席*忙",
        "座席*忙",
        "客服*正忙",
        "客服*繁忙",
        "线路繁忙",
        "線路繁忙",
        "话务*繁忙",
        "尽快为您服务",
        "盡快為您服務",
        "竭诚为您服务",
    ),
    "ru": (
        "ваш звонок * важен",
        "ваше обращение * важно",
        "вы * важны для нас",
        "важен для нас",
        "важно для нас",
        "важны для нас",
        "мы ценим ваш",
        "мы ценим ваше",
        "мы ценим каждого",
        "уважаемый клиент",
        "уважаемые клиенты",
        "уважаемый абонент",
        "уважаемые абоненты",
        "за терпение",
        "за ваше терпение",
        "наберитесь терпения",
        "спасибо за ожидание",
        "спасибо что ждете",
        "спасибо что остаетесь",
        "благодарим * за ожидание",
        "оставайтесь на линии",
        "ожидайте на линии",
        "ждите на линии",
        "не вешайте трубку",
        "не кладите трубку",
        "не отключайтесь",
        "приносим * извинения",
        "просим прощения за",
        "извините за ожидание",
        "извините за неудобства",
        "извинения за неудобства",
        "все * операторы * заняты",
        "все * специалисты * заняты",
        "все * сотрудники * заняты",
        "первый освободившийся",
        "первым освободившимся",
        "большим количеством звонков",
        "большое количество звонков",
        "дождитесь ответа",
        "ожидайте ответа",
        "ответят в ближайшее время",
        "ответим в ближайшее время",
        "ответит в ближайшее время",
    ),
}


def banned(text: str, language: str) -> str | None:
    """The first phrase of the list that the text contains. In a language without a list all lists are tried."""
    base = language.partition("-")[0].lower()
    lists = (base,) if base in BANNED else tuple(BANNED)
    found = (phrase for name in lists for phrase, form in _forms(name) if form.search(_plain(text, name)))
    return next(found, None)


@cache
def _forms(language: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((phrase, re.compile(_pattern(phrase, language))) for phrase in BANNED[language])


def _pattern(phrase: str, language: str) -> str:
    parts = [re.escape(_plain(part, language)) for part in phrase.split("*")]
    if language in UNSPACED:
        return f".{{0,{FEW_SIGNS}}}".join(parts)
    return r"\b" + rf"(?: \w+){{0,{FEW_WORDS}}} ".join(part.replace(r"\ ", " ").strip() for part in parts) + r"\b"


def _plain(text: str, language: str) -> str:
    """Words in small letters with a space between; in Chinese, signs alone."""
    bare = "".join(_kept(unicodedata.normalize("NFKD", text).casefold()))
    return bare.replace(" ", "") if language in UNSPACED else " ".join(bare.split())


def _kept(text: str) -> Iterator[str]:
    for sign in text:
        kind = unicodedata.category(sign)
        if kind[0] in "LN":
            yield sign
        elif kind[0] not in "MC" and sign not in "'\u2019":  # an accent, or a mark that nobody sees
            yield " "
