"""What a caller can ask for, by key and by word, at any moment."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from holdsvc.calls.model import Kind


class Action(StrEnum):
    PLAY = "play"  # content of a kind, perhaps of one shelf
    NEXT = "next"  # chapter, where the piece has some; else piece
    EPISODE = "episode"  # the next piece, whatever chapters are left of this one
    REPEAT = "repeat"  # this piece from its start; at its start, the one before
    BACK = "back"  # the one before
    LOUDER = "louder"
    SOFTER = "softer"
    LESS_TALK = "less_talk"
    MENU = "menu"  # say the choices again
    LANGUAGE = "language"  # the next one, or that of the entry "language:es"
    LEAVE = "leave"  # out of the queue, by the caller's own wish
    CALLBACK = "callback"  # to be called back instead of waiting: we ask once whether it is meant
    CONFIRM = "confirm"  # yes, call back
    ANSWER = "answer"  # one of an open question's options
    YES = "yes"  # to a question of ours
    NO = "no"  # to a question of ours, or to what was just done on a word


class Choice(Struct, frozen=True):
    """One thing to ask for. `digit` is "" for what can only be said; `content` is one item, where no shelf is meant."""

    id: str
    action: Action
    digit: str = ""
    words: tuple[str, ...] = ()
    kind: Kind | None = None
    shelf: str = ""
    content: str = ""


class Menu(Struct, frozen=True):
    choices: tuple[Choice, ...]

    def by_digit(self, digit: str) -> Choice | None:
        return next((choice for choice in self.choices if digit and choice.digit == digit), None)

    def by_id(self, name: str) -> Choice | None:
        return next((choice for choice in self.choices if choice.id == name), None)

    @property
    def words(self) -> tuple[str, ...]:
        """Everything that may be said, for a recogniser's hints; no word twice."""
        return tuple(dict.fromkeys(word for choice in self.choices for word in choice.words))


def entry(kind: Kind, digit: str, *words: str) -> Choice:
    return Choice(kind.value, Action.PLAY, digit, words, kind)


# To be called back: where a queue's file offers it. `CONFIRM_CALLBACK` is what our question is about.
CALLBACK = "callback"
CALLBACK_WORDS = ("call me back", "callback", "call back", "a callback", "a call back")
CONFIRM_CALLBACK = Choice("callback_confirm", Action.CONFIRM)

# Keys and English words as shipped. A queue's file may add words and take entries out; what has no content is not offered.
SHIPPED = (
    entry(Kind.MUSIC, "1", "music", "some music", "play music", "song"),
    entry(Kind.PODCAST, "2", "podcast", "a podcast", "story", "episode"),
    entry(Kind.DAILY, "3", "updates", "today's updates", "news", "daily update"),
    entry(Kind.QUIZ, "4", "quiz", "a quiz", "question"),
    entry(Kind.QUIET, "5", "quiet", "silence", "be quiet", "nothing", "stop"),
    Choice("softer", Action.SOFTER, "7", ("softer", "quieter", "turn it down", "too loud")),
    Choice("louder", Action.LOUDER, "8", ("louder", "turn it up", "speak up")),
    Choice("next", Action.NEXT, "9", ("next", "skip", "another one", "something else")),
    Choice("next_episode", Action.EPISODE, "", ("next episode", "another episode", "the next episode")),
    Choice("menu", Action.MENU, "0", ("menu", "help", "choices", "repeat", "what can i say")),
    Choice("repeat", Action.REPEAT, "*", ("from the start", "again", "start over")),
    Choice("less_talk", Action.LESS_TALK, "#", ("less talk", "stop talking", "no more announcements")),
    Choice("back", Action.BACK, "", ("back", "previous", "go back", "the one before", "last one")),
    Choice("language", Action.LANGUAGE, "", ("language", "another language", "change the language")),
)
