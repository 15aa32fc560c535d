"""A program that speaks: text in, sound out, no shell, and never longer or more than agreed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from holdsvc.content.decoder import decode
from holdsvc.errors import BadContent, ConfigError, OutboundFailed
from holdsvc.speech.speak.command import CommandSettings, CommandSynthesiser
from tests.ops.programs import program

ECHO = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
NASTY = 'a "b" $(touch bad) `touch bad`; touch bad & | > bad \\ \x00 {file} {voice} é 好 --help\n-x'


def synthesiser(*program: str, **more: object) -> CommandSynthesiser:
    return CommandSynthesiser(CommandSettings(command=(sys.executable, "-c", *program), **more))  # type: ignore[arg-type]


async def test_the_text_is_what_the_program_reads_to_the_letter(tmp_path: Path) -> None:
    await synthesiser(ECHO).speak(NASTY, "en", tmp_path / "said")

    assert (tmp_path / "said").read_bytes() == NASTY.strip().encode()
    assert [file.name for file in tmp_path.iterdir()] == ["said"]


async def test_what_stands_in_the_template_is_filled_in_once(tmp_path: Path) -> None:
    program = "import sys; open(sys.argv[1][5:], 'w').write('|'.join(sys.argv[2:]))"
    speaker = synthesiser(program, "--to={file}", "{voice}", "x-{language}-{voice}", voices={"en": "{file}{language}"})

    await speaker.speak("hello", "en-GB", tmp_path / "said")

    assert (tmp_path / "said").read_text() == "{file}{language}|x-en-GB-{file}{language}"


async def test_nothing_of_our_environment_is_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDSVC_API__TOKEN", "secret")

    await synthesiser("import os; print(sorted(os.environ))").speak("hello", "en", tmp_path / "said")

    assert "HOLDSVC" not in (tmp_path / "said").read_text()


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import time; time.sleep(60)", "took more than 1 s"),
        ("import sys, time; sys.stdout.write('x'); sys.stdout.flush(); time.sleep(60)", "took more than 1 s"),
        (
            "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])",
            "took more than 1 s",
        ),
        ("while True: print('x' * 65536)", "more than 1 MB"),
        ("import sys; sys.exit('no such voice \\x1b[31m')", "ended with code 1: no such voice"),
        ("pass", "made no sound"),
    ],
)
async def test_a_program_that_misbehaves_is_ended_and_leaves_nothing(tmp_path: Path, program: str, reason: str) -> None:
    async with asyncio.timeout(10):
        with pytest.raises(OutboundFailed, match=reason) as failed:
            await synthesiser(program, seconds=1.0, most_megabytes=1).speak("hello", "en", tmp_path / "said")

    assert str(failed.value).isprintable()
    assert not list(tmp_path.iterdir())


async def test_a_file_that_is_too_large_is_dropped(tmp_path: Path) -> None:
    speaker = synthesiser("import sys; open(sys.argv[1], 'wb').write(bytes(2 << 20))", "{file}", most_megabytes=1)

    with pytest.raises(OutboundFailed, match="more than 1 MB"):
        await speaker.speak("hello", "en", tmp_path / "said")

    assert not list(tmp_path.iterdir())


async def test_being_cancelled_ends_the_program_too(tmp_path: Path) -> None:
    program = "import os, sys, time; open(os.path.join(os.environ['HOME'], 'pid'), 'w').write(str(os.getpid())); time.sleep(60)"
    work = asyncio.create_task(synthesiser(program).speak("hello", "en", tmp_path / "said"))
    async with asyncio.timeout(10):
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            await asyncio.sleep(0.01)
    pid = int((tmp_path / "pid").read_text())

    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work

    assert not Path(f"/proc/{pid}").exists()


async def test_a_program_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(OutboundFailed, match="'no-such-program' cannot be started"):
        await CommandSynthesiser(CommandSettings(("no-such-program",))).speak("hello", "en", tmp_path / "said")


@pytest.mark.parametrize("text", ["", " \n", "x" * 5001])
async def test_a_text_that_cannot_be_spoken_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadContent):
        await synthesiser(ECHO).speak(text, "en", tmp_path / "said")


@pytest.mark.parametrize(
    "settings", [{}, {"command": ("",)}, {"command": ("{file}",)}, {"command": ("x",), "seconds": 0.0}]
)
def test_settings_that_will_not_do_name_their_key(settings: dict) -> None:
    with pytest.raises(ConfigError, match=r"^synthesiser\."):
        CommandSynthesiser(CommandSettings(**settings))


async def test_what_a_real_synthesiser_says_can_be_decoded(tmp_path: Path) -> None:
    speaker = CommandSynthesiser(
        CommandSettings(
            (program("espeak-ng", "espeak-ng"), "--stdin", "--stdout", "-v", "{voice}"), voices={"zh": "cmn"}
        )
    )

    for language, text in (
        ("en", "Longer waits today."),
        ("zh", "今天等待时间较长。"),
        ("ru", "Сегодня ждать дольше."),
    ):
        await speaker.speak(text, language, tmp_path / "said.wav")
        assert len(decode(tmp_path / "said.wav")) > 16000
