"""TwiML, read as strictly as its documentation allows: what it does not promise is a finding against the service.

The tables say which verb may hold what, and which verbs each kind of document may hold (voice pages, read 2026-03).
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from enum import StrEnum
from urllib.parse import urljoin, urlsplit

from msgspec import Struct

LARGEST = 64 * 1024  # bytes of a document (11750)
LONGEST_NAME = 64  # characters of a queue's name
LONGEST_PARAMETER = 500  # characters of a <Parameter>, name and value together
CONTENT_TYPES = frozenset({"text/xml", "application/xml"})


class Place(StrEnum):
    """Where a document is run; each place allows other verbs."""

    CALL = "call"
    WAIT = "wait"  # waitUrl, and the action of a Gather in it
    BEFORE_BRIDGE = "before bridge"  # <Dial><Queue url>, heard by the queued caller
    WHISPER = "whisper"  # <Number url>, heard by the agent


class Verb(Struct, frozen=True):
    name: str
    attributes: dict[str, str]
    text: str = ""
    children: tuple[Verb, ...] = ()

    def number(self, name: str, default: int) -> int:
        value = self.attributes.get(name, "")
        return int(value) if value.isascii() and value.isdigit() else default

    def flag(self, name: str, default: bool) -> bool:
        return {"true": True, "false": False}.get(self.attributes.get(name, ""), default)


class Document(Struct, frozen=True):
    """`complaints` are pairs of a closed word and a sentence. A broken document cannot be run at all."""

    url: str
    verbs: tuple[Verb, ...] = ()
    complaints: tuple[tuple[str, str], ...] = ()
    broken: bool = False

    def resolve(self, reference: str) -> str:
        """A URL of the document, absolute: relative ones hang on the document's own."""
        return urljoin(self.url, reference.strip())


ANYWHERE = frozenset({"Say", "Play", "Pause", "Redirect"})
ALLOWED = {
    Place.CALL: ANYWHERE
    | {"Gather", "Dial", "Enqueue", "Leave", "Hangup", "Reject", "Connect", "Start", "Stop", "Record", "Refer", "Sms"},
    Place.WAIT: ANYWHERE | {"Hangup", "Leave", "Gather"},
    Place.BEFORE_BRIDGE: ANYWHERE,
    Place.WHISPER: ANYWHERE | {"Gather", "Hangup"},
}
NESTED = {
    "Gather": frozenset({"Say", "Play", "Pause"}),
    "Dial": frozenset({"Number", "Client", "Sip", "Queue", "Conference"}),
    "Enqueue": frozenset({"Task"}),
    "Connect": frozenset({"Stream"}),
    "Start": frozenset({"Stream"}),
    "Stop": frozenset({"Stream"}),
    "Stream": frozenset({"Parameter"}),
    "Client": frozenset({"Identity", "Parameter"}),
    "Say": frozenset({"break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"}),
}
CALLBACKS = "url method statusCallback statusCallbackEvent statusCallbackMethod"
ATTRIBUTES = {
    name: frozenset(words.split())
    for name, words in {
        "Say": "voice language loop",
        "Play": "loop digits",
        "Pause": "length",
        "Redirect": "method",
        "Hangup": "",
        "Leave": "",
        "Reject": "reason",
        "Gather": "action method input numDigits finishOnKey timeout speechTimeout actionOnEmptyResult bargeIn debug hints"
        " language speechModel profanityFilter enhanced partialResultCallback partialResultCallbackMethod",
        "Enqueue": "action method waitUrl waitUrlMethod workflowSid maxQueueSize",
        "Dial": "action method timeout callerId answerOnBridge hangupOnStar timeLimit record ringTone trim sequential"
        " recordingStatusCallback recordingStatusCallbackEvent recordingStatusCallbackMethod referUrl referMethod",
        "Number": f"{CALLBACKS} sendDigits byoc",
        "Client": CALLBACKS,
        "Sip": f"{CALLBACKS} username password",
        "Queue": "url method reservationSid postWorkActivitySid",
        "Connect": "action method",
        "Stream": "url name track statusCallback statusCallbackMethod",
        "Parameter": "name value",
    }.items()
}
METHODS = frozenset({"GET", "POST"})
KEYS = frozenset("0123456789#*")


def _whole(least: int) -> Callable[[str], bool]:
    return lambda value: value.isascii() and value.isdigit() and int(value) >= least


def _method(value: str) -> bool:
    return value in METHODS


def _flag(value: str) -> bool:
    return value in ("true", "false")


VALUES: dict[tuple[str, str], Callable[[str], bool]] = {
    ("Gather", "input"): lambda value: sorted(value.split()) in (["dtmf"], ["speech"], ["dtmf", "speech"]),
    ("Gather", "numDigits"): _whole(1),
    ("Gather", "timeout"): _whole(0),
    ("Gather", "speechTimeout"): lambda value: value == "auto" or _whole(0)(value),
    ("Gather", "finishOnKey"): lambda value: value == "" or value in KEYS,
    ("Gather", "actionOnEmptyResult"): _flag,
    ("Gather", "bargeIn"): _flag,
    ("Gather", "profanityFilter"): _flag,
    ("Gather", "method"): _method,
    ("Say", "loop"): _whole(0),
    ("Play", "loop"): _whole(0),
    ("Play", "digits"): lambda value: bool(value) and set(value) <= set("0123456789wWABCD#*"),
    ("Pause", "length"): _whole(0),
    ("Redirect", "method"): _method,
    ("Enqueue", "method"): _method,
    ("Enqueue", "waitUrlMethod"): _method,
    ("Dial", "method"): _method,
    ("Dial", "timeout"): _whole(1),
    ("Dial", "timeLimit"): _whole(1),
    ("Queue", "method"): _method,
    ("Connect", "method"): _method,
}


