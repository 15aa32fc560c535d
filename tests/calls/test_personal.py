"""A text with words out of a record: whatever stands there, nothing but words comes through."""

from __future__ import annotations

import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.calls.facts import ContentHeard, ContentSkipped
from holdsvc.calls.memory import remember
from holdsvc.calls.model import Kind, Profile
from holdsvc.calls.personal import LONGEST_VALUE, cleaned, fault, fields, filled
from tests.plans import NOON, QUEUE

ORDER = "Your order {order} {status}."


def test_a_template_is_filled_with_what_the_record_says():
    assert fields(ORDER) == ("order", "status")
    assert filled(ORDER, {"order": "A-17", "status": "left the depot"}) == "Your order A-17 left the depot."


@pytest.mark.parametrize(
    "values", [{}, {"order": "7"}, {"order": "7", "status": " "}, {"order": "7", "status": "<>\0"}]
)
def test_where_a_field_is_missing_nothing_is_said(values):
    assert filled(ORDER, values) is None


@pytest.mark.parametrize(
    ("hostile", "said"),
    [
        ("<speak><break time='9s'/>x</speak>", "speak break time '9s'/ x /speak"),
        ("{a.__class__.__init__.__globals__}", "a. class . init . globals"),
        ("{order}{status}", "order status"),
        ("%(order)s %n {0} $(reboot) `reboot`", "%(order)s %n 0 $(reboot) reboot"),
        ("a\0b\nc\x1b[31md\u202ee\ufffff", "a b c 31md e f"),
        ("[[h@loU]] \\ | & ;", "h@loU ;"),
        ("--help", "--help"),
        ("\ud800broken", "broken"),
        ("шлях відкрито, 3 дні", "шлях відкрито, 3 дні"),
        ("明天到达", "明天到达"),
        (". , ;", ""),
    ],
)
def test_hostile_values_are_only_words(hostile, said):
    assert cleaned(hostile) == said
    told = filled("It is {word}.", {"word": hostile})
    assert told == (f"It is {said}." if said else None)


def test_a_long_value_is_cut_at_a_word():
    told = cleaned("word " * 1000)

    assert len(told) <= LONGEST_VALUE
    assert told.endswith("word")
    assert len(cleaned("x" * 10**6)) == LONGEST_VALUE


@given(st.text(max_size=400))
def test_whatever_stands_in_a_record_comes_out_short_on_one_line_and_without_signs_that_mean_something(value):
    told = cleaned(value)

    assert len(told) <= LONGEST_VALUE
    assert told == told.strip()
    assert not set(told) & set('<>{}[]\\|^~`&*="\n\r\t')
    assert not any(unicodedata.category(sign)[0] == "C" for sign in told if sign not in "\u200c\u200d")


@given(st.text(max_size=60), st.dictionaries(st.text(max_size=8), st.text(max_size=60), max_size=5))
def test_any_template_and_any_record_give_a_text_or_none(template, values):
    told = filled(template, values)

    assert told is None or isinstance(told, str)
    if not fault(template):
        assert told is None or not set(told) & set("<>{}[]")


def test_what_was_of_one_call_alone_is_not_remembered():
    shared = [
        ContentHeard(
            at=NOON, queue=QUEUE, content="today", kind=Kind.DAILY, shelf="updates", from_second=0.0, until_second=9.0
        )
    ]
    own = [msgspec.structs.replace(shared[0], content="personal:order")]
    own.append(ContentSkipped(at=NOON, queue=QUEUE, content="personal:order", kind=Kind.DAILY))

    assert remember(Profile(), own) == Profile()
    assert remember(Profile(), shared) != Profile()


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("", "says nothing"),
        ("x" * 301 + "{a}", "characters"),
        ("Your order {Order}.", "no field"),
        ("Your order {order.__class__}.", "no field"),
        ("Your order {order!r:>99}.", "no field"),
        ("Your order {{order}}.", "no field"),
        ("Your order {}.", "no field"),
        ("<b>{order}</b>", "cannot be said"),
        ("Your order is fine.", "what is for everybody"),
    ],
)
def test_a_template_that_will_not_do_is_told_in_words(template, why):
    assert why in fault(template)
    assert fault(ORDER) == ""
