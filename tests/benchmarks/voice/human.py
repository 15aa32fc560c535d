"""A human voice, on which nothing was tuned: recorded prompts of Debian's asterisk-core-sounds-en-wav (Allison Smith)."""

from __future__ import annotations

from pathlib import Path

from holdsvc.ports import Candidate

# What is said -> file. They are not our menu's words, so that they have candidates of their own.
COMMANDS = {
    "goodbye": "vm-goodbye.wav",
    "hello": "hello.wav",
    "options": "vm-options.wav",
    "password": "vm-password.wav",
    "extension": "extension.wav",
    "transfer": "transfer.wav",
    "location": "location.wav",
    "activated": "activated.wav",
    "cancelled": "cancelled.wav",
    "minutes": "minutes.wav",
    "seconds": "seconds.wav",
    "telephone number": "telephone-number.wav",
    "one moment please": "one-moment-please.wav",
    "please try again": "please-try-again.wav",
    "I'm sorry": "im-sorry.wav",
    "invalid": "invalid.wav",
    "removed": "removed.wav",
    "messages": "vm-messages.wav",
    "unknown caller": "from-unknown-caller.wav",
    "deleted": "vm-deleted.wav",
    "friends": "vm-Friends.wav",
    "work": "vm-Work.wav",
    "family": "vm-Family.wav",
    "urgent": "vm-Urgent.wav",
    "next": "vm-next.wav",
}
CHOICES = tuple(Candidate(text, (text,)) for text in COMMANDS)


def others(folder: Path) -> list[Path]:
    """Everything else that she says, letters and digits too: with our menu, all of it is no command."""
    files = sorted([*folder.glob("*.wav"), *folder.glob("digits/*.wav"), *folder.glob("phonetic/*.wav")])
    noise = ("beep", "tone", "monkeys", "weasels")
    return [file for file in files if not any(word in file.stem for word in noise) and meant_by_nobody(file.stem)]


def meant_by_nobody(name: str) -> bool:
    """Not what our menu offers: "next", "no", "repeat", "help"."""
    return not any(word in name for word in ("next", "prev", "vm-no", "repeat", "help", "rewind", "louder"))
