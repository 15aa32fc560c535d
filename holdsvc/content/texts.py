"""Words to be spoken, from a text file, a feed, or the answer of an endpoint: each with its moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from holdsvc.content.feed_reader import plain, read_feed
from holdsvc.content.fetched import Text
from holdsvc.errors import BadContent

LARGEST_TEXT = 100_000  # bytes of a file
MOST_WORDS = 1500  # characters of one update that are spoken: about a minute and a half


def feed_texts(document: bytes, url: str, before: Sequence[Text], now: datetime) -> tuple[Text, ...]:
    """A story without a date was said when we first saw it."""
    seen = {text.key: text.at for text in before}
    feed = read_feed(document, url)
    texts = []
    for story in feed.stories:
        words = ". ".join(part for part in (story.title.rstrip(". "), story.text) if part)
        at = story.published or seen.get(story.key, now)
        texts.append(Text(story.key, cut(words), min(at, now), story.title or feed.title))
    return tuple(texts)


def json_texts(document: bytes, path: str, before: Sequence[Text], now: datetime) -> tuple[Text, ...]:
    """The text at the path, said when it was first seen so; several where the path ends at a list."""
    try:
        answer = msgspec.json.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadContent("the answer is not JSON") from None
    found = at_path(answer, path)
    told = found if isinstance(found, list) else [found]
    words = [cut(plain(one)) for one in told if isinstance(one, str)]
    if not any(words):
        raise BadContent(f"there is no text at {path!r:.80} of the answer")
    seen = {text.words: text.at for text in before}
    return tuple(Text(f"{number}", one, seen.get(one, now)) for number, one in enumerate(words) if one)


def at_path(value: object, path: str) -> object:
    for step in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif (
            isinstance(value, list) and step.isascii() and step.isdecimal() and len(step) < 7 and int(step) < len(value)
        ):
            value = value[int(step)]
        else:
            return None
    return value


def files_at(named: str, suffixes: tuple[str, ...]) -> Sequence[Path]:
    """The file, or those of the folder that have such a name."""
    path = Path(named).expanduser()
    if path.is_file():
        return [path] if path.suffix.lower() in suffixes else []
    if not path.is_dir():
        raise BadContent(f"there is no file or folder {path.name!r}")
    return sorted(file for file in path.iterdir() if file.suffix.lower() in suffixes and file.is_file())


def text_of(file: Path) -> Text:
    with file.open("rb") as stream:
        written = stream.read(LARGEST_TEXT)
    try:
        words = plain(written.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise BadContent(f"{file.name} is not UTF-8 text") from None
    at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return Text(file.name, cut(words), at, titled(file))


def cut(words: str) -> str:
    """To what is spoken at a time, at the end of a sentence if there is one near."""
    if len(words) <= MOST_WORDS:
        return words
    short = words[:MOST_WORDS]
    ends = max(short.rfind(sign) for sign in (". ", "! ", "? ", "。", "\n"))
    return short[: ends + 1].strip() if ends > MOST_WORDS // 2 else short.rsplit(" ", 1)[0]


def titled(file: Path) -> str:
    return " ".join(plain(file.stem.replace("-", " ").replace("_", " ")).split())
