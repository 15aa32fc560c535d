"""Where everything lies in Redis: in one of sixteen parts, each of them in one slot of a Cluster."""

from __future__ import annotations

from zlib import crc32

PARTS = 16  # never to be changed: it says where everything lies


def part_of(name: str) -> int:
    """Of a caller, or of a call: all its waits lie together."""
    return crc32(name.encode("utf-8", "surrogatepass")) % PARTS


def key(part: int, name: str) -> str:
    return f"holdsvc:{{{part}}}:{name}"


def log_of(part: int) -> str:
    return key(part, "log")


def channel(part: int) -> str:
    return key(part, "words")
