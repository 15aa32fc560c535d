"""How old something is, as it is said: by the day, so that it stays true until midnight."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo

from msgspec import Struct


class Phrases(Struct, frozen=True):
    today: str
    yesterday: str
    days: tuple[str, ...]  # by `form`
    older: str  # than a fortnight, or of another day than it can be


def one_form(days: int) -> int:
    return 0


def slavic(days: int) -> int:
    """1 день, 2 дня, 5 дней; 11 to 14 as 5."""
    if days % 10 == 1 and days % 100 != 11:
        return 0
    return 1 if days % 10 in (2, 3, 4) and days % 100 not in (12, 13, 14) else 2


PHRASES: Mapping[str, Phrases] = {
    "en": Phrases("Today at {time}.", "Yesterday at {time}.", ("{days} days ago.",), "Some time ago."),
    "es": Phrases("Hoy a las {time}.", "Ayer a las {time}.", ("Hace {days} días.",), "Hace algún tiempo."),
    "zh": Phrases("今天{time}。", "昨天{time}。", ("{days}天前。",), "一段时间以前。"),
    "ru": Phrases(
        "Сегодня в {time}.",
        "Вчера в {time}.",
        ("{days} день назад.", "{days} дня назад.", "{days} дней назад."),
        "Некоторое время назад.",
    ),
}
FORMS = {"ru": slavic}
FORTNIGHT = 14  # days


def aged(at: datetime, now: datetime, language: str, zone: tzinfo) -> str:
    """A sentence; in a language that has none here, date and time in figures, which every voice can read."""
    local, today = at.astimezone(zone), now.astimezone(zone)
    clock = f"{local.hour}:{local.minute:02}"
    short = language.partition("-")[0].lower()
    phrases = PHRASES.get(short)
    if phrases is None:
        return f"{local.date().isoformat()}, {clock}."
    days = (today.date() - local.date()).days
    if days <= 0:
        return phrases.today.format(time=clock)
    if days == 1:
        return phrases.yesterday.format(time=clock)
    if days > FORTNIGHT:
        return phrases.older
    return phrases.days[FORMS.get(short, one_form)(days)].format(days=days)
