"""TwiML: our instructions in Twilio's words. Trees, never strings; whatever a caller is called, it stays text.

Pages "Gather", "Enqueue", "Queue", "Dial", "Stream", read 2026-03. What may stand where: a wait document has Play, Say, Pause,
Gather, Redirect, Leave and Hangup; a queued caller before the bridge and a conference on hold get only the sounds and Redirect.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never
from urllib.parse import urlsplit
from xml.etree import ElementTree

from holdsvc.calls.heard import Part, Sent
from holdsvc.calls.instructions import (
    Brief,
    Depart,
    EnterQueue,
    HandOver,
    HangUp,
    Instruction,
    LeaveQueue,
    Listen,
    OpenStream,
    Play,
    Release,
    Say,
    Stop,
)
from holdsvc.calls.menu import Menu
from holdsvc.calls.model import ContentId
from holdsvc.platforms import heard
from holdsvc.ports import Destination, Reply, Scene

NAME = "twilio"
GATHER_TIMEOUT = 1  # seconds of silence after the sound, for a late key; then the next document
SPEECH_END = (
    1.0  # seconds of silence after which "auto" takes an utterance as finished; our estimate, it is nowhere told
)
MOST_HINTS, LONGEST_HINT = 500, 100  # Gather page, 2026-03
MOST_HINT_BYTES = 16 * 1024  # a document may have 64 kB in all (11750)
LONGEST_SAY = 4000  # characters; the limit is 4096
LONGEST_NAME = 64  # characters of a queue's name
FAREWELL = "Thank you for calling. Goodbye."
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# Gather wants a region. A language that is not here is not recognised, and keys alone are taken.
RECOGNISED = {
    "ar": "ar-SA", "cs": "cs-CZ", "da": "da-DK", "de": "de-DE", "el": "el-GR", "en": "en-US", "es": "es-ES", "fi": "fi-FI",
    "fr": "fr-FR", "he": "he-IL", "hi": "hi-IN", "hu": "hu-HU", "id": "id-ID", "it": "it-IT", "ja": "ja-JP", "ko": "ko-KR",
    "nb": "nb-NO", "nl": "nl-NL", "no": "nb-NO", "pl": "pl-PL", "pt": "pt-PT", "ro": "ro-RO", "ru": "ru-RU", "sk": "sk-SK",
    "sv": "sv-SE", "th": "th-TH", "tr": "tr-TR", "uk": "uk-UA", "vi": "vi-VN", "zh": "cmn-Hans-CN",
}  # fmt: skip

Element = ElementTree.Element
QUEUED = frozenset(
    {"wait", "input"}
)  # steps whose documents a waiting caller hears: they play, and lead to the next one
LISTED = frozenset({"agent", "whisper"})  # documents of an agent's, or for the moment before the bridge


def render(todo: Sequence[Instruction], scene: Scene) -> Reply:
    return reply(verbs(todo, scene))


def fallback(scene: Scene, house: ContentId) -> Reply:
    """Harmless at each step: into the queue, or house music and back; elsewhere nothing."""
    match scene.step:
        case "call":
            return reply([enqueue(scene, scene.queue)])
        case "wait" | "input" | "hold":
            return reply([*play(Play(house, 0.0), scene), redirect(scene, "hold" if scene.step == "hold" else "wait")])
        case _:
            return reply([])


def verbs(todo: Sequence[Instruction], scene: Scene) -> list[Element]:
    match scene.step:
        case "status":
            return []  # nobody runs what is answered to a status
        case "left":
            # The caller comes here after the talk, too: only somebody who is to go on goes on.
            return moves(todo, scene) if any(isinstance(one, Depart | HandOver | HangUp) for one in todo) else []
        case "agent" | "whisper":
            told = [verb for one in todo for verb in for_the_agent(one, scene)]
            return [*told, take_next(scene)] if calls_in(todo, scene) else told
        case "hold":
            return [*sounds(todo, scene), redirect(scene, "hold", parts(todo, scene))]
        case _:
            return moves(todo, scene) if any(map(leads_away, todo)) else programme(todo, scene)


def leads_away(one: Instruction) -> bool:
    return isinstance(one, EnterQueue | OpenStream | HandOver | LeaveQueue | Depart | HangUp)


def programme(todo: Sequence[Instruction], scene: Scene) -> list[Element]:
    """Something plays, the caller is listened to, and the next document follows by itself."""
    if scene.step == "call" and not any(isinstance(one, Say | Play) for one in todo):
        return [enqueue(scene, scene.queue)]
    sent = parts(todo, scene)
    heard_here = sounds(todo, scene) or [element("Pause", length="5")]
    listen = next((one for one in todo if isinstance(one, Listen)), None)
    if listen is None:
        return [*heard_here, redirect(scene, "wait", sent)]
    return [gather(listen, heard_here, scene, sent), redirect(scene, "wait", sent)]


def moves(todo: Sequence[Instruction], scene: Scene) -> list[Element]:
    """What is said on the way, then the way."""
    way = [verb for one in todo if leads_away(one) for verb in leading(one, scene, said=bool(sounds(todo, scene)))]
    return [*sounds(todo, scene), *way]


def leading(one: Instruction, scene: Scene, *, said: bool) -> list[Element]:
    match one:
        case EnterQueue(queue=queue):
            return [enqueue(scene, queue)]
        case OpenStream(queue=queue):
            if not scene.streams or not scene.token:
                return [enqueue(scene, queue)]
            return stream(scene)
        case HandOver():
            return connect(scene.hand_over, scene) or farewell(said)
        case Depart(why=why):
            return send_on(scene.departures.get(why, Destination()), scene) or farewell(said)
        case LeaveQueue():
            return [element("Leave")]
        case HangUp():
            return [element("Hangup")]
        case Say() | Play() | Listen() | Stop() | Release() | Brief():
            return []
        case _:
            assert_never(one)


def for_the_agent(one: Instruction, scene: Scene) -> list[Element]:
    """For an agent's ear, or the last words to the queued caller."""
    match one:
        case Say():
            return list(say(one, scene))
        case Brief(facts=facts):
            return [element("Say", " ".join(facts)[:LONGEST_SAY])] if any(fact.strip() for fact in facts) else []
        case HangUp():
            return [element("Hangup")]
        case (
            Play() | Listen() | Stop() | EnterQueue() | OpenStream() | Release() | HandOver() | LeaveQueue() | Depart()
        ):
            return []
        case _:
            assert_never(one)


