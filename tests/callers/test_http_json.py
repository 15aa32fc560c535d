"""A CRM is asked as its settings say, and nothing that it answers can do harm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.callers.http_json import HttpJsonDirectory, HttpJsonSettings
from holdsvc.callers.numbers import PhoneNumbers
from holdsvc.calls.model import Contact, PhoneNumber, Record, bare
from holdsvc.errors import ConfigError, OutboundFailed

ANN = PhoneNumber("+15005550100")
URL = "https://crm.example/people?phone={number}"
NUMBERS = PhoneNumbers("US")
PLAIN = {"name": "Ann Example", "account": 17, "language": "en", "segment": None, "note": ["a", "list"]}


class Client:
    """Answers what it was given and remembers what it was asked."""

    def __init__(self, status: int = 200, value: object = None, error: OutboundFailed | None = None) -> None:
        self.answer = (status, value)
        self.error = error
        self.asked: list[tuple[str, Mapping[str, str], float, int]] = []

    async def __call__(self, url: str, headers: Mapping[str, str], *, seconds: float, limit: int) -> tuple[int, object]:
        self.asked.append((url, headers, seconds, limit))
        if self.error:
            raise self.error
        return self.answer


async def find(client: Client, url: str = URL, **settings: Any) -> Contact | None:
    return await HttpJsonDirectory(HttpJsonSettings(url=url, **settings), client, NUMBERS).find(ANN)


async def test_the_number_is_asked_for_where_the_template_says_with_the_headers_of_the_settings() -> None:
    client = Client(value=PLAIN)

    await find(client, headers={"Authorization": "Bearer secret"}, seconds=2.0)
    await find(client, url="https://crm.example/{digits}/card")

    assert client.asked[0] == (
        "https://crm.example/people?phone=%2B15005550100",
        {"Authorization": "Bearer secret"},
        2.0,
        262144,
    )
    assert client.asked[1][0] == "https://crm.example/15005550100/card"


async def test_fields_are_taken_from_their_paths_and_only_plain_values_count() -> None:
    assert await find(Client(value=PLAIN)) == Contact("Ann Example", "17", "en", "", "", "crm")

    deep = {"data": [{"attributes": {"full": "Ann Example", "tier": ["gold"]}}]}
    fields = {"name": "data.0.attributes.full", "segment": "data.0.attributes.tier.0", "note": "data.1.nothing"}
    assert await find(Client(value=deep), fields=fields) == Contact("Ann Example", segment="gold", source="crm")


@pytest.mark.parametrize(
    ("status", "value"),
    [
        (404, None),
        (204, None),
        (410, None),
        (200, None),
        (200, []),
        (200, {}),
        (200, {"name": ""}),
        (200, 7),
        (200, "Ann"),
        (200, [[]]),
    ],
)
async def test_who_is_not_there_is_unknown(status: int, value: object) -> None:
    assert await find(Client(status, value)) is None


async def test_one_record_of_a_list_is_the_caller_and_several_are_ambiguous() -> None:
    ann, bob = {"name": "Ann", "language": "en"}, {"name": "Bob", "language": "en"}

    assert await find(Client(value=[ann])) == Contact("Ann", language="en", source="crm")
    assert await find(Client(value={"hits": [ann, ann]}), records="hits") == Contact("Ann", language="en", source="crm")
    both = Contact("Ann / Bob", language="en", source="crm", ambiguous=True)
    assert await find(Client(value={"hits": [ann, bob]}), records="hits") == both
    assert await find(Client(value={"hits": []}), records="hits") is None
    assert await find(Client(value={"other": 1}), records="hits") is None


async def test_records_of_another_number_are_left_out_where_the_number_is_told() -> None:
    hits = [{"name": "Ann", "tel": "(500) 555-0100 x7"}, {"name": "Bob", "tel": "500 555 0101"}, {"name": "Cy"}]

    assert await find(Client(value=hits), number="tel") == Contact("Ann", source="crm")


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(301, False), (400, False), (401, False), (403, False), (429, True), (500, True), (503, True)],
)
async def test_a_status_that_tells_nothing_is_a_failure(status: int, retryable: bool) -> None:
    with pytest.raises(OutboundFailed, match=f"crm.example answered HTTP {status}") as failed:
        await find(Client(status))

    assert failed.value.retryable is retryable
    assert "5005550100" not in str(failed.value)


async def test_a_failure_of_the_client_is_handed_on() -> None:
    broken = OutboundFailed("crm.example did not answer within 4 s")

    with pytest.raises(OutboundFailed) as failed:
        await find(Client(error=broken))

    assert failed.value is broken


async def test_what_comes_is_cut_and_made_one_plain_line() -> None:
    contact = await find(Client(value={"name": "A\x00n\nn\u202e " + "x" * 5000}))

    assert contact is not None
    assert contact.name.startswith("A n n x")
    assert len(contact.name) == 1000


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"url": "https://crm.example/people"}, "callers.http.url"),
        ({"url": "https://{number}.example/"}, "callers.http.url"),
        ({"url": "ftp://crm.example/{number}"}, "callers.http.url"),
        ({"url": "{number}"}, "callers.http.url"),
        ({"url": "https://[::1/{number}"}, "callers.http.url"),
        ({"url": URL, "fields": {"nmae": "name"}}, "callers.http.fields"),
        ({"url": URL, "fields": {"name": ""}}, "callers.http.fields"),
        ({"url": URL, "headers": {"a": "b\r\nc: d"}}, "callers.http.headers"),
        ({"url": URL, "seconds": 0.0}, "callers.http.seconds"),
    ],
)
def test_settings_that_cannot_work_name_their_key(settings: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=f"^{key}: ") as failed:
        HttpJsonDirectory(HttpJsonSettings(**settings), Client(), NUMBERS)

    assert failed.value.key == key


def test_settings_print_neither_secret_nor_url() -> None:
    shown = HttpJsonSettings(url="https://crm.example/{number}?key=hush", headers={"Authorization": "Bearer hush"})

    assert "hush" not in repr(shown) + str(shown) + f"{shown}"


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "a", "b", "0"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(
    json, st.sampled_from(["", "a", "a.0", "a.b", "0"]), st.sampled_from(["name", "a.name", "0", "a.0.b", "..", "a.٣"])
)
async def test_any_answer_gives_a_contact_or_none(value: object, records: str, path: str) -> None:
    contact = await find(Client(value=value), records=records, fields={"name": path})

    assert contact is None or (contact.name and contact.name.isprintable())


async def test_fields_for_what_is_a_callers_own_come_beside_the_contact() -> None:
    value = {**PLAIN, "orders": [{"no": 17, "state": "under\nway"}]}
    fields = {"name": "name", "order": "orders.0.no", "status": "orders.0.state", "place": "orders.0.place"}

    found = await find(Client(value=value), fields=fields, more=("order", "status", "place"))

    assert found == Record("Ann Example", source="crm", more=(("order", "17"), ("status", "under way")))
    assert bare(found) == Contact("Ann Example", source="crm")


async def test_of_several_records_nothing_of_a_callers_own_is_told() -> None:
    value = [{"name": "Ann", "order": "1"}, {"name": "Ann", "order": "2"}]

    found = await find(Client(value=value), fields={"name": "name", "order": "order"}, more=("order",))

    assert found == Contact("Ann", source="crm", ambiguous=True)


async def test_a_field_that_nothing_speaks_of_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match=r"'acount' is none of .* no text of a .personal\.NAME. speaks of it"):
        await find(Client(value=PLAIN), fields={"acount": "account"}, more=("order",))
