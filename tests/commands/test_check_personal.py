"""What `holdsvc check` says of updates that are one caller's alone: each fault in one sentence, nothing of a good one."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdsvc.commands.checks.personal import rules
from holdsvc.config import load

GOOD = '[personal.order]\ntexts = { en = "Your order {order} {status}." }\n'
VOICE = '[synthesiser]\ncommand = ["espeak-ng"]\n'
TABLE = '[directories.customers]\npath = "callers.csv"\n'
CRM = """[directories.crm]
kind = "http"
url = "https://crm.example.com/{number}"
fields = { order = "last.id", status = "last.state" }
"""


def found(folder: Path, text: str, rows: str = "number,name,order,status\n+15005550123,Ada,7,ready\n") -> list[str]:
    (folder / "callers.csv").write_text(rows, "utf-8")
    (folder / "holdsvc.toml").write_text(text.replace("callers.csv", str(folder / "callers.csv")), "utf-8")
    return [str(one) for one in rules(load(folder / "holdsvc.toml", {}))]


@pytest.mark.parametrize("directory", [TABLE, CRM])
def test_a_good_one_is_not_spoken_of(tmp_path: Path, directory: str) -> None:
    assert found(tmp_path, GOOD + VOICE + directory) == []
    assert found(tmp_path, "") == []


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        (GOOD.replace("{order}", "{order!r}") + VOICE + TABLE, "HS-211", "has a brace that is no field"),
        (GOOD.replace("[personal.order]", "[personal.Order]") + VOICE + TABLE, "HS-211", "the name 'Order'"),
        (GOOD + 'identity = "none"\n' + VOICE + TABLE, "HS-211", "nothing of a record is told to whom nobody knows"),
        (GOOD.replace("Your order", "Your call is important to us. Your order") + VOICE + TABLE, "HS-232", "important"),
        (GOOD + 'queues = ["nobody"]\n' + VOICE + TABLE, "HS-214", "not there: nobody"),
        (GOOD + TABLE, "HS-216", "there is no synthesiser"),
        (GOOD + VOICE, "HS-215", "there is no directory"),
        (GOOD.replace("{status}", "{colour}") + VOICE + TABLE, "HS-215", "no directory tells colour"),
        (
            GOOD.replace("{status}", "{colour}") + VOICE + CRM.replace("status", "name"),
            "HS-215",
            "no directory tells colour",
        ),
    ],
)
def test_what_is_wrong_is_one_clear_sentence(tmp_path: Path, text: str, code: str, sentence: str) -> None:
    (said,) = found(tmp_path, text)

    assert f" {code} " in said
    assert sentence in said
    assert said.count("\n") == 1, "the sentence, and what to do"