def calls_in(todo: Sequence[Instruction], scene: Scene) -> bool:
    """An agent's own call is no session of ours, so its turn is 0; an agent's leg belongs to the caller's session."""
    return scene.step == "agent" and scene.turn == 0 and any(isinstance(one, Brief) for one in todo)


# --- sound ------------------------------------------------------------------------------------------------------------


def sounds(todo: Iterable[Instruction], scene: Scene) -> list[Element]:
    return [verb for one in todo for verb in sound(one, scene)]


def sound(one: Instruction, scene: Scene) -> Iterator[Element]:
    if isinstance(one, Say):
        yield from say(one, scene)
    elif isinstance(one, Play):
        yield from play(one, scene)


def say(one: Say, scene: Scene) -> Iterator[Element]:
    for prompt in one.prompts:
        yield element("Play", scene.links.prompt(one.language, prompt))


def play(one: Play, scene: Scene) -> Iterator[Element]:
    began, until = bounds(one, scene)
    yield element("Play", scene.links.content(one.content, began, until, one.gain))


def bounds(one: Play, scene: Scene) -> tuple[float, float]:
    """A document names finite sound: where no end is told it is the item's, or a segment's length."""
    began = max(0.0, one.from_second)
    if one.until_second is not None and one.until_second > began:
        return began, one.until_second
    length = scene.length_of(one.content)
    return began, min(length, began + scene.segment) if length > began else began + scene.segment


def parts(todo: Iterable[Instruction], scene: Scene) -> dict[str, str]:
    """What this document lets the caller hear, for the links that lead out of it."""
    content = next((one.content for one in todo if isinstance(one, Play)), ContentId(""))
    listed: list[Part] = []
    for one in todo:
        if isinstance(one, Say):
            listed += [Part(scene.seconds_of(one.language, prompt)) for prompt in one.prompts]
        elif isinstance(one, Play):
            began, until = bounds(one, scene)
            listed.append(Part(until, began) if one.content == content else Part(until - began))
    return heard.write(Sent(scene.at, content, tuple(listed)))


def gather(listen: Listen, nested: Sequence[Element], scene: Scene, sent: dict[str, str]) -> Element:
    """Keys and words during everything that is nested.

    An empty result falls through to the redirect behind it, whose request tells the place in the queue; an action's does not.
    """
    language = listen.language if "-" in listen.language else RECOGNISED.get(listen.language, "")
    speech = {"speechTimeout": "auto", "language": language, "hints": hints(listen.menu)} if language else {}
    verb = element(
        "Gather",
        input="dtmf speech" if language else "dtmf",
        numDigits="1",
        finishOnKey="",  # else "#" could not be pressed
        timeout=str(GATHER_TIMEOUT),
        action=hook(scene, "input", sent),
        method="POST",
        **{name: value for name, value in speech.items() if value},
    )
    verb.extend(nested)
    return verb


