"""A walk through everything that a caller can ask for, in each language: what is said and played, in order.

`python -m tests.media.walk` writes docs/menu-walk.md. The decisions are the service's own, the texts those that ship.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from holdsvc.calls.decide import decide
from holdsvc.calls.events import AgentAnswered, CallArrived, CallEvent, CallHeld, DigitPressed, HeardUntil
from holdsvc.calls.instructions import Instruction, Play, Say
from holdsvc.calls.menu import SHIPPED
from holdsvc.calls.model import ContentId, ContentItem, Kind
from holdsvc.calls.plan import HoldPlan, Media, offered
from holdsvc.calls.quiz import Question, Shelf
from holdsvc.calls.session import HoldSession
from holdsvc.content.index import read_prompts
from holdsvc.content.quiz import read_banks, recordings
from tests.media.other_days import performed
from tests.plans import CALL, ITEMS, NOON, QUEUE, item

MEDIA = Path(__file__).resolve().parents[2] / "media"
PAGE = MEDIA.parent / "docs" / "menu-walk.md"
QUESTION = "spider-legs"  # stands in each language's bank
NAMES = {"en": "English", "es": "Spanish", "zh": "Chinese", "ru": "Russian"}
BRIEF = 1.5  # seconds of a piece, after which the same key goes back
SPEECH = 2.0  # seconds that each prompt counts for: the walk does not depend on how fast a voice is

Texts = dict[str, dict[str, str]]
# Key, seconds since the one before, and what it is for; or that the caller moved up, and to which place.
MOVED = "moves up"  # in the place of a key
STEPS = (
    ("2", 40, "a podcast"),
    ("9", 40, "the next one"),
    ("*", 40, "again"),
    ("*", 2, "back"),
    ("3", 40, "updates"),
    ("1", 40, "music, where it stopped"),
    ("9", 40, "the next one"),
    ("8", 40, "louder"),
    ("8", 40, "louder than it goes"),
    ("7", 40, "softer"),
    ("7", 40, "softer"),
    ("7", 40, "softer"),
    ("7", 40, "softer than it goes"),
    ("6", 40, "nothing: this queue has no such key"),
    ("4", 40, "the quiz"),
    ("2", 8, "an answer, the right one"),
    ("5", 40, "quiet"),
    ("#", 40, "less talk"),
    (MOVED, 40, "3"),
    ("#", 40, "no talk"),
    (MOVED, 40, "2"),
    ("#", 40, "all of it again"),
    (MOVED, 40, "1"),
    ("0", 40, "the choices"),
    ("0", 10, "another language, while they are told"),
)


def texts() -> Texts:
    """What ships, and one question of the quiz in each language."""
    known: Texts = {language: dict(prompts) for language, prompts in read_prompts(MEDIA).items()}
    for bank in read_banks(MEDIA).banks:
        for question in bank.questions:
            if question.id == QUESTION:
                known[bank.language] |= {prompt: text for prompt, text, _ in recordings(bank, question)}
    return known


def a_plan(language: str, known: Texts) -> HoldPlan:
    items = (*ITEMS, item("thinking", Kind.QUIZ, "quiz", 20.0))
    asked = ContentItem(ContentId(QUESTION), Kind.QUIZ, "quiz", QUESTION, 20.0)
    ask, tell = f"quiz/{QUESTION}.ask", f"quiz/{QUESTION}.tell"
    question = Question(asked, 2, ((), (), ()), ask, tell, SPEECH, SPEECH)
    return HoldPlan(
        queue=QUEUE,
        items=items,
        menu=offered(SHIPPED, items, tuple(known)),
        house=ContentId("waltz"),
        prompts={one: dict.fromkeys(prompts, SPEECH) for one, prompts in known.items()},
        quiz={one: Shelf(one, (question,)) for one in known},
        language=language,
        media=Media.DOCUMENTS,
    )


def events() -> Iterator[tuple[str, CallEvent]]:
    yield "calls", CallArrived(at=NOON, id="arrived")
    yield "waits", CallHeld(at=NOON, id="held", began=NOON)
    now = NOON
    for place, (key, seconds, wish) in enumerate(STEPS):
        now += timedelta(seconds=seconds)
        if key == MOVED:
            moved = CallHeld(at=now, id=f"step{place}", began=NOON, position=int(wish))
            yield f"{MOVED} to place {wish}", moved
        else:
            yield f"presses {key}: {wish}", DigitPressed(at=now, id=f"step{place}", digit=key)
    yield "is answered by a person", AgentAnswered(at=now + timedelta(seconds=40), id="answered")


def walk(language: str, known: Texts) -> Iterator[tuple[str, list[str]]]:
    """What the caller does, and what is heard then."""
    session, plan = HoldSession(CALL, QUEUE), a_plan(language, known)
    last: Play | None = None
    for deed, event in events():
        if last is not None and isinstance(event, DigitPressed):
            seconds = BRIEF if deed.endswith("back") else 25.0
            heard_until = HeardUntil(last.content, last.from_second, last.from_second + seconds)
            event = replace(event, heard=heard_until)
        decision = decide(session, event, plan)
        session = decision.session
        last = next((one for one in reversed(decision.instructions) if isinstance(one, Play)), None)
        yield deed, [line for one in decision.instructions for line in heard(one, plan, known)]


def other_days(language: str, known: Texts) -> Iterator[tuple[str, list[str]]]:
    """The same for calls in which there is cause for the rest of what we say."""
    plan = a_plan(language, known)
    for deed, turn in performed(plan):
        yield deed, [line for one in turn for line in heard(one, plan, known)]


def heard(instruction: Instruction, plan: HoldPlan, known: Texts) -> Iterator[str]:
    match instruction:
        case Say(prompts=prompts, language=language):
            yield from (known[language][prompt] for prompt in prompts)
        case Play(content=content):
            found = plan.item(content)
            yield f"*{found.kind if found else 'house music'}*"


def page() -> str:
    known = texts()
    lines = [
        "# What callers hear, step by step",
        "",
        "One call in each language with every key, and then some on other days, in which there is cause for what is left:",
        "the texts in the order in which they are played. *Slanted* words are content. Of what is told with a number or a name",
        "(places, waits, scores, keys to leave by, what somebody nearly said) one stands for all. Made by",
        "`python -m tests.media.walk` from the service's own decisions and the prompts that ship; a test compares.",
    ]
    for language in NAMES:
        lines += ["", f"## {NAMES[language]}", "", *table(walk(language, known))]
        lines += ["", "On other days:", "", *table(other_days(language, known))]
    return "\n".join(lines) + "\n"


def table(rows: Iterable[tuple[str, list[str]]]) -> Iterator[str]:
    yield "| the caller | hears |"
    yield "|---|---|"
    for deed, told in rows:
        yield f"| {deed} | {'<br>'.join(told) or 'nothing yet'} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
