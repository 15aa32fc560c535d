"""What is said to an open question beside its options and the names of their keys, in each language that is shipped."""

from __future__ import annotations

from collections.abc import Mapping

ORDINALS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "en": (
        ("the first", "first", "the first one", "answer one", "one", "option one"),
        ("the second", "second", "the second one", "answer two", "two", "option two"),
        ("the third", "third", "the third one", "answer three", "three", "option three"),
    ),
    "es": (
        ("la primera", "el primero", "primera", "primero", "uno", "la uno", "el uno"),
        ("la segunda", "el segundo", "segunda", "segundo", "dos", "la dos", "el dos"),
        ("la tercera", "el tercero", "tercera", "tercero", "tres", "la tres", "el tres"),
    ),
    "zh": (
        ("第一", "第一个", "一", "一号", "答案一"),
        ("第二", "第二个", "二", "二号", "答案二"),
        ("第三", "第三个", "三", "三号", "答案三"),
    ),
    "ru": (
        ("первый", "первое", "первая", "один", "номер один", "ответ один", "первый ответ"),
        ("второй", "второе", "вторая", "два", "номер два", "ответ два", "второй ответ"),
        ("третий", "третье", "третья", "три", "номер три", "ответ три", "третий ответ"),
    ),
}


GIVING_UP: Mapping[str, tuple[str, ...]] = {
    "en": (
        "i dont know",
        "dont know",
        "no idea",
        "i have no idea",
        "pass",
        "i give up",
        "tell me",
        "not sure",
        "im not sure",
    ),
    "es": ("no sé", "no lo sé", "ni idea", "no tengo ni idea", "paso", "me rindo", "dímelo"),
    "zh": ("不知道", "我不知道", "不清楚", "放弃", "告诉我"),
    "ru": ("не знаю", "я не знаю", "понятия не имею", "пас", "сдаюсь", "скажите"),
}
