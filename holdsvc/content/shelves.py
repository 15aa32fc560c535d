"""One look at the media folders: what each index asks for, and what of it is ready, pending or bad."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from holdsvc.audio.formats import seconds_of
from holdsvc.calls.model import ContentId, ContentItem, Kind, Licence, PromptId
from holdsvc.content import sounds
from holdsvc.content.index import PROMPTS, Entry, read_index, read_own, read_prompts
from holdsvc.content.quiz import Bank, Question, read_banks, recordings, spoken_as
from holdsvc.errors import BadContent

QUIET = ContentId("quiet")
QUIET_ITEM = ContentItem(
    id=QUIET,
    kind=Kind.QUIET,
    shelf="quiet",
    title="Quiet, with a soft sign of life",
    seconds=sounds.QUIET_SECONDS,
    licence=Licence("CC0-1.0", "made by holdsvc from numbers"),
)
_RECORDINGS = (
    ".opus",
    ".flac",
    ".wav",
    ".ogg",
    ".mp3",
    ".m4a",
)  # what a prompt may be kept as, the first that is there


SHIPS_QUIZ = "en"  # the language in which the first question of each theme comes prepared: a quiz can begin at once


class Prompt(Struct, frozen=True):
    text: str
    seconds: float  # 0.0 while there is no prepared sound: then the text is all there is


class Source(Struct, frozen=True):
    """A file that sound is made from."""

    id: str  # of the item, or of the prompt as prompt_name gives it
    file: Path
    sound: str  # the hash under which its sound is kept
    ships: bool = False  # prompts, the house track and the beginning of a quiz come prepared with the service
    turns: str = ""  # with which others, that are no items, it takes turns in being prepared; "": it goes first


class Shelves(Struct, frozen=True):
    items: tuple[ContentItem, ...] = ()
    waiting: tuple[ContentItem, ...] = ()  # items without sound as yet: 0 seconds long
    prompts: Mapping[str, Mapping[PromptId, Prompt]] = {}
    sounds: Mapping[str, str] = {}  # id of an item or prompt -> hash; only what is ready
    files: Mapping[str, Path] = {}  # hash -> mu-law file
    sources: tuple[Source, ...] = ()  # all, prepared or not
    pending: tuple[Source, ...] = ()
    quarantined: Mapping[str, str] = {}  # id -> reason
    house: ContentId | None = None
    quiz: tuple[tuple[Bank, Question], ...] = ()  # all good questions, recorded or not
    quiz_faults: tuple[str, ...] = ()  # what is wrong in the banks, a sentence each


def prompt_name(language: str, prompt: PromptId) -> str:
    """Under which a prompt stands among the items; no item has a colon in its id."""
    return f"prompt:{language}/{prompt}"


def look(media: tuple[Path, ...], prepared: tuple[Path, ...], hash_of: Callable[[Path], str]) -> Shelves:
    """What is there now. An id in a later media folder replaces the same in an earlier.

    BadContent for a bad index in the first, without which there is nothing to hear; what is wrong in others is left out and told.
    """
    entries: dict[str, tuple[Path, Entry]] = {}
    bad: dict[str, str] = {}
    wordings: dict[str, dict[PromptId, tuple[Path, str]]] = {}
    for number, folder in enumerate(media):
        found, faults = read_own(folder) if number else (read_index(folder), {})
        entries |= {entry.id: (folder, entry) for entry in found}
        bad |= faults
        for language, known in wordings.items():
            known.update(_recorded_anew(folder / PROMPTS / language, known, folder))
        for language, texts in read_prompts(folder).items():
            wordings.setdefault(language, {}).update({prompt: (folder, text) for prompt, text in texts.items()})
    banks = [read_banks(folder) for folder in media]
    quiz = _questions(bank for read in banks for bank in read.banks)
    houses = [id for id, (_, entry) in entries.items() if entry.house]
    house = ContentId(houses[-1]) if houses else None  # the operator's own before ours

    sources = [
        *_items_sources(entries, house, hash_of, bad),
        *_prompts_sources(wordings, hash_of, bad),
        *_quiz_sources(quiz, hash_of, bad),
    ]
    ready = {source.id: file for source in sources if (file := sounds.find(source.sound, prepared))}
    pending = []
    for source in sources:
        if source.id in ready:
            continue
        reason = sounds.refusal(source.sound, prepared)
        if reason is None:
            pending.append(source)
        else:
            bad[source.id] = reason

    hashes = {source.id: source.sound for source in sources if source.id in ready}
    files = {hashes[id]: file for id, file in ready.items()}
    items = [entry.item(_seconds(ready[id])) for id, (_, entry) in entries.items() if id in ready]
    if QUIET not in entries:
        items.append(QUIET_ITEM)
        hashes[QUIET] = sounds.QUIET_SOUND
        if (file := sounds.find(sounds.QUIET_SOUND, prepared)) is not None:
            files[sounds.QUIET_SOUND] = file
    return Shelves(
        items=in_place(items),
        waiting=in_place(entries[source.id][1].item(0.0) for source in pending if source.id in entries),
        prompts={
            language: {
                prompt: Prompt(text, _seconds(ready.get(prompt_name(language, prompt))))
                for prompt, text in _texts(language, spoken, quiz)
            }
            for language, spoken in wordings.items()
        },
        sounds=hashes,
        files=files,
        sources=tuple(sources),
        pending=tuple(by_turns(pending, entries)),
        quarantined=bad,
        house=house,
        quiz=quiz,
        quiz_faults=tuple(fault for read in banks for fault in read.faults),
    )


def in_place(items: Iterable[ContentItem]) -> tuple[ContentItem, ...]:
    """As they stand on their shelves."""
    return tuple(sorted(items, key=lambda item: (item.kind, item.shelf, item.order, item.id)))


def by_turns(pending: Iterable[Source], entries: Mapping[str, tuple[Path, Entry]]) -> list[Source]:
    """Prompts, then the first of each kind, then the second: so that soon there is something behind every key."""
    kinds: Counter[str] = Counter()
    turns: list[tuple[int, Source]] = []
    for source in pending:
        kind = entries[source.id][1].kind.value if source.id in entries else source.turns
        kinds[kind] += bool(kind)
        turns.append((kinds[kind], source))
    return [source for _, source in sorted(turns, key=lambda turn: turn[0])]


def _items_sources(
    entries: Mapping[str, tuple[Path, Entry]],
    house: ContentId | None,
    hash_of: Callable[[Path], str],
    bad: dict[str, str],
) -> Iterator[Source]:
    for id, (folder, entry) in entries.items():
        try:
            file = _below(folder, entry.file)
            yield Source(id, file, hash_of(file), ships=id == house or entry.kind is Kind.QUIZ)
        except BadContent as error:
            bad[id] = str(error)
        except OSError as error:
            bad[id] = _unreadable(entry.file, error)


def _recorded_anew(
    there: Path, known: Mapping[PromptId, tuple[Path, str]], folder: Path
) -> dict[PromptId, tuple[Path, str]]:
    """Prompts of an earlier folder for which this one has a recording: a file with the prompt's name is all it takes."""
    stems = {file.stem for file in there.glob("*") if file.suffix in _RECORDINGS}
    return {prompt: (folder, text) for prompt, (_, text) in known.items() if prompt in stems}


