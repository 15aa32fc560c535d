"""Queues: what callers hear there, what they may ask for, and where they go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, urlsplit

from holdsvc.calls.menu import SHIPPED
from holdsvc.calls.model import Kind
from holdsvc.calls.plan import Media
from holdsvc.commands.checks.codes import Finding, finding
from holdsvc.commands.checks.scene import Scene
from holdsvc.content.index import SLUG
from holdsvc.content.library import Library
from holdsvc.engine.plans import QueueRules
from holdsvc.ports import Destination

MOST_QUEUES = 50  # for which the metrics keep their promise
SHORTEST_WAIT, LONGEST_WAIT = 30.0, 4 * 3600.0
UNHURRIED = 120.0  # seconds of silence; a lost hook is told of by the next document, up to 75 s later
LONGEST_SHORT = 30.0  # seconds
DIAL = re.compile(r"\+[1-9][0-9]{6,14}|sips?:[^@\s]+@[^@\s]+")
DOOR = re.compile(r"/hooks/[^/]+/call")  # where a wait of ours begins
PLAYED = frozenset(choice.id for choice in SHIPPED if choice.kind is not None and choice.kind is not Kind.QUIET)


def rules(scene: Scene) -> Iterator[Finding]:
    settings = scene.settings
    if len(settings.queues) > MOST_QUEUES:
        why = f"there are {len(settings.queues)} queues; metrics are kept small for up to {MOST_QUEUES}"
        yield finding("HS-321", why, "join queues that callers do not tell apart")
    for name, queue in settings.queues.items():
        if not SLUG.fullmatch(name):
            why = f"the queue {name!r} stands in addresses and labels, where only a-z, 0-9, dot, dash and _ are at home"
            yield finding("HS-320", why, "rename its file, and the queue on the platform")
        yield from content(scene, name, queue)
        yield from menu(name, queue)
        yield from limits(name, queue, scene.settings.reports.short_abandon, scene.settings.reports.target_seconds)
        yield from stream(scene, name, queue)
        yield from departures(name, queue)
        yield from callbacks(scene, name, queue)
    yield from circles(settings.queues, settings.service.public_url)


def file_of(name: str) -> str:
    return f"queues/{name}.toml"


def content(scene: Scene, name: str, queue: QueueRules) -> Iterator[Finding]:
    library = scene.library
    yield from spoken(name, queue, library)
    playable = scene.plans.playable(name, scene.now)
    if all(item.kind is Kind.QUIET and "quiet" not in queue.shelves for item in playable):
        why = f"queue {name} has nothing that may be played on its shelves; callers hear the house track"
        fix = f"see shelves, profile and territory in {file_of(name)}, and the licences in index.toml"
        yield finding("HS-208", why, fix)
        return
    there = {item.shelf for item in library.items}
    kinds = {item.kind.value for item in library.items} | {f"music:{shelf}" for shelf in there}
    if queue.default_choice not in kinds:
        why = f"queue {name} begins with {queue.default_choice!r}, which is on no shelf; callers hear the house track"
        yield finding("HS-202", why, f"set default_choice in {file_of(name)} to one of {', '.join(sorted(kinds))}")
    if missing := sorted(set(queue.shelves) - there):
        why = f"queue {name} names shelves that are not there: {', '.join(missing)}"
        yield finding("HS-203", why, f"correct {file_of(name)}")


def spoken(name: str, queue: QueueRules, library: Library) -> Iterator[Finding]:
    known = ", ".join(library.prompts)
    if queue.language not in library.prompts:
        why = f"queue {name} speaks {queue.language!r}, and there are no prompts in it"
        yield finding("HS-204", why, f"set language in {file_of(name)} to one of {known}")
    if unknown := sorted(set(queue.languages) - set(library.prompts)):
        why = f"callers of queue {name} may change to {', '.join(unknown)}, and there are no prompts in it"
        yield finding("HS-313", why, f"set languages in {file_of(name)} to some of {known}")


def menu(name: str, queue: QueueRules) -> Iterator[Finding]:
    given = queue.menu
    if set(given.off) >= PLAYED:
        why = f"the menu of queue {name} offers nothing to hear"
        yield finding("HS-310", why, f"take some of them out of menu.off in {file_of(name)}")
    owners: dict[str, str] = {
        word.casefold(): choice.id for choice in SHIPPED if choice.id not in given.off for word in choice.words
    }
    for entry, words in given.words.items():
        for word in words:
            other = owners.setdefault(word.strip().casefold(), entry)
            if other != entry:
                why = f"in queue {name} {word!r} stands for {other} and for {entry}: only one of them is understood"
                yield finding("HS-309", why, f"take it out of one in {file_of(name)}")
    leaves = "choice" in queue.departures
    if given.leave and not leaves:
        why = f"callers who leave queue {name} by key {given.leave} go nowhere: the call ends with a goodbye"
        yield finding("HS-307", why, f"say where to in departures.choice of {file_of(name)}")
    if leaves and not given.leave and "leave" not in given.words:
        why = f"queue {name} has a departures.choice, and no key that leads there"
        yield finding("HS-308", why, f'set leave = "6" in the menu of {file_of(name)}')


def callbacks(scene: Scene, name: str, queue: QueueRules) -> Iterator[Finding]:
    if queue.callback.offer and not scene.settings.api.token:
        why = f"queue {name} promises call-backs, and without an API token nobody is told which number to call"
        yield finding("HS-318", why, "set HOLDSVC_API__TOKEN, or callback.offer = false")
    if "callback" in queue.departures and not queue.callback.offer:
        why = f"queue {name} has a departures.callback, and offers no call-back that leads there"
        yield finding("HS-319", why, f"set offer = true in the callback section of {file_of(name)}")


def limits(name: str, queue: QueueRules, reported: float, target: float) -> Iterator[Finding]:
    if queue.short_abandon < 0 or (queue.max_wait is not None and queue.max_wait <= 0):
        why = f"queue {name}: short_abandon and max_wait count seconds, and neither can be below nothing"
        yield finding("HS-306", why, f"correct {file_of(name)}")
    elif queue.max_wait is not None and not SHORTEST_WAIT <= queue.max_wait <= LONGEST_WAIT:
        why = f"queue {name}: a max_wait of {queue.max_wait:g} s moves callers on {'at once' if queue.max_wait < 60 else 'never'}"
        yield finding("HS-304", why, f"take {SHORTEST_WAIT:g} to {LONGEST_WAIT:g} s, or none")
    if queue.silence_limit < UNHURRIED:
        why = f"queue {name}: after {queue.silence_limit:g} s without news a call is closed, though a hook may only be late"
        yield finding("HS-305", why, "set silence_limit to 180")
    if queue.short_abandon > LONGEST_SHORT:
        why = (
            f"queue {name}: hanging up after {queue.short_abandon:g} s is called short, and left out of service levels"
        )
        yield finding("HS-317", why, "5 to 10 s are usual")
    if queue.short_abandon != reported:
        why = f"queue {name} calls {queue.short_abandon:g} s a short abandon, the reports {reported:g} s: they will differ"
        yield finding("HS-143", why, "set short_abandon and reports.short_abandon to the same")


def stream(scene: Scene, name: str, queue: QueueRules) -> Iterator[Finding]:
    if queue.media is not Media.STREAM:
        return
    settings = scene.settings
    if not settings.service.public_url.startswith("https://"):
        why = (
            f"queue {name} wants streams, which platforms open to an https address only: callers get documents instead"
        )
        yield finding("HS-301", why, 'set service.public_url, or media = "documents"')
    if queue.hand_over == Destination():
        why = (
            f"queue {name} does not say where a caller goes when an agent is ready: it is the platform's queue {name!r}"
        )
        yield finding("HS-302", why, f"say so in hand_over of {file_of(name)}: dial, enqueue or redirect")
    if settings.streams.most <= 0:
        why = f"queue {name} wants streams, and streams.most is {settings.streams.most}"
        yield finding("HS-322", why, "set streams.most to as many callers as may wait at once")


def departures(name: str, queue: QueueRules) -> Iterator[Finding]:
    if queue.max_wait is not None and "overflow" not in queue.departures:
        why = f"queue {name} moves callers on after {queue.max_wait:g} s, and departures.overflow does not say where to"
        yield finding("HS-303", why, f"set it in {file_of(name)}; without it the call ends with a goodbye")
    for why_left, place in queue.departures.items():
        yield from destination(f"departures.{why_left}", name, place)
        if place.enqueue == name and not place.dial:
            why = f"queue {name}: departures.{why_left} sends callers back into the same queue, where they wait anew"
            yield finding("HS-316", why, f"name another queue in {file_of(name)}")
    yield from destination("hand_over", name, queue.hand_over)


def circles(queues: Mapping[str, QueueRules], base: str) -> Iterator[Finding]:
    """Overflows that lead back to where they began: callers go round until somebody takes them or they give up."""
    onward = {name: leads_to(queue.departures.get("overflow", Destination()), base) for name, queue in queues.items()}
    told: set[str] = set()
    for name in onward:
        way, here = [name], onward[name]
        while here in onward and here not in way:
            way.append(here)
            here = onward[here]
        if here == name and not told & set(way):
            told.update(way)
            why = f"callers whom departures.overflow sends on go round in a circle: {' to '.join((*way, name))}"
            yield finding("HS-324", why, f"let one of {', '.join(map(file_of, way))} send them where somebody answers")


def leads_to(place: Destination, base: str) -> str:
    """The queue of ours behind a redirect; "" for anywhere else."""
    if place.dial or place.enqueue:
        return ""
    path, _, query = place.redirect.removeprefix(base.rstrip("/")).partition("?")
    return dict(parse_qsl(query)).get("queue", "default") if DOOR.fullmatch(path) else ""


def destination(key: str, name: str, place: Destination) -> Iterator[Finding]:
    if place.dial and not DIAL.fullmatch(place.dial):
        why = f"queue {name}: {key}.dial is neither a number such as +15005550100 nor a SIP address"
        yield finding("HS-315", why, f"write it with its country code in {file_of(name)}")
    if place.redirect and not place.redirect.startswith("/") and not is_https(place.redirect):
        why = f"queue {name}: {key}.redirect does not begin with https://"
        yield finding("HS-314", why, f"write the whole address of the document in {file_of(name)}")


def is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname)
    except ValueError:
        return False
