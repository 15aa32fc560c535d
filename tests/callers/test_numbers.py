"""One number has one form, however it was written."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from holdsvc.callers.numbers import PhoneNumbers
from holdsvc.calls.model import PhoneNumber
from holdsvc.errors import ConfigError
from holdsvc.ports import CallerNumber

ANN = CallerNumber(PhoneNumber("+15005550100"), "US")
US = PhoneNumbers("US")
GB = PhoneNumbers("GB")
NOWHERE = PhoneNumbers()

SAME = (
    "+15005550100",
    "+1 500 555 0100",
    "+1 (500) 555-0100",
    "(500) 555-0100",
    "500.555.0100",
    "5005550100",
    "15005550100",
    "1-500-555-0100",
    "0015005550100",
    "011 1 500 555 0100",
    "+1 500 555 0100 ext. 12",
    "500-555-0100 x12",
    "+15005550100;ext=12",
    "tel:+1-500-555-0100",
    "tel:+15005550100;ext=12",
    "tel:5550100;phone-context=+1500",
    "TEL:+15005550100",
    "sip:+15005550100@example.org",
    "sip:15005550100@192.0.2.1:5060;user=phone",
    "sips:%2B15005550100@example.org",
    '"Ann Example" <sip:+15005550100@example.org>;tag=1',
    "+15005550100@example.org",
    "  +15005550100\t",
    "\u202d+15005550100\u202c",
    "＋１５００５５５０１００",
    "٥٠٠٥٥٥٠١٠٠",
    "'+15005550100'",
)
WITHHELD = (
    "anonymous",
    "Anonymous",
    "RESTRICTED",
    "private",
    "Private Number",
    "unknown",
    "Blocked",
    "unavailable",
    "",
    "   ",
    "\x00",
    "+266696687",
    "+7378742833",
    "+86282452253",
    "+8656696",
    "+2562533",
    "266696687",
    "00266696687",
    "+266 696 687",
    "+86 28 2452253",
    "+86-282452253 ext. 4",
    "0086282452253",
    "sip:anonymous@anonymous.invalid",
    '"Anonymous" <sip:anonymous@anonymous.invalid>',
    "sip:+266696687@example.org",
    "tel:+266696687",
    "sip:unavailable@example.org",
    "sip:@example.org",
    "(unknown)",
)
UNREADABLE = (
    "client:ann",
    "client:+15005550100",
    "sip:ann@example.org",
    "sip:ann5005550100@example.org",
    "ann",
    "1001",
    "+1",
    "+1415555",
    "+9991234567",
    "+44" + "1" * 14,
    "1" * 5000,
    "+" * 300,
    "'; DROP TABLE callers; --",
    "tel:",
    "<>",
    "\ud800",
    "½⅓",
)


@pytest.mark.parametrize("raw", SAME)
def test_every_way_to_write_a_number_gives_the_same_one(raw: str) -> None:
    assert US.read(raw) == ANN


@pytest.mark.parametrize("raw", WITHHELD)
def test_a_hidden_number_is_withheld_and_no_number(raw: str) -> None:
    assert US.read(raw) == CallerNumber(withheld=True)


@pytest.mark.parametrize("raw", UNREADABLE)
def test_what_is_no_number_is_neither_number_nor_withheld(raw: str) -> None:
    assert US.read(raw).number is None
    assert US.read(raw).country == ""


def test_national_forms_are_meant_in_the_region() -> None:
    assert GB.read("020 7946 0018") == CallerNumber(PhoneNumber("+442079460018"), "GB")
    assert GB.read("+44 (0)20 7946 0018") == CallerNumber(PhoneNumber("+442079460018"), "GB")
    assert PhoneNumbers("es").read("0039 06 1234 5678").number == PhoneNumber("+390612345678")


def test_a_number_without_plus_is_national_before_it_is_international() -> None:
    assert US.read("7378742833").number == PhoneNumber("+17378742833")
    assert GB.read("7378742833").number == PhoneNumber("+447378742833")
    assert PhoneNumbers("PT").read("266696687").number == PhoneNumber("+351266696687")
    assert NOWHERE.read("7378742833").withheld


def test_without_a_region_a_number_needs_its_country_code() -> None:
    assert NOWHERE.read("15005550100") == ANN
    assert NOWHERE.read("5005550100").number != ANN.number
    assert NOWHERE.read("(500) 555-0100").number is None


def test_a_number_of_no_country_has_none() -> None:
    assert NOWHERE.read("+80012345678") == CallerNumber(PhoneNumber("+80012345678"), "")


def test_an_unknown_region_is_refused_with_its_key() -> None:
    with pytest.raises(ConfigError, match=r"^callers\.region: 'ZZ'"):
        PhoneNumbers("ZZ")


def test_a_reading_prints_itself_without_the_number() -> None:
    shown = repr(US.read("+15005550100")) + str(US.read("+15005550100"))

    assert "5005550100" not in shown
    assert "5550100" not in shown


wild = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="+0123456789()-. x;ext=#,", max_size=30),
    st.from_regex(r"\+[1-9][0-9]{3,16}", fullmatch=True),
    st.from_regex(r"0{0,2}[1-9][0-9]{5,13}", fullmatch=True),
    st.sampled_from(SAME + WITHHELD + UNREADABLE),
)


@given(wild, st.sampled_from(["", "US", "GB", "DE", "AR", "MX", "BR", "IT", "CN", "RU", "CI"]))
@settings(max_examples=400, deadline=None)
@example("+5411151234567", "AR")
@example("+54111512345678", "AR")
@example("+52155512345678", "MX")
@example("+3912", "IT")
def test_reading_never_raises_and_a_number_that_was_read_gives_itself(raw: str, region: str) -> None:
    read = PhoneNumbers(region).read(raw)

    assert not (read.withheld and read.number)
    if read.number is not None:
        assert read.number.e164[0] == "+"
        assert read.number.e164[1:].isascii()
        assert 2 < len(read.number.e164[1:]) <= 15
        for other in ("", "US", region):
            assert PhoneNumbers(other).read(read.number.e164) == read
