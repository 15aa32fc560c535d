"""What the tests of every platform work with: links, scenes, stored samples, and a sender who can sign."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.events import Departure
from holdsvc.calls.instructions import (
    Brief,
    Depart,
    EnterQueue,
    HandOver,
    HangUp,
    Instruction,
    LeaveQueue,
    Listen,
    OpenStream,
    Play,
    Release,
    Say,
    Stop,
)
from holdsvc.calls.menu import SHIPPED, Menu
from holdsvc.calls.model import ContentId, PromptId, QueueName
from holdsvc.ports import Platform, Scene, WebhookRequest

BASE = "https://holdsvc.example.com"
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SUPPORT = QueueName("support")
TUNE = ContentId("late-ferry")
PROMPTS = {"menu": 8.4, "connecting": 1.5, "now_music": 1.0, "leaving": 2.0}
SAMPLES = Path(__file__).parent / "samples"


class Links:
    def __init__(self, base: str = BASE) -> None:
        self.base = base

    def hook(self, platform: str, step: str, query: Mapping[str, str]) -> str:
        return f"{self.base}/hooks/{platform}/{step}?{urlencode(query)}"

    def content(self, content: ContentId, from_second: float, until_second: float, gain: float) -> str:
        return f"{self.base}/audio/{content}/{from_second:g}-{until_second:g}/{gain:g}.wav"

    def prompt(self, language: str, prompt: PromptId) -> str:
        return f"{self.base}/audio/prompts/{language}/{prompt}.wav"

    def media(self, platform: str, token: str) -> str:
        return f"{self.base.replace('http', 'ws', 1)}/media/{platform}/{token}"


def scene(step: str, **changes: Any) -> Scene:
    plain = Scene(
        step=step,
        queue=SUPPORT,
        turn=7,
        at=NOW,
        links=Links(),
        seconds_of=lambda language, prompt: PROMPTS.get(prompt, 0.0),
        length_of=lambda content: 180.0,
    )
    return replace(plain, **changes)


MENU = Menu(SHIPPED)
EVERY_INSTRUCTION: tuple[Instruction, ...] = (
    Say((PromptId("menu"),), "en"),
    Play(TUNE, 10.0, 60.0),
    Listen(MENU, "en"),
    Stop(),
    EnterQueue(SUPPORT),
    OpenStream(SUPPORT),
    Release(),
    HandOver(SUPPORT),
    LeaveQueue(),
    *(Depart(SUPPORT, why) for why in Departure),
    Brief(("Waited 2 minutes.",)),
    HangUp(),
)


def posted(step: str, body: bytes = b"", query: str = "", *, at: datetime = NOW, platform: str) -> WebhookRequest:
    return WebhookRequest(
        step=step,
        method="POST",
        url=f"{BASE}/hooks/{platform}/{step}" + (f"?{query}" if query else ""),
        query=query,
        headers={"content-type": "application/x-www-form-urlencoded; charset=UTF-8"},
        body=body,
        at=at,
    )


class Sample(Struct, frozen=True):
    """A stored webhook and what it should give."""

    name: str
    request: WebhookRequest
    gives: object


class Bench(Struct, frozen=True):
    """A platform under test. `sign` returns the request as its platform would have sent it."""

    platform: Platform
    unready: Platform  # the same without a secret
    sign: Callable[[WebhookRequest], WebhookRequest]

    def samples(self) -> list[Sample]:
        return [self._sample(path) for path in sorted((SAMPLES / self.platform.name).glob("*.json"))]

    def _sample(self, path: Path) -> Sample:
        told = json.loads(path.read_text("utf-8"))
        request = posted(
            told["step"],
            told["body"].encode(),
            told.get("query", ""),
            at=datetime.fromisoformat(told["at"]),
            platform=self.platform.name,
        )
        return Sample(path.stem, request, told["gives"])
