"""Any synthesiser that is a program: text goes to its standard input, sound comes from its standard output, or to a file.

No shell stands between: the words of the text are data and never a command. It runs with a bare environment, in a group of its own,
with limits on time and size, and is ended as one when it passes them.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import Struct, field

from holdsvc.errors import BadContent, ConfigError, OutboundFailed

FILE, LANGUAGE, VOICE = "{file}", "{language}", "{voice}"
LONGEST = 5000  # characters of a text
PIECE = 1 << 16
LAST_PIECES = 1.0  # seconds for what is left in the pipe of a program that was ended
LAST_WORDS = 200  # characters of what it said of itself


class CommandSettings(Struct, frozen=True, forbid_unknown_fields=True):
    command: tuple[str, ...] = ()  # the program and its words; {language}, {voice} and {file} are filled in
    voices: Mapping[str, str] = field(default_factory=dict)  # language -> what {voice} stands for
    seconds: float = 60.0  # that one text may take
    most_megabytes: int = 50  # of sound


class CommandSynthesiser:
    name = "command"

    def __init__(self, settings: CommandSettings) -> None:
        if not settings.command or not settings.command[0].strip():
            raise ConfigError(
                "synthesiser.command", 'it names no program; write it as ["espeak-ng", "--stdin", "--stdout"]'
            )
        if any(mark in settings.command[0] for mark in (FILE, LANGUAGE, VOICE)):
            raise ConfigError("synthesiser.command", "its first word is the program and has nothing to fill in")
        if not 1 <= settings.seconds <= 600 or not 1 <= settings.most_megabytes <= 300:
            raise ConfigError("synthesiser.seconds", "it takes 1 to 600 seconds and 1 to 300 megabytes")
        self._settings = settings

    async def speak(self, text: str, language: str, into: Path) -> None:
        words = text.strip()
        if not words:
            raise BadContent("there are no words in it")
        if len(words) > LONGEST:
            raise BadContent(f"it has {len(words)} characters, more than the {LONGEST} that are spoken at a time")
        try:
            await self._run(words.encode(errors="replace"), language, into)
            if not into.is_file() or not into.stat().st_size:  # noqa: ASYNC240 - a look at a file of ours
                raise OutboundFailed("the synthesiser made no sound", why="broken")
        except BaseException:
            into.unlink(missing_ok=True)  # noqa: ASYNC240
            raise

    async def _run(self, words: bytes, language: str, into: Path) -> None:
        command = self._command(language, into)
        to_file = any(FILE in word for word in self._settings.command)
        try:
            child = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL if to_file else asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": str(into.parent)},
                cwd=into.parent,
                start_new_session=True,
                limit=PIECE,
            )
        except OSError as error:
            raise OutboundFailed(f"the synthesiser {command[0]!r} cannot be started: {error.strerror}") from error
        over = False
        try:
            async with asyncio.timeout(self._settings.seconds):
                _, _, said = await asyncio.gather(
                    _give(child, words), self._take(child, into, to_file), _last_words(child)
                )
                code = await child.wait()
            over = True
        except TimeoutError:
            raise OutboundFailed(f"the synthesiser took more than {self._settings.seconds:g} s", why="slow") from None
        finally:
            if not over:
                await _end(child)
        if code:
            raise OutboundFailed(
                f"the synthesiser ended with code {code}: {said}" if said else f"it ended with code {code}"
            )

    def _command(self, language: str, into: Path) -> list[str]:
        voices = self._settings.voices
        voice = voices.get(language) or voices.get(language.partition("-")[0]) or language
        filled = {FILE: str(into), LANGUAGE: language, VOICE: voice}
        return [_fill(word, filled) for word in self._settings.command]

    async def _take(self, child: asyncio.subprocess.Process, into: Path, to_file: bool) -> None:
        room = self._settings.most_megabytes << 20
        if to_file or child.stdout is None:
            await child.wait()
            if into.is_file() and into.stat().st_size > room:  # noqa: ASYNC240
                raise too_much(self._settings.most_megabytes)
            return
        with into.open("wb") as stream:  # at most 64 KB at a time, to the page cache
            while piece := await child.stdout.read(PIECE):
                room -= len(piece)
                if room < 0:
                    raise too_much(self._settings.most_megabytes)
                stream.write(piece)


def _fill(word: str, filled: Mapping[str, str]) -> str:
    """Each mark once, left to right: what is filled in is not looked at again."""
    if word in filled:
        return filled[word]
    for mark, value in filled.items():
        if mark in word:
            before, _, after = word.partition(mark)
            return before + value + _fill(after, filled)
    return word


def too_much(megabytes: int) -> OutboundFailed:
    return OutboundFailed(f"the synthesiser made more than {megabytes} MB", why="large", retryable=False)


async def _give(child: asyncio.subprocess.Process, words: bytes) -> None:
    assert child.stdin is not None
    with suppress(BrokenPipeError, ConnectionResetError):  # it had enough; what it made of it decides
        child.stdin.write(words)
        await child.stdin.drain()
        child.stdin.close()
        await child.stdin.wait_closed()


async def _last_words(child: asyncio.subprocess.Process) -> str:
    assert child.stderr is not None
    said = b""
    while piece := await child.stderr.read(PIECE):
        said = (said + piece)[-4 * LAST_WORDS :]
    told = "".join(sign if sign.isprintable() else " " for sign in said.decode(errors="replace"))
    return " ".join(told.split())[-LAST_WORDS:]


async def _end(child: asyncio.subprocess.Process) -> None:
    """With all that it started: whoever still holds its output is in its group, so that the group's number is no other's."""
    if sys.platform != "win32":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    elif child.returncode is None:
        child.kill()
    with suppress(TimeoutError):  # whoever left the group may hold the pipe
        async with asyncio.timeout(LAST_PIECES):
            while child.stdout is not None and await child.stdout.read(PIECE):
                pass  # so that the pipe is at its end, and closed
    await child.wait()
