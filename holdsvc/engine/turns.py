"""A turn's instructions as a live stream understands them: excerpts of sound, and what is to happen when they are over."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from msgspec import Struct

from holdsvc.audio.player import Part, excerpt
from holdsvc.calls.instructions import HangUp, Instruction, Listen, Play, Release, Say, Stop
from holdsvc.calls.model import PromptId
from holdsvc.errors import HoldsvcError
from holdsvc.ports import Sounds

log = logging.getLogger(__name__)


class Turn(Struct, frozen=True):
    parts: tuple[Part, ...] = ()
    plays: bool = False  # content: when it is over, more is asked for
    listens: bool = False
    stops: bool = False  # at once, whatever is being heard
    ends: bool = False  # the stream is closed when the parts have been played


def turn_of(instructions: Sequence[Instruction], sounds: Sounds) -> Turn:
    parts: list[Part] = []
    plays = listens = stops = ends = False
    for todo in instructions:
        match todo:
            case Say() | Play():
                parts += excerpts(todo, sounds)
                plays = plays or isinstance(todo, Play)
            case Stop():
                parts, plays, stops = [], False, True
            case Release() | HangUp():
                ends = True
            case Listen():
                listens = True
            case _:  # what concerns documents, queues and agents
                pass
    return Turn(tuple(parts), plays, listens, stops, ends)


def excerpts(todo: Say | Play, sounds: Sounds) -> list[Part]:
    """What can be heard of it: a sound that is missing is left out, and the rest is heard."""
    if isinstance(todo, Play):
        return [part] if (part := played(todo, sounds)) else []
    said = (spoken(todo.language, prompt, sounds) for prompt in todo.prompts)
    return [part for part in said if part]


def played(todo: Play, sounds: Sounds) -> Part | None:
    try:
        sound, name = sounds.content(todo.content), sounds.content_hash(todo.content)
    except HoldsvcError as error:
        log.warning("sound_missing", extra={"content": todo.content, "reason": str(error)})
        return None
    return excerpt(sound, todo.from_second, todo.until_second, todo.content, todo.gain, name, todo.ducks)


def spoken(language: str, prompt: PromptId, sounds: Sounds) -> Part | None:
    try:
        return excerpt(sounds.prompt(language, prompt), name=sounds.prompt_hash(language, prompt))
    except HoldsvcError as error:
        log.warning("sound_missing", extra={"prompt": prompt, "language": language, "reason": str(error)})
        return None
