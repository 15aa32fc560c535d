"""Prepared sound on disk: how it is named, what stands beside it, and when it counts as there.

A sound is named after the bytes that it was made from and the recipe that made it, never after anything that a user
typed. `<hash>.ulaw` is written last, by rename: where it stands, the rest stands too. `<hash>.pcm8` and `<hash>.pcm16` are
for wires that carry linear samples, at 8 and 16 kHz; they may be missing. `<hash>.bad` says why a source
will not be tried again. This module is light: the service imports it, the making of sound it does not.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

RECIPE = "1"  # raise it with every change of prepare.py that can be heard: all sound is then made anew
MANIFEST = "manifest.json"  # in a folder that ships: one file instead of a `.json` beside each sound
REASON_LENGTH = 300  # characters


class Measured(msgspec.Struct, frozen=True):
    """What was measured on the mu-law itself."""

    seconds: float
    loudness: float  # LUFS; under three seconds the active speech level, dB of full scale
    peak: float  # dBTP


class Prepared(msgspec.Struct, frozen=True):
    ulaw: bytes  # whole frames
    peaks: bytes  # highest magnitude of each 200 ms, 255 is full scale
    measured: Measured
    pcm8: bytes = b""  # the same before mu-law: 16 bits, little-endian
    pcm16: bytes = b""  # twice the rate and the band, cut at the same samples


def hash_of(source: bytes) -> str:
    return hashlib.sha256(RECIPE.encode() + source).hexdigest()[:32]


def is_hash(name: str) -> bool:
    return len(name) == 32 and set(name) <= set("0123456789abcdef")


def hash_of_file(source: Path) -> str:
    digest = hashlib.sha256(RECIPE.encode())
    with source.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()[:32]


QUIET_SOUND = hash_of(b"quiet")  # the one sound that has no source: content/quiet makes it
QUIET_SECONDS = 60.0  # it is a loop


def find(sound: str, folders: tuple[Path, ...], kind: str = "ulaw") -> Path | None:
    """The mu-law file of this hash, or another kind, from the first folder that has it."""
    return next((file for folder in folders if (file := folder / f"{sound}.{kind}").is_file()), None)


def keep(prepared: Prepared, folder: Path, sound: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / f"{sound}.peaks", prepared.peaks)
    for rate, pcm in ((8, prepared.pcm8), (16, prepared.pcm16)):
        if pcm:
            write(folder / f"{sound}.pcm{rate}", pcm)
    write(folder / f"{sound}.json", msgspec.json.encode(prepared.measured))
    write(folder / f"{sound}.ulaw", prepared.ulaw)
    (folder / f"{sound}.bad").unlink(missing_ok=True)


def refuse(folder: Path, sound: str, reason: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / f"{sound}.bad", reason[:REASON_LENGTH].encode())


def refusal(sound: str, folders: tuple[Path, ...]) -> str | None:
    for folder in folders:
        file = folder / f"{sound}.bad"
        if file.is_file():
            return file.read_text("utf-8", "replace")
    return None


def write(file: Path, content: bytes) -> None:
    """All of it or nothing, also when the machine stops in the middle."""
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    with draft.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)


def mark(file: Path) -> tuple[int, int]:
    """Another one after each `write`; (0, 0) where there is no file."""
    try:
        told = file.stat()
    except OSError:
        return 0, 0
    return told.st_mtime_ns, told.st_ino


def peaks_of(sound: str, folders: tuple[Path, ...]) -> bytes:
    """The waveform index, empty if there is none."""
    for folder in folders:
        file = folder / f"{sound}.peaks"
        if file.is_file():
            return file.read_bytes()
    return b""


def measured_of(sound: str, folders: tuple[Path, ...]) -> Measured | None:
    for folder in folders:
        file = folder / f"{sound}.json"
        if file.is_file():
            return msgspec.json.decode(file.read_bytes(), type=Measured)
        if (entry := manifest(folder).get(sound)) is not None:
            return entry
    return None


def manifest(folder: Path) -> Mapping[str, Measured]:
    file = folder / MANIFEST
    return msgspec.json.decode(file.read_bytes(), type=dict[str, Measured]) if file.is_file() else {}
