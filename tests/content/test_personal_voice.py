"""What is spoken for one caller is sound like any other, and leaves nothing on the disk, however it ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from holdsvc.content.personal_voice import LONGEST, OwnVoice
from holdsvc.errors import BadContent, OutboundFailed
from tests.content.signals import file, speech

TEXT = "Your order 17 is on its way."


class Mouth:
    name = "mouth"

    def __init__(self, seconds: float = 2.0) -> None:
        self.sound, self.asked, self.trouble = file(speech(seconds), ".wav"), 0, None
        self.hangs = False

    async def speak(self, text: str, language: str, into: Path) -> None:
        self.asked += 1
        into.write_bytes(self.sound)
        if self.trouble:
            raise self.trouble
        if self.hangs:
            await asyncio.Event().wait()


async def test_it_is_prepared_as_all_sound_is_and_only_the_bytes_are_left(tmp_path: Path) -> None:
    mouth = Mouth()

    sound = await OwnVoice(mouth, tmp_path / "own").speak(TEXT, "en")

    assert 1.0 < len(sound) / 8000 < 2.2  # silence at its ends is trimmed
    assert len(sound) % 160 == 0
    assert list((tmp_path / "own").rglob("*")) == []
    assert (tmp_path / "own").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "sound", [b"", b"no sound at all", file(speech(LONGEST + 5), ".wav")], ids=["none", "bad", "long"]
)
async def test_sound_that_will_not_do_is_refused(tmp_path: Path, sound: bytes) -> None:
    mouth = Mouth()
    mouth.sound = sound

    with pytest.raises(BadContent):
        await OwnVoice(mouth, tmp_path / "own").speak(TEXT, "en")
    assert list((tmp_path / "own").rglob("*")) == []


async def test_a_phrase_that_nobody_wants_to_hear_is_not_even_spoken(tmp_path: Path) -> None:
    mouth = Mouth()

    with pytest.raises(BadContent, match="no caller wants to hear"):
        await OwnVoice(mouth, tmp_path / "own").speak("Your call is important to us, order 17.", "en")
    assert mouth.asked == 0


async def test_a_synthesiser_that_fails_leaves_nothing(tmp_path: Path) -> None:
    mouth = Mouth()
    mouth.trouble = OutboundFailed("away")

    with pytest.raises(OutboundFailed):
        await OwnVoice(mouth, tmp_path / "own").speak(TEXT, "en")
    assert list((tmp_path / "own").rglob("*")) == []


@pytest.mark.parametrize("hangs", [True, False], ids=["while it speaks", "while it is prepared"])
async def test_a_call_that_ends_meanwhile_leaves_nothing(tmp_path: Path, hangs: bool) -> None:
    mouth = Mouth()
    mouth.hangs = hangs
    task = asyncio.create_task(OwnVoice(mouth, tmp_path / "own").speak(TEXT, "en"))
    while not mouth.asked or not (hangs or list((tmp_path / "own").rglob("sound"))):
        await asyncio.sleep(0.01)

    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert list((tmp_path / "own").rglob("*")) == []


async def test_what_a_process_that_was_killed_left_is_deleted(tmp_path: Path) -> None:
    left = tmp_path / "own" / "tmp1" / "said.wav"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"sound")

    OwnVoice(Mouth(), tmp_path / "own")

    assert not left.exists()
