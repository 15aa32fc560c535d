"""The log: a line for people, an object for machines, and nothing that could pass for another line."""

import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.engine.trail import ForMachines, ForPeople


def record(message: str, fault: bool = False, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("holdsvc", logging.WARNING, __file__, 1, message, None, sys.exc_info() if fault else None)
    made.__dict__.update(fields)
    return made


def test_fields_follow_what_happened():
    line = ForPeople().format(record("wait_ended", call="CA9", seconds=97))

    assert line[8:] == " warning wait_ended call=CA9 seconds=97"


def test_a_message_of_several_lines_keeps_them_and_none_passes_for_another_message():
    first, second = ForPeople().format(record("it broke\n09:00:00 error   made_up", call="CA9")).splitlines()

    assert first.endswith("it broke call=CA9")
    assert second == " " * 9 + "09:00:00 error   made_up"


@given(st.text(), st.text())
def test_nothing_reaches_the_terminal_that_could_steer_it(message: str, field: str):
    text = ForPeople().format(record(message, said=field))

    assert all(char.isprintable() for char in text.replace("\n", ""))
    assert all(line.startswith(" " * 9) for line in text.split("\n")[1:])


def test_a_control_character_is_shown_as_it_is_written():
    assert ForPeople().format(record("heard", said="\x1b[2J\r\n")).endswith(r"said=\x1b[2J\r\n")


@pytest.mark.parametrize("style", [ForPeople(), ForMachines()])
def test_a_fault_is_told_whole(style: logging.Formatter):
    try:
        raise ValueError("a \x1b[31mred\x1b[0m herring")
    except ValueError:
        text = style.format(record("webhook_fault", fault=True))

    assert "Traceback" in text
    assert "ValueError: a " in text
    assert "\x1b" not in text


def test_a_machine_reads_one_object_a_line():
    line = ForMachines().format(record("heard\nhere", said="\n"))

    assert "\n" not in line
    assert json.loads(line)["event"] == "heard\nhere"