def read(body: bytes, content_type: str, url: str, place: Place) -> Document:
    """The document that came as the answer to `url`, with everything in it that its documentation does not allow."""
    kind = content_type.partition(";")[0].strip().lower()
    complaints = list(_outside(body, kind))
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        return Document(url, (), (*complaints, ("doctype", "the document carries a DOCTYPE or an entity")), broken=True)
    try:
        root = ET.fromstring(body)  # noqa: S314 entities are refused above
    except (ET.ParseError, ValueError, LookupError) as error:
        return Document(url, (), (*complaints, ("not_xml", f"the document is no XML ({error})")), broken=True)
    if root.tag != "Response":
        found = ("root", f"the document's root is <{root.tag}>, not <Response>")
        return Document(url, (), (*complaints, found), broken=True)
    complaints += _verbs(root, place)
    verbs = tuple(_verb(child) for child in root if child.tag in ALLOWED[place])
    return Document(url, verbs, tuple(complaints), broken=len(body) > LARGEST or kind not in CONTENT_TYPES)


def _outside(body: bytes, kind: str) -> Iterator[tuple[str, str]]:
    if kind not in CONTENT_TYPES:
        yield "content_type", f"a document came as {kind or 'nothing'}, not as text/xml (12300)"
    if len(body) > LARGEST:
        yield "too_large", f"a document has {len(body)} bytes, the limit is {LARGEST} (11750)"


def _verb(element: ET.Element) -> Verb:
    children = tuple(_verb(child) for child in element)
    text = "".join(element.itertext()) if element.tag == "Say" else element.text or ""
    return Verb(element.tag, dict(element.attrib), text.strip(), children)


def _verbs(root: ET.Element, place: Place) -> Iterator[tuple[str, str]]:
    if (root.text or "").strip() or any((child.tail or "").strip() for child in root):
        yield "stray_text", "there is text between the verbs"
    for child in root:
        if child.tag not in ALLOWED[Place.CALL]:
            yield "unknown_verb", f"<{child.tag}> is no verb"
        elif child.tag not in ALLOWED[place]:
            yield "forbidden_verb", f"<{child.tag}> is not allowed in a {place} document"
        yield from _element(child)


def _element(element: ET.Element) -> Iterator[tuple[str, str]]:
    name = element.tag
    for attribute, value in element.attrib.items():
        if name in ATTRIBUTES and attribute not in ATTRIBUTES[name]:
            yield "attribute", f"<{name}> has no attribute {attribute}"
        elif not VALUES.get((name, attribute), _anything)(value):
            yield "value", f"<{name} {attribute}> may not be {value[:40]!r}"
    for child in element:
        if child.tag not in NESTED.get(name, frozenset()):
            yield "nesting", f"<{child.tag}> may not stand in <{name}>"
        elif name != "Say":
            yield from _element(child)
    yield from CONTENTS.get(name, _no_complaint)(element)


def _anything(value: str) -> bool:
    return True


def _no_complaint(element: ET.Element) -> Iterator[tuple[str, str]]:
    return iter(())


def _play(element: ET.Element) -> Iterator[tuple[str, str]]:
    if not (element.text or "").strip() and "digits" not in element.attrib:
        yield "empty", "<Play> names nothing to play"


def _text_wanted(element: ET.Element) -> Iterator[tuple[str, str]]:
    if not "".join(element.itertext()).strip():
        yield "empty", f"<{element.tag}> is empty"


def _gather(element: ET.Element) -> Iterator[tuple[str, str]]:
    if any(child.tag == "Play" and "digits" in child.attrib for child in element):
        yield "nesting", "<Play digits> may not stand in <Gather>"


def _enqueue(element: ET.Element) -> Iterator[tuple[str, str]]:
    name = (element.text or "").strip()
    if not name and "workflowSid" not in element.attrib:
        yield "empty", "<Enqueue> names no queue"
    if len(name) > LONGEST_NAME:
        yield "value", f"a queue's name has {len(name)} characters, the limit is {LONGEST_NAME}"


def _stream(element: ET.Element) -> Iterator[tuple[str, str]]:
    url = urlsplit(element.attrib.get("url", ""))
    if url.scheme not in ("wss", "ws"):
        yield "stream_url", f"<Stream> wants a wss URL, not {element.attrib.get('url', '')[:60]!r}"
    if url.query:
        yield "stream_url", "a <Stream> URL may not have a query string"
    for child in element:
        if len(child.attrib.get("name", "")) + len(child.attrib.get("value", "")) > LONGEST_PARAMETER:
            yield "value", f"a <Parameter> is longer than {LONGEST_PARAMETER} characters"


CONTENTS: dict[str, Callable[[ET.Element], Iterator[tuple[str, str]]]] = {
    "Play": _play,
    "Say": _text_wanted,
    "Redirect": _text_wanted,
    "Gather": _gather,
    "Enqueue": _enqueue,
    "Stream": _stream,
}
