"""Shelves, licences, prompts and quiz banks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta

from holdsvc.calls.airing import faults
from holdsvc.calls.model import ContentItem, Licence, PromptId
from holdsvc.commands.checks.codes import Finding, finding
from holdsvc.commands.checks.scene import Scene
from holdsvc.content.banned import banned
from holdsvc.content.library import Library
from holdsvc.content.quiz import recordings
from holdsvc.content.shelves import prompt_name

SOON = timedelta(days=30)
PROMPT = "prompt:"  # how prompts are named among the sounds
UNKNOWN_LICENCES = ("", "unknown", "none", "todo", "?", "tbd")
NAMED = 5  # things that one sentence lists


def rules(scene: Scene) -> Iterator[Finding]:
    library, today = scene.library, scene.now.date()
    yield from shelves(library)
    for item in library.items:
        yield from airing(item)
        yield from licence(item, today)
        if unknown := sorted(set(item.queues) - {"default", *scene.settings.queues}):
            why = f"{item.id} is for queues that are not there: {', '.join(unknown)}"
            yield finding("HS-229", why, "correct queues in index.toml")
    yield from house(library)
    yield from quiz(library)
    yield from wording(library)
    yield from languages(library)


def shelves(library: Library) -> Iterator[Finding]:
    for name, reason in library.quarantined.items():
        if name.startswith(PROMPT):
            why = f"the prompt {name.removeprefix(PROMPT)} is not heard: {reason}"
            yield finding("HS-226", why, "record it beside prompts.toml, or take its text out")
        else:
            why = f"{name} will not be heard: {reason}"
            yield finding("HS-201", why, "mend the file or take the item off its shelf")
    if waiting := len(library.pending()):
        why = f"{waiting} sounds are still to be prepared; `holdsvc serve` does so behind its calls"
        yield finding("HS-228", why, "nothing, or prepare them now: holdsvc media check")


def airing(item: ContentItem) -> Iterator[Finding]:
    for fault in faults(item.airing):
        yield finding("HS-206", f"the schedule of {item.id} never plays: {fault}", "correct its airing in index.toml")


def licence(item: ContentItem, today: date) -> Iterator[Finding]:
    given = item.licence
    if given.name.strip().lower() in UNKNOWN_LICENCES or not given.source.strip():
        why = f"{item.id} names no licence, or not where it came from: nobody can show that it may be played"
        yield finding("HS-209", why, "write both into index.toml, or take the item off its shelf")
    words = given.name.upper().replace("_", "-").split("-")
    if "BY" in words and not given.attribution.strip():
        why = f"{item.id} is under {given.name}, which wants its author named, and has no attribution"
        yield finding("HS-210", why, "write who it is by into its attribution")
    if "NC" in words:
        why = f"{item.id} is under {given.name}: a company's telephone line is hardly without commerce"
        yield finding("HS-218", why, "ask its author, or take the item off its shelf")
    yield from term(item, given, today)


def term(item: ContentItem, given: Licence, today: date) -> Iterator[Finding]:
    if given.until is None:
        return
    if given.until < today:
        why = f"the licence of {item.id} ended on {given.until:%Y-%m-%d}: it is not played any more"
        yield finding("HS-207", why, "renew it, or take the item off its shelf")
    elif given.until - today <= SOON:
        why = f"the licence of {item.id} ends on {given.until:%Y-%m-%d}; it is not played after"
        yield finding("HS-219", why, "renew it in time, and have something else on the shelf")


def house(library: Library) -> Iterator[Finding]:
    """What is heard when nothing else can be."""
    if library.marked is None:
        why = "no item is marked as the house track: any music stands in when all else fails"
        yield finding("HS-223", why, "set house = true on one piece of music that may always be played")
        return
    item = next((one for one in library.items if one.id == library.marked), None)
    if item is not None and (item.licence.until or item.licence.territories):
        why = f"the house track {item.id} may be heard only for a time or in some countries; elsewhere there is quiet"
        yield finding("HS-224", why, "mark a piece without such limits")


def quiz(library: Library) -> Iterator[Finding]:
    for fault in library.quiz_faults:
        yield finding("HS-221", f"{fault}; it will not be asked", "correct the bank")
    recorded = {source.id for source in library.sources}
    mute: dict[str, int] = {}
    for bank, question in library.quiz:
        needed = (prompt_name(bank.language, prompt) for prompt, _, _ in recordings(bank, question))
        mute[bank.name] = mute.get(bank.name, 0) + any(name not in recorded for name in needed)
    for name, count in mute.items():
        if count:
            why = f"{name}: {count} of its questions have no sound, and so are not asked"
            yield finding("HS-222", why, "record <id>.ask and <id>.tell beside the bank, or configure a synthesiser")


def wording(library: Library) -> Iterator[Finding]:
    for language, prompts in library.prompts.items():
        for prompt, spoken in prompts.items():
            if phrase := banned(spoken.text, language):
                why = f'the prompt {prompt} in {language!r} says "{phrase}", which no caller wants to hear'
                yield finding("HS-231", why, "say what is true and useful, or leave the prompt out")


def languages(library: Library) -> Iterator[Finding]:
    """What is said in one language and not in another; questions of a quiz are each language's own."""
    asked = {(bank.language, prompt) for bank, one in library.quiz for prompt, _, _ in recordings(bank, one)}
    said: Mapping[str, set[PromptId]] = {
        language: {prompt for prompt in prompts if (language, prompt) not in asked}
        for language, prompts in library.prompts.items()
    }
    everything = {prompt for prompts in said.values() for prompt in prompts}
    for language, prompts in said.items():
        if lacking := everything - prompts:
            why = f"there are no prompts in {language!r} for {listed(lacking)}: callers in it do not hear them"
            yield finding("HS-225", why, f"add them to prompts/{language}/prompts.toml, with a recording each")


def listed(names: Collection[str]) -> str:
    ordered: Sequence[str] = sorted(names)
    more = f" and {len(ordered) - NAMED} more" if len(ordered) > NAMED else ""
    return ", ".join(ordered[:NAMED]) + more
