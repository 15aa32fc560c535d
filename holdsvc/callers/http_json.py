"""Any CRM that answers JSON over HTTP: where to ask stands in a template, where the answer stands in dotted paths.

It opens no connection of its own: the client is handed in, with its deadlines and its check of addresses. No message says more of
a request than its host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import quote, urlsplit

from msgspec import Struct, field
from msgspec.structs import replace

from holdsvc.calls.model import Contact, PhoneNumber, bare, with_more
from holdsvc.errors import ConfigError, OutboundFailed
from holdsvc.ports import Numbers

FIELDS = ("name", "account", "language", "segment", "note")
HOLES = ("{number}", "{digits}")  # E.164 with its plus, and without
LARGEST = 256 << 10  # bytes of an answer
LONGEST = 1000  # characters of a field
SECONDS = 4.0  # a late answer is still news
UNKNOWN = (204, 404, 410)
WORTH_A_RETRY = (408, 425, 429)


class GetJson(Protocol):
    """Status and value of a GET. Raise `OutboundFailed` where none came, in time and in size."""

    async def __call__(
        self, url: str, headers: Mapping[str, str], *, seconds: float, limit: int
    ) -> tuple[int, object]: ...


class HttpJsonSettings(Struct, frozen=True):
    """Paths: "customer.name", "results.0.title"; a name that itself has dots cannot be reached."""

    url: str  # with {number} or {digits}
    headers: Mapping[str, str] = field(default_factory=dict)  # the secret among them
    records: str = ""  # path to the list of records, or to the one; "" for the whole answer
    fields: Mapping[str, str] = field(
        default_factory=lambda: {name: name for name in FIELDS}
    )  # ours -> path in a record
    number: str = ""  # path to the record's own number: records of another number are left out
    more: tuple[str, ...] = ()  # of `fields`, those that are ours only for updates that are the caller's own
    seconds: float = SECONDS

    def __repr__(self) -> str:
        return f"HttpJsonSettings(host={urlsplit(self.url).hostname!r})"  # the URL and the headers may hold a secret

    __str__ = __repr__

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("host", urlsplit(self.url).hostname)]


class HttpJsonDirectory:
    def __init__(self, settings: HttpJsonSettings, get_json: GetJson, numbers: Numbers, name: str = "crm") -> None:
        self.name = name
        self._settings = settings
        self._get_json = get_json
        self._numbers = numbers
        self._host = _host(settings.url)
        _check(settings)

    async def find(self, number: PhoneNumber) -> Contact | None:
        settings = self._settings
        status, answer = await self._get_json(
            self._url(number), settings.headers, seconds=settings.seconds, limit=LARGEST
        )
        if status in UNKNOWN:
            return None
        if not 200 <= status < 300:
            raise OutboundFailed(
                f"{self._host} answered HTTP {status}", retryable=status >= 500 or status in WORTH_A_RETRY
            )
        records = [record for record in _records(answer, settings.records) if self._belongs(record, number)]
        return self._contact(records) if records else None

    async def close(self) -> None:
        """The client belongs to whoever handed it in."""

    def _url(self, number: PhoneNumber) -> str:
        plain, digits = quote(number.e164, safe=""), quote(number.e164.lstrip("+"), safe="")
        return self._settings.url.replace("{number}", plain).replace("{digits}", digits)

    def _belongs(self, record: object, number: PhoneNumber) -> bool:
        """Many a CRM searches generously; then the record's own number decides."""
        if not self._settings.number:
            return True
        return self._numbers.read(_text(_at(record, self._settings.number))).number == number

    def _contact(self, records: Sequence[object]) -> Contact | None:
        """The record, or what several records agree on. None where a record has nothing that we asked for."""
        nobody = Contact(source=self.name)
        told: list[Contact] = []
        for record in records:
            found = {name: _text(_at(record, path)) for name, path in self._settings.fields.items()}
            contact = replace(nobody, **{name: value for name, value in found.items() if name in FIELDS})
            contact = with_more(contact, {name: value for name, value in found.items() if name not in FIELDS})
            if contact not in told and contact != nobody:
                told.append(contact)
        return _together(told) if told else None


def _together(told: Sequence[Contact]) -> Contact:
    if len(told) == 1:
        return told[0]
    told = [bare(contact) for contact in told]  # nothing is said to a caller of whom it is open who it is
    first, names = told[0], list(dict.fromkeys(contact.name for contact in told if contact.name))
    different = {name: "" for name in FIELDS if any(getattr(other, name) != getattr(first, name) for other in told)}
    return replace(first, ambiguous=True, **{**different, "name": " / ".join(names[:3])})


def _records(answer: object, path: str) -> list[object]:
    found = _at(answer, path) if path else answer
    if isinstance(found, list):
        return [record for record in found if record is not None]
    return [] if found is None else [found]


def _at(value: object, path: str) -> object:
    """What stands at the path; None where nothing does."""
    for step in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif (
            isinstance(value, list) and step.isdecimal() and step.isascii() and len(step) < 7 and int(step) < len(value)
        ):
            value = value[int(step)]
        else:
            return None
    return value


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    shown = (letter if letter.isprintable() else " " for letter in str(value)[: LONGEST * 2])
    return " ".join("".join(shown).split())[:LONGEST]


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https") or "{" in parts.netloc:
        raise ConfigError("callers.http.url", "it must start with https:// and a host, and name {number} after that")
    return host


def _check(settings: HttpJsonSettings) -> None:
    if not any(hole in settings.url for hole in HOLES):
        raise ConfigError(
            "callers.http.url", "it must say where the caller's number goes: {number}, or {digits} without plus"
        )
    if unknown := sorted(set(settings.fields) - {*FIELDS, *settings.more}):
        why = f"{unknown[0]!r} is none of {', '.join(FIELDS)}, and no text of a [personal.NAME] speaks of it"
        raise ConfigError("callers.http.fields", why)
    if any(not path for path in settings.fields.values()):
        raise ConfigError("callers.http.fields", "a path is empty")
    for name, value in settings.headers.items():
        if not name or not name.isascii() or any(sign in name + value for sign in "\r\n\0"):
            raise ConfigError("callers.http.headers", f"{name!r} is not a header that can be sent")
    if not 0 < settings.seconds <= 60:
        raise ConfigError("callers.http.seconds", "it must lie between 0 and 60")
