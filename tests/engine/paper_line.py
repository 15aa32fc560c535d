"""A line in documents: what the Twilio adapter writes is played as Twilio plays it, and its links are what is asked next.

Real are the adapter both ways (each document is rendered and read again as XML; each key, silence and place is a form posted to the
link that stands in it) and the core. Left out are HTTP and the store, which `test_at_any_moment` has.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import unquote, urlencode, urlsplit
from xml.etree import ElementTree

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.decide import decide
from holdsvc.calls.estimate import Movement
from holdsvc.calls.events import CallerKnown, CallEvent, UtteranceHeard
from holdsvc.calls.model import CallerId, CallId, CallRef, EventId, Profile
from holdsvc.calls.plan import HoldPlan, Notice
from holdsvc.calls.session import HoldSession
from holdsvc.platforms.twilio import Twilio
from holdsvc.platforms.twilio_documents import GATHER_TIMEOUT
from tests.engine.full_shelf import full_shelf
from tests.plans import NOON, QUEUE
from tests.platforms.bench import Links, posted, scene

CALL = "CAaaaabbbbccccddddeeeeffff00001111"
REF = CallRef("twilio", CallId(CALL))
LINKS = Links()
Element = ElementTree.Element


class Sounding(Struct, frozen=True):
    """A verb that plays, in seconds from the document's beginning."""

    begins: float
    ends: float
    prompt: str = ""  # "" for content
    language: str = ""
    address: str = ""
    ear: str = ""  # where a key goes that is pressed in it; "" where nobody listens


class PaperLine:
    def __init__(self, plan: HoldPlan, profile: Profile, platform: Twilio | None = None, **known: object) -> None:
        self.plan, self.now = plan, NOON
        self.movement: Movement | None = None
        self._platform = platform or Twilio(insecure=True)
        self.session = HoldSession(REF, QUEUE)
        self.place: int | None = None
        self.sounds: tuple[Sounding, ...] = ()
        self.began = self.now
        self._next = hook("wait")
        who = {"caller": CallerId("somebody"), "profile": profile, **known}
        self.session = decide(self.session, CallerKnown(at=NOON, id=EventId("known"), **who), plan).session
        self.ask(self._next, QueueTime="0")

    # --- what the caller does ----------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        until = self.now + timedelta(seconds=seconds)
        while self._over <= until:
            self.ends()
        self.now = until

    def press(self, digit: str) -> bool:
        """False where nobody listens: the platform drops the key, and the caller hears what was to be heard anyway."""
        sound = self.hears()
        if sound is None or not sound.ear:
            return False
        self.ask(sound.ear, Digits=digit)
        return True

    def nearly(self, choice: str) -> None:
        """As words that a recogniser takes for that, and is not sure of."""
        sound = self.hears()
        assert sound is not None
        self.ask(sound.ear, nearly=choice, SpeechResult="something like it", Confidence="0.6")

    def ends(self) -> None:
        self.now = self.joint
        waited = int((self.now - NOON).total_seconds())
        there = {} if self.place is None else {"QueuePosition": str(self.place), "CurrentQueueSize": "30"}
        self.ask(self._next, QueueTime=str(waited), **there)

    def moves(self, place: int) -> None:
        """In documents it is told with the next one."""
        self.place = place
        self.ends()

    def rings(self) -> None:
        self.ends()

    def posts(self, notice: Notice) -> None:
        self.plan = replace(self.plan, notice=notice)
        self.ends()

    def breaks(self) -> None:
        """And there is no room for another stream: the platform's queue asks for documents."""
        self.ask(hook("wait", "&after=stream"))
        self.ask(hook("wait", f"&turn={self.session.version}"), QueueTime="0")

    # --- what the platform does --------------------------------------------------------------------------------------

    def hears(self) -> Sounding | None:
        at = (self.now - self.began).total_seconds()
        return next((one for one in self.sounds if one.begins <= at + 1e-9 and at + 1e-9 < one.ends), None)

    @property
    def joint(self) -> datetime:
        return max(self.now, self._over)

    @property
    def _over(self) -> datetime:
        """Behind the last sound a <Gather> waits a moment for a late key."""
        last = self.sounds[-1]
        return self.began + timedelta(seconds=last.ends + (GATHER_TIMEOUT if last.ear else 0.0))

    def ask(self, link: str, nearly: str = "", **fields: str) -> None:
        """The platform asks this address, as something has happened; what comes back is heard from now on."""
        parts = urlsplit(link)
        form = urlencode({"CallSid": CALL, "From": "+15005550122", **fields}).encode()
        request = posted(parts.path.rpartition("/")[2], form, parts.query, at=self.now, platform="twilio")
        report = self._platform.parse(self._platform.verify(request))
        assert report is not None
        for event in report.events:
            self._take(understood(event, nearly), request.step)

    def _take(self, event: CallEvent, step: str) -> None:
        decision = decide(replace(self.session, movement=self.movement), event, self.plan)
        turn = decision.session.version + 1
        self.session = replace(decision.session, version=turn, movement=None)
        shown = scene(
            step,
            queue=QUEUE,
            turn=turn,
            at=self.now,
            links=LINKS,
            seconds_of=lambda language, prompt: self.plan.seconds_of((prompt,), language),
            length_of=lambda content: full_shelf().item(content).seconds,
        )
        reply = self._platform.render(REF, decision.instructions, shown)
        document = ElementTree.fromstring(reply.body)
        self.began = self.now
        self.sounds = tuple(self._sounds(document))
        redirect = document.find("Redirect")
        self._next = "" if redirect is None else redirect.text or ""

    def _sounds(self, document: Element) -> Iterator[Sounding]:
        """In the order in which they are played: the ear of a <Gather> is open in what is nested in it, and nowhere else."""
        begins = 0.0
        for verb in document:
            ear = takes_keys(verb)
            for sound in verb if verb.tag == "Gather" else [verb]:
                if sound.tag == "Play":
                    prompt, language, seconds = self._read(sound.text or "")
                    yield Sounding(begins, begins + seconds, prompt, language, sound.text or "", ear)
                    begins += seconds

    def _read(self, address: str) -> tuple[str, str, float]:
        """An address as `bench.Links` writes it: prompt and language, or "" twice, and its length."""
        path = unquote(urlsplit(address).path).removeprefix("/audio/").removesuffix(".wav")
        if path.startswith("prompts/"):
            _, language, prompt = path.split("/", 2)
            return prompt, language, self.plan.seconds_of((prompt,), language)
        began, _, until = path.split("/")[-2].partition("-")
        return "", "", float(until) - float(began)


def hook(step: str, query: str = "") -> str:
    return f"{LINKS.base}/hooks/twilio/{step}?queue={QUEUE}{query}"


def takes_keys(verb: Element) -> str:
    """Where it sends a single key, any of the twelve."""
    whole = verb.tag == "Gather" and "dtmf" in verb.get("input", "").split() and verb.get("finishOnKey") == ""
    return verb.get("action", "") if whole and verb.get("numDigits") == "1" else ""


def understood(event: CallEvent, nearly: str) -> CallEvent:
    return replace(event, choice=nearly, score=0.6, near=True) if isinstance(event, UtteranceHeard) else event
