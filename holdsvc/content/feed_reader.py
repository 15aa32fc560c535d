"""RSS 2.0 and Atom to values. Text comes out plain; nothing is fetched, no entity of a document's own is ever expanded.

A document type is refused by the parser itself, as it begins: what a feed may define there (entities that swell, files that are
read) is then never defined, in whatever encoding it is written.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from urllib.parse import urljoin
from xml.parsers import expat

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from holdsvc.calls.model import Chapter
from holdsvc.errors import BadContent

MOST_ENTRIES = 1000
MOST_CHAPTERS = 200
DEEPEST = 32  # elements in elements
LONGEST_TEXT = 20_000  # characters of one field
LONGEST_TITLE = 200
PIECE = 1 << 16  # bytes parsed at a time: between two, another thread may have its turn

ATOM = "http://www.w3.org/2005/Atom"
ITUNES = "http://www.itunes.com/dtds/podcast-1.0.dtd"
CONTENT = "http://purl.org/rss/1.0/modules/content/"
DUBLIN = "http://purl.org/dc/elements/1.1/"
RSS_1 = "http://purl.org/rss/1.0/ "  # its names have a namespace, those of its successors have none
PODLOVE = "http://podlove.org/simple-chapters"
PODCAST = ("https://podcastindex.org/namespace/1.0", "http://podcastindex.org/namespace/1.0")

FIELDS = {  # element of an entry -> what it tells
    "title": "title",
    f"{ATOM} title": "title",
    "guid": "key",
    f"{ATOM} id": "key",
    "link": "link",
    "pubDate": "published",
    f"{ATOM} published": "published",
    f"{DUBLIN} date": "published",
    f"{ATOM} updated": "updated",
    f"{ITUNES} duration": "seconds",
    f"{CONTENT} encoded": "content",
    f"{ATOM} content": "content",
    "description": "summary",
    f"{ATOM} summary": "summary",
}


class Enclosure(Struct, frozen=True):
    url: str
    kind: str = ""  # as the feed says: not to be believed
    size: int | None = None  # the same


class Story(Struct, frozen=True):
    """One entry of a feed."""

    key: str  # what tells it from the others, for ever
    title: str = ""
    text: str = ""  # plain
    published: datetime | None = None
    enclosure: Enclosure | None = None
    seconds: float | None = None  # as the feed says
    chapters: tuple[Chapter, ...] = ()
    chapters_url: str = ""


class Feed(Struct, frozen=True):
    title: str = ""
    author: str = ""
    language: str = ""
    stories: tuple[Story, ...] = ()  # as they stand in the feed


def read_feed(document: bytes, url: str, *, texts: bool = True) -> Feed:
    """`url` is where it came from, for addresses that stand in it without a host. BadContent says what is wrong with it.

    Without `texts` what the stories tell is passed over: to make it plain is most of the work.
    """
    reader = _Reader(url, texts)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.EntityDeclHandler = _refuse_doctype
    parser.StartElementHandler = reader.begin
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        for start in range(0, max(len(document), 1), PIECE):
            parser.Parse(document[start : start + PIECE], start + PIECE >= len(document))
    except _Enough:
        pass
    except expat.ExpatError as error:
        raise BadContent(f"it is not XML (line {error.lineno})") from None
    except (LookupError, ValueError):  # an encoding that is not known, or is none
        raise BadContent("it is not XML: its encoding is not known") from None
    return reader.feed()


def read_chapters(document: bytes) -> tuple[Chapter, ...]:
    """The JSON file of chapters that a feed points to. BadContent where it is none."""
    try:
        found = msgspec.json.decode(document, type=_ChapterFile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadContent("its chapters are not the JSON that they should be") from None
    told = [Chapter(one.begins, _title(one.title)) for one in found.chapters if one.toc is not False]
    return in_order(told)


def in_order(chapters: list[Chapter]) -> tuple[Chapter, ...]:
    good = {one.begins: one for one in chapters if 0 <= one.begins < 1e6 and one.title}
    return tuple(good[begins] for begins in sorted(good))[:MOST_CHAPTERS]


class _ChapterJson(Struct, frozen=True):
    begins: float = field(name="startTime")
    title: str = ""
    toc: bool | None = None  # False: not to be shown


class _ChapterFile(Struct, frozen=True):
    chapters: tuple[_ChapterJson, ...]


def _refuse_doctype(*_: object) -> None:
    raise BadContent("it has a DOCTYPE, which feeds have no need of and may do harm with")


class _Reader:
    """Listens to the parser and remembers what feeds are made of; everything else passes by."""

    def __init__(self, url: str, texts: bool) -> None:
        self._url, self._texts = url, texts
        self._path: list[str] = []
        self._words: list[str] = []
        self._room = LONGEST_TEXT
        self._feed = Feed()
        self._stories: list[Story] = []
        self._story: Story | None = None
        self._depth = 0  # of the entry's element
        self._link = ""
        self._better = False  # the text was said in full already
        self._chapters: list[Chapter] = []

    def begin(self, name: str, given: dict[str, str]) -> None:
        if not self._path and name.rpartition(" ")[2] not in ("rss", "feed", "RDF"):
            raise BadContent(f"it is not a feed: it begins with <{name.rpartition(' ')[2][:40]}>")
        if len(self._path) >= DEEPEST:
            raise BadContent(f"its elements lie more than {DEEPEST} deep in each other")
        self._path.append(name)
        self._words, self._room = [], LONGEST_TEXT
        local = name.rpartition(" ")[2]
        if local in ("item", "entry") and self._story is None:
            if len(self._stories) >= MOST_ENTRIES:
                raise _Enough
            self._story, self._link, self._better, self._chapters = Story(""), "", False, []
            self._depth = len(self._path)
        elif self._story is not None:
            self._attributes(name, given)

    def text(self, words: str) -> None:
        if self._room > 0:
            self._words.append(words[: self._room])
            self._room -= len(words)

    def end(self, name: str) -> None:
        words = "".join(self._words).strip()
        name = name.removeprefix(RSS_1)
        self._words = []
        self._path.pop()
        if self._story is None:
            self._about(name, words)
        elif len(self._path) < self._depth:
            self._finish(self._story)
            self._story = None
        elif words and len(self._path) == self._depth:  # not what an entry quotes of another feed
            self._story = self._told(self._story, name, words)

    def feed(self) -> Feed:
        return replace(self._feed, stories=tuple(self._stories))

    def _about(self, name: str, words: str) -> None:
        if len(self._path) not in (1, 2) or not words:
            return
        if name in ("title", f"{ATOM} title") and not self._feed.title:
            self._feed = replace(self._feed, title=_title(words))
        elif name == "language":
            self._feed = replace(self._feed, language=words[:35])
        elif name == f"{ITUNES} author":
            self._feed = replace(self._feed, author=_title(words))

    def _attributes(self, name: str, given: dict[str, str]) -> None:
        assert self._story is not None
        if name == "enclosure" or (name == f"{ATOM} link" and given.get("rel") == "enclosure"):
            where = given.get("url") or given.get("href") or ""
            if where and self._story.enclosure is None:
                size = given.get("length", "")
                there = Enclosure(
                    self._joined(where), given.get("type", "")[:100], int(size) if _number(size) else None
                )
                self._story = replace(self._story, enclosure=there)
        elif name == f"{ATOM} link" and given.get("rel", "alternate") == "alternate":
            self._link = self._link or given.get("href", "")
        elif name == f"{PODLOVE} chapter" and len(self._chapters) < MOST_CHAPTERS:
            begins = clock_seconds(given.get("start", ""))
            if begins is not None:
                self._chapters.append(Chapter(begins, _title(given.get("title", ""))))
        elif name in [f"{space} chapters" for space in PODCAST] and given.get("url"):
            self._story = replace(self._story, chapters_url=self._joined(given["url"]))

    def _told(self, story: Story, name: str, words: str) -> Story:
        match FIELDS.get(name):
            case "title":
                return replace(story, title=_title(words))
            case "key":
                return replace(story, key=words[:1000])
            case "link":
                self._link = self._link or words
            case "published":
                return replace(story, published=moment(words) or story.published)
            case "updated" if story.published is None:
                return replace(story, published=moment(words))
            case "seconds":
                return replace(story, seconds=clock_seconds(words))
            case "content" if self._texts:
                self._better = True
                return replace(story, text=plain(words))
            case "summary" if self._texts and not self._better:
                return replace(story, text=plain(words))
        return story

    def _finish(self, story: Story) -> None:
        audio = story.enclosure.url if story.enclosure else ""
        key = story.key or audio or self._link or story.title
        if key:
            self._stories.append(replace(story, key=key[:1000], chapters=in_order(self._chapters)))

    def _joined(self, address: str) -> str:
        try:
            return urljoin(self._url, address.strip())
        except ValueError:
            return address.strip()


class _Enough(Exception):
    """So many entries are all that is read."""


def moment(words: str) -> datetime | None:
    """A date as RSS or as Atom writes it; None for what is none. Without a zone it is UTC."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(words)
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None


def clock_seconds(words: str) -> float | None:
    """`3661`, `61:01`, `1:01:01.5`: seconds; None for what is no duration."""
    parts = words.strip().split(":")
    if len(parts) > 3 or not all(re.fullmatch(r"[0-9]{1,6}(\.[0-9]{0,6})?", part) for part in parts):
        return None
    seconds = 0.0
    for part in parts:
        seconds = seconds * 60 + float(part)
    return seconds


class _Plain(HTMLParser):
    BREAKS = ("p", "br", "div", "li", "h1", "h2", "h3", "h4", "tr")

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style")
        if tag in self.BREAKS:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style") and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)


def plain(words: str) -> str:
    """Text that may be markup, as a reader would see it."""
    if "<" in words or "&" in words:
        reader = _Plain()
        reader.feed(words)
        reader.close()
        words = "".join(reader.words)
    lines = (" ".join(_printable(line).split()) for line in words.splitlines())
    return "\n".join(line for line in lines if line)


def _title(words: str) -> str:
    return " ".join(_printable(plain(words)).split())[:LONGEST_TITLE]


def _printable(words: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in words)


def _number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 16
