"""<Dial>: an agent's phone rings, is answered and bridged. The agent's own leg reports its states if the document asks."""

from __future__ import annotations

from email.utils import format_datetime

from msgspec import Struct

from holdsvc.simulator.leg import AgentLeft, Broken, Ended, Gone, Jump, Leg, Moved, Taker
from holdsvc.simulator.truth import End
from holdsvc.simulator.twiml import Document, Place, Verb

TIMEOUT = 30  # seconds a phone rings unless the document says otherwise
STATES = {"initiated": "initiated", "ringing": "ringing", "answered": "in-progress", "completed": "completed"}


class AgentLeg(Struct, eq=False):
    """The leg that <Dial> made. `events` are those that the document wants to hear of."""

    parent: Leg
    sid: str
    number: str
    callback: str  # URL or ""
    events: tuple[str, ...]
    state: str = "queued"
    sequence: int = 0

    def standard(self) -> dict[str, str]:
        caller = self.parent
        return {
            "CallSid": self.sid,
            "ParentCallSid": caller.sid,
            "AccountSid": caller.board.account,
            "From": caller.call.number,
            "To": self.number,
            "CallStatus": self.state,
            "ApiVersion": "2010-04-01",
            "Direction": "outbound-dial",
        }

    def reports(self, event: str, state: str = "", **more: str) -> bool:
        """True if the service was told, at once."""
        self.state = state or STATES[event]
        sequence, self.sequence = self.sequence, self.sequence + 1
        if not self.callback or event not in self.events:
            return False
        news = {
            "SequenceNumber": str(sequence),
            "Timestamp": format_datetime(self.parent.board.clock.now().replace(microsecond=0)),
            "CallbackSource": "call-progress-events",
        }
        return self.parent.board.hooks.tell(self.callback, {**self.standard(), **news, **more}, call=self.parent.sid)


async def dial(leg: Leg, verb: Verb, document: Document, place: Place) -> Jump | None:
    noun = verb.children[0] if verb.children else Verb("Number", {}, verb.text)
    agent = _agent_leg(leg, noun, document)
    taker = leg.reserved
    agent.reports("initiated")
    rings = leg.board.ring_seconds()
    try:
        agent.reports("ringing")
        await leg.listen(min(rings, float(verb.number("timeout", TIMEOUT))))
    except (Gone, Moved):
        agent.reports("completed", "canceled", CallDuration="0")
        raise
    if taker is None or rings > verb.number("timeout", TIMEOUT):
        agent.reports("completed", "no-answer", CallDuration="0")
        return _then(verb, document, agent, "no-answer", 0.0)
    told = agent.reports("answered")
    wait = leg.call.open_wait()
    if wait is not None and not (agent.callback and "answered" in agent.events):
        wait.slack = rings  # nobody tells the service when the agent answered: it knows when it let the caller go
    leg.board.truth.release(leg.call, End.ANSWERED, prompt=told)
    return await _talk(leg, taker, agent, noun, verb, document)


def _agent_leg(leg: Leg, noun: Verb, document: Document) -> AgentLeg:
    callback = noun.attributes.get("statusCallback", "")
    return AgentLeg(
        leg,
        leg.board.new_sid("CA"),
        noun.text,
        document.resolve(callback) if callback else "",
        tuple(noun.attributes.get("statusCallbackEvent", "completed").split()),
    )


async def _talk(leg: Leg, taker: Taker, agent: AgentLeg, noun: Verb, verb: Verb, document: Document) -> Jump | None:
    clock = leg.board.clock
    began = clock.monotonic()
    try:
        await _whisper(leg, agent, noun, document)
        taker.bridged(leg)
        await leg.listen(None, AgentLeft)
    finally:
        leg.reserved = None
        taker.free(leg)
        agent.reports("completed", CallDuration=str(int(clock.monotonic() - began)))
    return _then(verb, document, agent, "completed", clock.monotonic() - began)


async def _whisper(leg: Leg, agent: AgentLeg, noun: Verb, document: Document) -> None:
    """What the agent hears before the bridge: a document about the agent's own leg."""
    if noun.name == "Queue" or not noun.attributes.get("url"):
        return
    jump: Jump | None = Jump(document.resolve(noun.attributes["url"]), fields=agent.standard())
    try:
        while jump is not None:
            whisper = await leg.fetch(jump, Place.WHISPER)
            jump = await leg.run_document(whisper, Place.WHISPER)
    except (Broken, Ended):
        return


def _then(verb: Verb, document: Document, agent: AgentLeg, status: str, seconds: float) -> Jump | None:
    action = verb.attributes.get("action", "")
    if not action:
        return None
    fields = {
        "DialCallStatus": status,
        "DialCallSid": agent.sid,
        "DialCallDuration": str(int(seconds)),
        "DialBridged": "true" if status == "completed" else "false",
    }
    return Jump(document.resolve(action), verb.attributes.get("method", "POST"), fields)
