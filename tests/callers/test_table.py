"""A table of callers loses no row that can be used, whatever stands beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from holdsvc.callers.numbers import PhoneNumbers
from holdsvc.callers.table import TableDirectory, read_table
from holdsvc.calls.model import Contact, PhoneNumber, Record
from holdsvc.errors import ConfigError

US = PhoneNumbers("US")
ANN = PhoneNumber("+15005550100")
BOB = PhoneNumber("+15005550101")
CY = PhoneNumber("+15005550102")
GOOD = """number,name,account,language,segment,note
+1 500 555 0100,Ann Example,A-1,en,gold,prefers mail
(500) 555-0101,Bob Example,A-2,es_MX,,"two lines,
really"
"""


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


async def test_callers_are_found_by_their_number_however_it_stands_in_the_table(tmp_path: Path) -> None:
    table = TableDirectory(write(tmp_path / "callers.csv", GOOD), US)

    ann, bob = await table.find(ANN), await table.find(BOB)

    assert ann == Contact("Ann Example", "A-1", "en", "gold", "prefers mail", "table")
    assert bob == Contact("Bob Example", "A-2", "es-MX", "", "two lines, really", "table")
    assert await table.find(CY) is None


async def test_a_table_may_be_toml(tmp_path: Path) -> None:
    text = (
        '[[callers]]\nnumber = "500-555-0100"\nname = "Ann Example"\naccount = 7\n\n[[callers]]\nnumber = 15005550101\n'
    )
    table = TableDirectory(write(tmp_path / "callers.toml", text), US, name="staff")

    assert await table.find(ANN) == Contact("Ann Example", "7", source="staff")
    assert await table.find(BOB) == Contact(source="staff")


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_a_spreadsheet_writes_is_read(tmp_path: Path, sign: str, end: str) -> None:
    rows = [["Name", " NUMBER ", "colour"], ["Ann Example", "5005550100", "red"], ["", "", ""]]
    text = "\ufeff" + end.join(sign.join(row) for row in rows) + end

    reading = read_table(write(tmp_path / "callers.csv", text), US)

    assert reading.contacts == {ANN: Contact("Ann Example", source="table")}
    assert reading.warning == ""


def test_rows_that_cannot_be_used_are_told_in_one_sentence_and_cost_no_other(tmp_path: Path) -> None:
    text = "number,name\nnonsense 42,X\n5005550100,Ann\n,Nobody\n5005550101,Bob,too,many\n5005550102,Cy\n"

    reading = read_table(write(tmp_path / "callers.csv", text), US)

    assert set(reading.contacts) == {ANN, CY}
    assert reading.warning == (
        "callers.csv: 3 of 5 rows were left out (line 2: the number cannot be read; line 4: there is no number; "
        "line 5: it has more fields than the first line)"
    )


@pytest.mark.parametrize(
    "stray", ['5005550101,"Bob\n', '5005550101,"Bob" Example,\n', '"\n', '5005550101,"' + "x" * 200_000 + "\n"]
)
def test_a_stray_quote_costs_its_own_row_only(tmp_path: Path, stray: str) -> None:
    rows = "".join(f"+1500555{n:04},Caller {n}\n" for n in range(200, 300))

    reading = read_table(
        write(tmp_path / "callers.csv", f"number,name\n5005550100,Ann\n{stray}{rows}5005550102,Cy\n"), US
    )

    assert len(reading.contacts) == 102
    assert BOB not in reading.contacts
    assert "line 3: its quotes are not closed" in reading.warning


def test_many_bad_rows_are_still_one_sentence(tmp_path: Path) -> None:
    reading = read_table(write(tmp_path / "callers.csv", "number\n" + "nonsense\n" * 1000), US)

    assert "1000 of 1000 rows" in reading.warning
    assert reading.warning.endswith("; and 995 more)")


def test_no_number_stands_in_a_warning(tmp_path: Path) -> None:
    text = "number,name\n5550100,Ann\n5005550100,A,B\nx5005550102,Cy\n"

    reading = read_table(write(tmp_path / "callers.csv", text), US)

    assert "3 of 3" in reading.warning
    assert "555" not in reading.warning


def test_records_that_share_a_number_are_ambiguous_and_only_what_they_agree_on_counts(tmp_path: Path) -> None:
    text = "number,name,account,language,segment\n+15005550100,Ann,1,en,gold\n5005550100 x12,Bob,2,en,gold\n"

    reading = read_table(write(tmp_path / "callers.csv", text), US)

    assert reading.contacts[ANN] == Contact("Ann / Bob", "", "en", "gold", "", "table", True)


def test_the_same_record_twice_is_one(tmp_path: Path) -> None:
    reading = read_table(write(tmp_path / "callers.csv", "number,name\n5005550100,Ann\n+15005550100,Ann\n"), US)

    assert reading.contacts[ANN] == Contact("Ann", source="table")


def test_what_stands_in_a_field_is_one_plain_line(tmp_path: Path) -> None:
    text = f'number,name,language\n5005550100,"A\x00n\x1bn\nExample {"x" * 5000}","not a language!"\n'

    contact = read_table(write(tmp_path / "callers.csv", text), US).contacts[ANN]

    assert contact.name.startswith("A n n Example x")
    assert contact.name.isprintable()
    assert len(contact.name) == 1000
    assert contact.language == ""


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "needs a first line"),
        ("a.csv", b"name,account\nAnn,1\n", "number must be there"),
        ("a.csv", b"number,name,Name\n", "column name twice"),
        ("a.csv", b"number\n\xff\xfe\n", "not UTF-8 at byte 7"),
        ("a.toml", b"[[callers\n", "not TOML at line 1"),
        ("a.toml", b"callers = 3\n", r"rows as \[\[callers\]\]"),
        ("a.toml", b"a=" + b"[" * 100_000, "not TOML"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_sentence(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as failed:
        read_table(write(tmp_path / name, content), US)

    assert str(failed.value).startswith("callers.table: ")
    assert "\n" not in str(failed.value)


def test_a_file_that_is_not_there_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        TableDirectory(tmp_path / "none.csv", US)
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        TableDirectory(tmp_path, US)


async def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "callers.csv", GOOD)
    table = TableDirectory(path, US)

    write(path, "number,name\n5005550102,Cy\n")
    found = await table.find(CY)

    assert found == Contact("Cy", source="table")
    assert await table.find(ANN) is None
    await table.close()


async def test_a_file_of_the_same_size_and_another_time_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "callers.csv", "number,name\n5005550100,Ann\n")
    table = TableDirectory(path, US)

    write(path, "number,name\n5005550100,Bob\n")
    os.utime(path, ns=(1, 1))

    assert await table.find(ANN) == Contact("Bob", source="table")


@pytest.mark.parametrize("broken", [b"", b"\xff", b"name\nAnn\n", None])
async def test_a_broken_file_leaves_the_table_as_it_was_and_is_told_of_once(
    tmp_path: Path, broken: bytes | None
) -> None:
    told: list[str] = []
    path = write(tmp_path / "callers.csv", GOOD)
    table = TableDirectory(path, US, warn=told.append)

    path.unlink() if broken is None else write(path, broken)
    for _ in range(5):
        assert (await table.find(ANN) or Contact()).name == "Ann Example"
    before = list(told)
    write(path, "number,name\n5005550100,Mended\n")

    assert (await table.find(ANN) or Contact()).name == "Mended"
    assert len(before) == 1
    assert before[0].endswith("; the table stays as it was")
    assert len(told) == 1


async def test_bad_rows_are_told_at_the_start_and_again_only_when_the_file_changes(tmp_path: Path) -> None:
    told: list[str] = []
    path = write(tmp_path / "callers.csv", "number\nx\n")
    table = TableDirectory(path, US, warn=told.append)

    for _ in range(3):
        await table.find(ANN)
    first = len(told)
    write(path, "number\nx\ny\n")
    await table.find(ANN)

    assert (first, len(told)) == (1, 2)


cell = st.text(alphabet=st.characters(codec="utf-8"), max_size=12)


@given(st.lists(st.lists(cell, max_size=5).map(",".join), max_size=12), st.sampled_from(["csv", "toml"]))
@example(["5005550100,a\u2028b\ud7ff\u202e", '5005550101,"', '",', "\x00"], "csv")
@settings(max_examples=150, deadline=None)
def test_any_file_is_read_or_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, rows: list[str], kind: str
) -> None:
    path = tmp_path_factory.mktemp("table") / f"callers.{kind}"
    path.write_bytes(("number,name\n" + "\n".join(rows)).encode())

    try:
        names = [contact.name for contact in read_table(path, US).contacts.values()]
    except ConfigError as error:
        names = [str(error)]

    assert all(name.isprintable() for name in names)


async def test_further_columns_are_read_only_where_something_speaks_of_them(tmp_path: Path) -> None:
    text = (
        "number,name,Order,status,pin\n+15005550100,Ann,A\x0017,,1234\n+15005550101,Bob,,,9\n"
        "+15005550102,Cy,1,,\n5005550102,Di,2,,\n"
    )
    path = write(tmp_path / "callers.csv", text)
    table = TableDirectory(path, US, more=("order", "status"))

    ann = await table.find(ANN)

    assert isinstance(ann, Record)
    assert (ann.name, ann.more) == ("Ann", (("order", "A 17"),))
    assert type(await table.find(BOB)) is Contact
    both = await table.find(CY)
    assert (type(both), both and both.ambiguous) == (Contact, True)  # of whom it is open who it is, nothing is told
    assert "1234" not in repr(ann)
    assert type(await TableDirectory(path, US).find(ANN)) is Contact