def hints(menu: Menu) -> str:
    """The words that may be said; a comma parts two hints, so none can stand in one."""
    told, size = [], 0
    for word in menu.words[:MOST_HINTS]:
        hint = " ".join(NOT_IN_XML.sub("", word).replace(",", " ").split())
        size += len(hint.encode()) + 1
        if size > MOST_HINT_BYTES:
            break
        if 0 < len(hint) <= LONGEST_HINT:
            told.append(hint)
    return ",".join(told)


# --- where the call goes ----------------------------------------------------------------------------------------------


def enqueue(scene: Scene, queue: str) -> Element:
    wait, action = hook(scene, "wait"), hook(scene, "left", heard.written_at(scene.at))
    return element("Enqueue", queue_name(queue), waitUrl=wait, waitUrlMethod="POST", action=action, method="POST")


def stream(scene: Scene) -> list[Element]:
    """The verbs behind <Connect> are run when our side has closed the socket."""
    opened = element("Stream", url=scene.links.media(NAME, scene.token))
    opened.append(element("Parameter", name="token", value=scene.token))
    connected = element("Connect")
    connected.append(opened)
    return [connected, redirect(scene, "wait", {"after": "stream"})]


def connect(to: Destination, scene: Scene) -> list[Element]:
    """To an agent: we are told when the agent answers, and the agent is told who is coming."""
    if to.dial:
        number = element(
            "Sip" if is_sip(to.dial) else "Number",
            to.dial,
            url=hook(scene, "whisper"),
            method="POST",
            statusCallback=hook(scene, "status"),
            statusCallbackEvent="answered completed",
            statusCallbackMethod="POST",
        )
        dial = element("Dial", action=hook(scene, "left"), method="POST")
        dial.append(number)
        return [dial]
    if to.enqueue:
        return [enqueue(scene, to.enqueue)]
    return send_on(to, scene)


def send_on(to: Destination, scene: Scene) -> list[Element]:
    """Out of this queue. What happens elsewhere is no wait of ours; at a door of ours the next one begins."""
    if to.dial:
        dial = element("Dial")
        dial.append(element("Sip" if is_sip(to.dial) else "Number", to.dial))
        return [dial]
    if to.enqueue:
        return [element("Enqueue", queue_name(to.enqueue))]
    return [element("Redirect", onward(to.redirect, scene), method="POST")] if to.redirect else []


def onward(url: str, scene: Scene) -> str:
    """To a front door of ours with the wait that it comes after: whoever goes round in a circle comes there with the same form."""
    door = scene.links.hook(NAME, "call", {}).rstrip("?")
    path, query, _ = url.partition("?")
    ours = path in (door, urlsplit(door).path)
    return f"{url}{'&' if query else '?'}after={scene.wait}" if ours else url


def farewell(said: bool) -> list[Element]:
    """Nobody is left to be connected with. Not a word if something was said already."""
    return [element("Hangup")] if said else [element("Say", FAREWELL), element("Hangup")]


def take_next(scene: Scene) -> Element:
    """The agent gets who has waited longest; the caller is told before the bridge."""
    name = queue_name(scene.hand_over.enqueue or scene.queue)
    dial = element("Dial")
    dial.append(element("Queue", name, url=hook(scene, "agent"), method="POST"))
    return dial


def is_sip(address: str) -> bool:
    return address.lower().startswith(("sip:", "sips:"))


def queue_name(name: str) -> str:
    return NOT_IN_XML.sub("", name).strip()[:LONGEST_NAME] or "default"


def redirect(scene: Scene, step: str, more: dict[str, str] | None = None) -> Element:
    return element("Redirect", hook(scene, step, more), method="POST")


def hook(scene: Scene, step: str, more: dict[str, str] | None = None) -> str:
    wait = {"wait": str(scene.wait)} if scene.wait > 1 else {}
    return scene.links.hook(NAME, step, {"queue": scene.queue, "turn": str(scene.turn), **wait, **(more or {})})


# --- trees ------------------------------------------------------------------------------------------------------------


def element(tag: str, text: str = "", **attributes: str) -> Element:
    """One verb. Characters that XML cannot carry are left out."""
    verb = Element(tag, {name: NOT_IN_XML.sub("", value) for name, value in attributes.items()})
    verb.text = NOT_IN_XML.sub("", text) or None
    return verb


def reply(children: Iterable[Element]) -> Reply:
    root = Element("Response")
    root.extend(children)
    return Reply(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True), "text/xml; charset=utf-8")
