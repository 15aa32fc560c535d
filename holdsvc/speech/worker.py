"""The worker's side: `python -m holdsvc.speech.worker KIND MODEL` reads questions from its input and writes answers to its output.

Each message is its length and a msgpack body. The first one out says that it is ready, or in one sentence why it never will be.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable
from typing import BinaryIO

import msgspec
from msgspec import Struct

from holdsvc.errors import ConfigError
from holdsvc.ports import Recogniser, Utterance
from holdsvc.speech.recognise import kinds

LENGTH = struct.Struct("!I")


class Ready(Struct, frozen=True):
    languages: tuple[str, ...] = ()  # plain, as "en"; "*" for any
    fault: str = ""


def main(words: list[str]) -> int:
    questions, answers = os.fdopen(sys.stdin.fileno(), "rb", buffering=0), sys.stdout.buffer
    sys.stdout = sys.stderr  # nobody's chatter goes among the answers
    bounded(int(os.environ.get("HOLDSVC_WORKER_MEGABYTES", "0")))
    kind, model = words[0], words[1] if len(words) > 1 else ""
    return serve(lambda: kinds.make(kind, model), questions, answers)


def serve(make: Callable[[], Recogniser], questions: BinaryIO, answers: BinaryIO) -> int:
    try:
        recogniser = make()
    except ConfigError as error:
        write(answers, Ready(fault=str(error)))
        return 1
    write(answers, Ready(recogniser.languages))
    while (head := read(questions, LENGTH.size)) is not None:
        body = read(questions, LENGTH.unpack(head)[0])
        if body is None:
            break
        utterance = msgspec.msgpack.decode(body, type=Utterance)
        body[:] = bytes(len(body))  # while we wait for the next one, nothing is left of this
        write(answers, recogniser.recognise(utterance))
        del utterance
    return 0


def read(questions: BinaryIO, length: int) -> bytearray | None:
    """So many bytes into a place of their own; None at the end."""
    body = bytearray(length)
    at, view = 0, memoryview(body)
    while at < length:
        came = questions.readinto(view[at:])  # type: ignore[attr-defined]  # every binary file has it
        if not came:
            return None
        at += came
    return body


def write(answers: BinaryIO, message: Struct) -> None:
    body = msgspec.msgpack.encode(message)
    answers.write(LENGTH.pack(len(body)) + body)
    answers.flush()


def bounded(megabytes: int) -> None:
    """No core dump, which would hold a caller's voice; no more memory than was agreed on; last in line for the processor."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if megabytes:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    os.nice(5)  # sound to callers comes first


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
