"""Where everything lies in Redis: in one of sixteen parts, each of them in one slot of a Cluster."""

from __future__ import annotations

from importlib import resources
from zlib import crc32

from holdsvc.calls.model import CallRef, parted

PARTS = 16  # never to be changed: it says where everything lies
KEEP = 4 * 24 * 3600  # seconds that a call is at hand after its wait: news come up to three days late
MOST_TRIES = 100  # of one value that others change as well


def script(name: str) -> str:
    return resources.files("holdsvc.stores").joinpath(name).read_text("utf-8")


def part_of(name: str) -> int:
    """Of a caller, or of a call: all its waits lie together."""
    return crc32(name.encode("utf-8", "surrogatepass")) % PARTS


def key(part: int, name: str) -> str:
    return f"holdsvc:{{{part}}}:{name}"


def log_of(part: int) -> str:
    return key(part, "log")


def channel(part: int) -> str:
    return key(part, "words")


def mark(part: int) -> tuple[str, ...]:
    """A command that writes, and changes nothing: what is read beside it is as sure as it is."""
    return ("SET", key(part, "mark"), "")


def name_of(ref: CallRef) -> str:
    return f"{ref.platform}/{ref.key}"


def ref_of(name: str) -> CallRef:
    platform, _, key = name.partition("/")
    return CallRef(platform, *parted(key))
