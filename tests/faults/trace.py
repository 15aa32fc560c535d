"""What strace saw of the service, as a story of requests, flushes and answers.

Lines are in the order in which things happened. A call that was interrupted by another thread's is told in two lines; what
counts is when a flush came back, and when the sending of an answer began.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum

from msgspec import Struct

CALLS = "read,recvfrom,recvmsg,readv,write,writev,sendto,sendmsg,fsync,fdatasync,pwrite64,pwritev"
RECEIVES = frozenset({"read", "recvfrom", "recvmsg", "readv"})
SENDS = frozenset({"write", "writev", "sendto", "sendmsg"})
FLUSHES = frozenset({"fsync", "fdatasync"})
WRITES = frozenset({"pwrite64", "pwritev"})
LONGEST = 8192  # bytes of each call that are told: a page of the file, or a whole request

WHOLE = re.compile(r"^(?P<thread>\d+) +(?P<name>\w+)\((?P<fd>\d+)<(?P<what>[^>]*)>(?P<rest>.*)$", re.DOTALL)
RESUMED = re.compile(r"^(?P<thread>\d+) +<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)$", re.DOTALL)
UNFINISHED = "<unfinished ...>"
CALL = re.compile(r"CallSid=(\w+)")


class Kind(StrEnum):
    ASKED = "asked"  # a webhook came in
    KEPT = "kept"  # a page went into the write-ahead log
    FLUSHED = "flushed"  # everything kept so far is on the disk
    ANSWERED = "answered"  # a 200 goes out


class Step(Struct, frozen=True):
    kind: Kind
    fd: int
    text: str = ""  # the call that a webhook is about; the page that was written


def steps(lines: Iterable[str]) -> Iterator[Step]:
    begun: dict[str, re.Match[str]] = {}
    for line in lines:
        whole = WHOLE.match(line)
        resumed = RESUMED.match(line)
        if whole is not None:
            if UNFINISHED in line:
                begun[whole["thread"]] = whole
            yield from told(whole, "" if UNFINISHED in line else whole["rest"], begins=True)
        elif resumed is not None and resumed["thread"] in begun:
            yield from told(begun.pop(resumed["thread"]), resumed["rest"], begins=False)


def told(begun: re.Match[str], end: str, *, begins: bool) -> Iterator[Step]:
    """`end`: the part that tells the result; "" if it is not known yet. A send counts as it begins, all else as it ends."""
    name, fd, log = begun["name"], int(begun["fd"]), begun["what"].endswith("-wal")
    text = begun["rest"] + end
    if name in SENDS and begins and "HTTP/1.1 200" in begun["rest"]:
        yield Step(Kind.ANSWERED, fd)
    if not end:
        return
    call_named = CALL.search(text)
    if name in RECEIVES and call_named:  # the form, be it in one piece with its head or not
        yield Step(Kind.ASKED, fd, call_named[1])
    elif name in WRITES and log:
        yield Step(Kind.KEPT, fd, text)
    elif name in FLUSHES and log and re.search(r"= 0\b", end):
        yield Step(Kind.FLUSHED, fd)


class Told(Struct, frozen=True):
    """What came of the webhooks: calls whose webhook was answered after its record was flushed, and before."""

    durable: tuple[str, ...]
    early: tuple[str, ...]


class Asked(Struct):
    call: str
    written: bool = False  # a page that names the call went to the log after the request came
    flushed: bool = False  # and was flushed after that


def judge(story: Iterable[Step]) -> Told:
    """Of each webhook: came, after the request, a page that names its call, then a flush, and only then the answer?"""
    under_way: dict[int, Asked] = {}
    durable: list[str] = []
    early: list[str] = []
    for step in story:
        match step.kind:
            case Kind.ASKED:
                under_way[step.fd] = Asked(step.text)
            case Kind.KEPT:
                for asked in under_way.values():
                    asked.written = asked.written or asked.call in step.text
            case Kind.FLUSHED:
                for asked in under_way.values():
                    asked.flushed = asked.flushed or asked.written
            case Kind.ANSWERED if step.fd in under_way:
                done = under_way.pop(step.fd)
                (durable if done.flushed else early).append(done.call)
            case _:
                pass
    return Told(tuple(durable), tuple(early))
