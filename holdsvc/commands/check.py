"""`holdsvc check`: what is wrong with configuration and media, before callers find out.

Rules are functions that yield findings; each finding has a code that stays, a reason and a fix.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from holdsvc import app, catalogue
from holdsvc.callers.numbers import PhoneNumbers
from holdsvc.calls.airing import faults
from holdsvc.calls.model import ContentItem, Identity, Kind
from holdsvc.clock import SystemClock
from holdsvc.config import Settings, load
from holdsvc.content import sources
from holdsvc.content.banned import banned
from holdsvc.content.confine import Confinement, confinement
from holdsvc.content.daily import TEXTS, UpdateSettings
from holdsvc.content.fetched import FOLDER, FetchedShelf
from holdsvc.content.library import Library
from holdsvc.content.quiz import recordings
from holdsvc.content.ready import ReadySounds
from holdsvc.content.shelves import prompt_name
from holdsvc.content.subscriptions import Subscriptions
from holdsvc.content.texts import files_at, text_of
from holdsvc.engine.outbound import Outbound
from holdsvc.engine.plans import PlanBook, QueueRules
from holdsvc.errors import BadContent


class Finding(Struct, frozen=True):
    code: str
    error: bool  # else a warning
    reason: str
    fix: str

    def __str__(self) -> str:
        return f"{'error' if self.error else 'warning'} {self.code}  {self.reason}\n      fix: {self.fix}"


def error(code: str, reason: str, fix: str) -> Finding:
    return Finding(code, True, reason, fix)


def warning(code: str, reason: str, fix: str) -> Finding:
    return Finding(code, False, reason, fix)


def check(config: Path | None) -> int:
    settings = load(config)
    library = app.open_library(settings, app.data_folder(settings))
    held = confinement()
    found = [
        *platforms(settings),
        *service(settings),
        *decoding(held),
        *shelves(library),
        *quiz(library),
        *wording(library),
        *news(settings),
        *outside(settings),
        *voice(settings),
    ]
    book = PlanBook(
        ReadySounds(library),
        {"default": settings.queue("default"), **settings.queues},
        streams=False,
        territory=settings.callers.region,
    )
    for name, queue in settings.queues.items():
        found += queue_findings(name, queue, library, book.playable(name, SystemClock().now()))
    for finding in found:
        print(finding)
    print(f"decoding of sound files: {held}")
    errors = sum(finding.error for finding in found)
    print(
        f"{errors} errors, {len(found) - errors} warnings; {len(settings.queues)} queues, {len(library.items)} items ready"
    )
    return 1 if errors else 0


def platforms(settings: Settings) -> Iterator[Finding]:
    made = catalogue.platforms(settings, "", insecure=False)
    for name in (name for name, platform in made.items() if platform.steps):
        variable = f"HOLDSVC_PLATFORMS__{name.upper()}__AUTH_TOKEN"
        if not settings.platforms.get(name, {}).get("auth_token"):
            yield warning(
                "HS-101", f"{name} has no secret: its hooks are answered 403", f"set {variable} or {variable}_FILE"
            )
        elif not settings.service.public_url.startswith("https://"):
            why = f"{name} has a secret, but service.public_url is no https address: what it signs cannot be checked"
            yield error("HS-102", why, "set service.public_url to the address that the platform calls")


def service(settings: Settings) -> Iterator[Finding]:
    catalogue.store(settings)
    catalogue.directories(settings, PhoneNumbers(settings.callers.region), Outbound(settings.service.allow_outgoing))
    if settings.service.public_url and not settings.api.token:
        why = "there is a public URL and no api.token: API and wallboard are closed to everybody"
        yield warning("HS-103", why, "set HOLDSVC_API__TOKEN or HOLDSVC_API__TOKEN_FILE")
    if settings.store.url.startswith("memory:"):
        yield warning(
            "HS-104", "the store is in memory: the wait log ends with the process", 'set store.url to "sqlite:"'
        )
    elif settings.store.synchronous != "FULL":
        yield warning(
            "HS-105", "store.synchronous is not FULL: a power cut loses acknowledged records", "set it to FULL"
        )


def decoding(held: Confinement) -> Iterator[Finding]:
    if held.doors:
        why = f"a hostile sound file that broke the decoder could here {', '.join(held.doors)}"
        yield warning("HS-205", why, "prepare sound on Linux (x86_64 or aarch64), or take only files that you trust")


def shelves(library: Library) -> Iterator[Finding]:
    for name, reason in library.quarantined.items():
        yield error("HS-201", f"{name} will not be heard: {reason}", "mend the file or take the item off its shelf")
    today = SystemClock().now().date()
    for item in library.items:
        for fault in faults(item.airing):
            yield error("HS-206", f"the schedule of {item.id} never plays: {fault}", "correct its airing in index.toml")
        until = item.licence.until
        if until is not None and until < today:
            why = f"the licence of {item.id} ended on {until:%Y-%m-%d}: it is not played any more"
            yield warning("HS-207", why, "renew it, or take the item off its shelf")


def quiz(library: Library) -> Iterator[Finding]:
    for fault in library.quiz_faults:
        yield error("HS-221", f"{fault}; it will not be asked", "correct the bank")
    recorded = {source.id for source in library.sources}
    mute: dict[str, int] = {}
    for bank, question in library.quiz:
        needed = (prompt_name(bank.language, prompt) for prompt, _, _ in recordings(bank, question))
        mute[bank.name] = mute.get(bank.name, 0) + any(name not in recorded for name in needed)
    for name, count in mute.items():
        if count:
            why = f"{name}: {count} of its questions have no sound, and so are not asked"
            yield warning("HS-222", why, "record <id>.ask and <id>.tell beside the bank, or configure a synthesiser")


def wording(library: Library) -> Iterator[Finding]:
    for language, prompts in library.prompts.items():
        for prompt, spoken in prompts.items():
            if phrase := banned(spoken.text, language):
                why = f'the prompt {prompt} in {language!r} says "{phrase}", which no caller wants to hear'
                yield error("HS-231", why, "say what is true and useful, or leave the prompt out")


def news(settings: Settings) -> Iterator[Finding]:
    """The words of updates: of those in files as they stand, of the others as they came last."""
    for name, update in settings.updates.items():
        for where, words in spoken_news(settings, name, update):
            if phrase := banned(words, update.language):
                why = f'updates.{name} says "{phrase}" in {where!r}, which no caller wants to hear'
                yield error("HS-232", why, "say what is true and useful, or take it out")


def spoken_news(settings: Settings, name: str, update: UpdateSettings) -> Iterator[tuple[str, str]]:
    if not update.path:
        state = FetchedShelf(settings.data_dir / FOLDER).states.get(name)
        yield from ((text.title or text.key, text.words) for text in (state.texts if state else ()))
        return
    with contextlib.suppress(BadContent, OSError):  # another rule says so
        yield from ((file.name, text_of(file).words) for file in files_at(update.path, TEXTS))


def outside(settings: Settings) -> Iterator[Finding]:
    """Podcasts and updates: those that are left out, those that fail, and those that nobody can hear."""
    podcasts = {**Subscriptions(settings.data_dir).read(), **settings.podcasts}
    for name, fault in sources.faults(podcasts, settings.updates):
        section = "podcasts" if name in podcasts else "updates"
        yield error("HS-211", f"{section}.{name} is left out: {fault}", f"correct it in the section [{section}.{name}]")
    for name, state in FetchedShelf(settings.data_dir / FOLDER).states.items():
        if state.fault:
            yield warning("HS-212", f"{name} has failed since it was last heard of: {state.fault}", "see to its source")
        for one in state.refused:
            why = f"{name}: {one.title!r} will not be heard: {one.reason}"
            yield warning("HS-213", why, "it is left out; its publisher may mend it under another id")
    wanted = {name: given.queues for name, given in podcasts.items()}
    wanted |= {name: given.queues for name, given in settings.updates.items()}
    for name, queues in wanted.items():
        if unknown := sorted(set(queues) - set(settings.queues)):
            yield warning(
                "HS-214", f"{name} is for queues that are not there: {', '.join(unknown)}", "correct its queues"
            )
    for name, update in settings.updates.items():
        if update.segment and update.identity is Identity.VERIFIED:
            why = f"updates.{name} wants callers to be verified, which nothing here does: it is heard by nobody"
            yield warning("HS-215", why, 'set identity = "number" if it may be told on the strength of a caller number')


def voice(settings: Settings) -> Iterator[Finding]:
    speaker = catalogue.synthesiser(settings)
    if speaker is None:
        texts = [name for name, update in settings.updates.items() if speaks(update)]
        if texts:
            why = f"there is no synthesiser, so the texts of {', '.join(texts)} are left out"
            yield warning("HS-216", why, "set synthesiser.command, or record them")
    elif shutil.which(program := settings.synthesiser.command[0]) is None:
        yield error(
            "HS-217", f"the synthesiser {program!r} is not to be found", "install it or correct synthesiser.command"
        )


def speaks(update: UpdateSettings) -> bool:
    if not update.path:
        return True
    try:
        return bool(files_at(update.path, TEXTS))
    except (BadContent, OSError):
        return False


def queue_findings(
    name: str, queue: QueueRules, library: Library, playable: Sequence[ContentItem]
) -> Iterator[Finding]:
    file = f"queues/{name}.toml"
    if queue.language not in library.prompts:
        why = f"queue {name} speaks {queue.language!r}, and there are no prompts in it"
        yield error("HS-204", why, f"set language in {file} to one of {', '.join(library.prompts)}")
    if all(item.kind is Kind.QUIET and "quiet" not in queue.shelves for item in playable):
        why = f"queue {name} has nothing that may be played on its shelves; callers hear the house track"
        yield warning("HS-208", why, f"see shelves, profile and territory in {file}, and the licences in index.toml")
        return
    there = {item.shelf for item in library.items}
    kinds = {item.kind.value for item in library.items} | {f"music:{shelf}" for shelf in there}
    if queue.default_choice not in kinds:
        why = f"queue {name} begins with {queue.default_choice!r}, which is on no shelf; callers hear the house track"
        yield warning("HS-202", why, f"set default_choice in {file} to one of {', '.join(sorted(kinds))}")
    missing = sorted(set(queue.shelves) - there)
    if missing:
        yield warning(
            "HS-203", f"queue {name} names shelves that are not there: {', '.join(missing)}", f"correct {file}"
        )
