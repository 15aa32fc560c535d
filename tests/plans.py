"""A small shelf and a plan of it, for whoever needs one in a test."""

from datetime import UTC, datetime, timedelta

from holdsvc.calls.menu import SHIPPED, Action, Choice
from holdsvc.calls.model import CallId, CallRef, ContentId, ContentItem, Kind, QueueName
from holdsvc.calls.plan import HoldPlan, offered
from holdsvc.calls.session import HoldSession

NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)
CALL = CallRef("testphone", CallId("call-1"))
QUEUE = QueueName("support")


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def item(name: str, kind: Kind, shelf: str, seconds: float, order: int = 0) -> ContentItem:
    return ContentItem(ContentId(name), kind, shelf, name.title(), seconds, order=order)


ITEMS = (
    item("waltz", Kind.MUSIC, "classical", 130.0, 1),
    item("fugue", Kind.MUSIC, "classical", 95.0, 2),
    item("swing", Kind.MUSIC, "jazz", 180.0, 1),
    item("episode-1", Kind.PODCAST, "stories", 150.0, 1),
    item("episode-2", Kind.PODCAST, "stories", 120.0, 2),
    item("today", Kind.DAILY, "updates", 30.0),
    item("quiet", Kind.QUIET, "quiet", 60.0),
)
NAMES = """
    choice_music choice_podcast choice_daily choice_quiet or_say not_understood now_music now_podcast now_daily now_quiet
    resume next again louder softer less_talk connecting leaving
"""
CONTROLS = ["control_next", "control_repeat", "control_louder", "control_softer", "control_less_talk", "control_menu"]
PROMPTS = {**dict.fromkeys(NAMES.split(), 1.5), **dict.fromkeys(CONTROLS, 0.25)}
LEAVE = Choice("leave", Action.LEAVE, "6", ("voicemail",))


def a_plan(**changes) -> HoldPlan:
    values = {
        "queue": QUEUE,
        "items": ITEMS,
        "menu": offered((*SHIPPED, LEAVE), ITEMS),
        "house": ContentId("waltz"),
        "prompts": {"en": PROMPTS},
    }
    return HoldPlan(**{**values, **changes})


def a_session() -> HoldSession:
    return HoldSession(CALL, QUEUE)
