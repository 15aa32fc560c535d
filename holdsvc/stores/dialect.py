"""Where the two databases differ in how a question is put. All else is said in words that both understand."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count

from msgspec import Struct


class Dialect(Struct, frozen=True):
    text: Callable[[str, str], str]  # (JSON, name) -> its text
    real: Callable[[str, str], str]  # the same of a number
    each: Callable[[str], str]  # column with a JSON list -> what stands in FROM; the one at hand is `one.value`
    named: Callable[[str, str], str]  # (JSON object, name of a key) -> what stands there
    hour: Callable[[str], str]  # moment -> hours since 1970
    in_order: str  # a join whose left side is read first


SQLITE = Dialect(
    text=lambda value, name: f"json_extract({value}, '$.{name}')",
    real=lambda value, name: f"json_extract({value}, '$.{name}')",
    each=lambda column: f"json_each({column}) AS one",
    named=lambda value, key: f"(SELECT found.value FROM json_each({value}) AS found WHERE found.key = {key})",  # noqa: S608  constants
    hour=lambda moment: f"CAST({moment} AS INTEGER) / 3600",
    in_order="CROSS JOIN",
)
POSTGRES = Dialect(
    text=lambda value, name: f"(CAST({value} AS json) ->> '{name}')",
    real=lambda value, name: f"CAST(CAST({value} AS json) ->> '{name}' AS double precision)",
    each=lambda column: f"json_array_elements(CAST({column} AS json)) AS one(value)",
    named=lambda value, key: f"(CAST({value} AS json) ->> {key})",
    hour=lambda moment: f"CAST(floor({moment} / 3600) AS bigint)",
    in_order="JOIN",
)
MARK = re.compile(r"\?")


def numbered(sql: str) -> str:
    """`?` as PostgreSQL wants it: $1, $2 and so on."""
    places = count(1)
    return MARK.sub(lambda _: f"${next(places)}", sql)


def exact(seconds: str) -> str:
    """A sum that does not depend on the order: of whole microseconds."""
    return f"CAST(sum(CAST(round({seconds} * 1e6) AS bigint)) AS double precision) / 1e6"
