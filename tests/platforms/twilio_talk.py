"""Talking to the Twilio adapter in tests: what it reads, what it answers."""

from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

from holdsvc.calls.instructions import (
    Listen,
    Play,
    Say,
)
from holdsvc.calls.model import CallId, CallRef, PromptId
from holdsvc.platforms.twilio import Twilio

from .bench import MENU, NOW, TUNE, posted, scene

HOUSE = Twilio(insecure=True)
CALL = "CAaaaabbbbccccddddeeeeffff00001111"
AGENT = "CA9999bbbbccccddddeeeeffff00002222"
REF = CallRef("twilio", CallId(CALL))
DOCUMENT = (
    Play(TUNE, 0.0, 10.0, -6.0),
    Say((PromptId("menu"),), "en"),
    Play(TUNE, 10.0, 60.0, -6.0),
    Listen(MENU, "en"),
)


def parsed(step, query="queue=support&turn=3", at=NOW, **fields):
    told = {"CallSid": CALL, "From": "+15005550122", **fields}
    return HOUSE.parse(HOUSE.verify(posted(step, urlencode(told).encode(), query, at=at, platform="twilio")))


def event(*args, **fields):
    (only,) = (one for one in parsed(*args, **fields).events if not getattr(one, "inferred", False))
    return only


def rendered(step, *todo, **changes):
    reply = HOUSE.render(REF, todo, scene(step, **changes))
    return ElementTree.fromstring(reply.body)


def shape(element):
    return element.tag, tuple(sorted(element.attrib)), tuple(shape(child) for child in element)


def tags(element):
    return [child.tag for child in element]


def link(document, path):
    """Where a rendered document leads, as the query of the request that follows."""
    verb = document.find(path)
    return urlsplit(verb.get("action") or verb.text).query