def _prompts_sources(
    wordings: Mapping[str, Mapping[PromptId, tuple[Path, str]]],
    hash_of: Callable[[Path], str],
    bad: dict[str, str],
) -> Iterator[Source]:
    for language, spoken in wordings.items():
        for prompt, (folder, _) in spoken.items():
            name = prompt_name(language, prompt)
            there = folder / PROMPTS / language
            recordings = [file for suffix in _RECORDINGS if (file := there / f"{prompt}{suffix}").is_file()]
            try:
                file = recordings[0] if recordings else there / f"{prompt}{_RECORDINGS[0]}"
                yield Source(name, file, hash_of(file), ships=True)
            except OSError as error:
                bad[name] = _unreadable(file.name, error)


def _questions(banks: Iterable[Bank]) -> tuple[tuple[Bank, Question], ...]:
    """The first of each theme, then the second; a later folder's question replaces one with its language and id."""
    found: dict[tuple[str, str], tuple[int, Bank, Question]] = {}
    for bank in banks:
        found |= {(bank.language, one.id): (place, bank, one) for place, one in enumerate(bank.questions)}
    return tuple((bank, one) for _, bank, one in sorted(found.values(), key=lambda question: question[0]))


def _texts(
    language: str, spoken: Mapping[PromptId, tuple[Path, str]], quiz: Iterable[tuple[Bank, Question]]
) -> Iterator[tuple[PromptId, str]]:
    """What each prompt says, those of the quiz too."""
    yield from ((prompt, text) for prompt, (_, text) in spoken.items())
    for bank, question in quiz:
        if bank.language == language:
            yield from ((prompt, text) for prompt, text, _ in recordings(bank, question))


def _quiz_sources(
    quiz: Iterable[tuple[Bank, Question]], hash_of: Callable[[Path], str], bad: dict[str, str]
) -> Iterator[Source]:
    """What has been recorded. A question without a recording is not asked, and is no fault."""
    themes: set[str] = set()
    for bank, question in quiz:
        first = bank.language == SHIPS_QUIZ and bank.theme not in themes
        themes |= {bank.theme} if first else set()
        for prompt, text, stem in recordings(bank, question):
            name = prompt_name(bank.language, prompt)
            file = recorded(bank.file.parent, stem, text)
            try:
                if file is not None:
                    yield Source(name, file, hash_of(file), ships=first, turns=f"quiz/{bank.language}")
            except OSError as error:
                bad[name] = _unreadable(file.name if file else stem, error)


def recorded(there: Path, stem: str, text: str) -> Path | None:
    """Somebody's recording of a question or an answer, else what was made of these very words."""
    names = (*(f"{stem}{suffix}" for suffix in _RECORDINGS), spoken_as(stem, text))
    return next((file for name in names if (file := there / name).is_file()), None)


def _below(folder: Path, file: str) -> Path:
    """The file of an entry; an index cannot reach outside its folder."""
    root = folder.resolve()
    found = (root / file).resolve()
    if not found.is_relative_to(root):
        raise BadContent(f"{file} lies outside the media folder")
    if not found.is_file():
        raise BadContent(f"{file} is not there")
    return found


def _unreadable(file: str, error: OSError) -> str:
    return f"{file} is not there" if isinstance(error, FileNotFoundError) else f"{file} cannot be read"


def _seconds(file: Path | None) -> float:
    return seconds_of(file.stat().st_size) if file is not None else 0.0
