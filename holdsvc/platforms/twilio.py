"""Twilio Programmable Voice: documents for callers in its own queues, and Media Streams.

Pages, read 2026-03: "TwiML for Programmable Voice" (Enqueue, Queue, Gather, Dial, Connect), "Twilio's request to your application",
"Call status callbacks", "Conference status callbacks", "Security". Signatures are in `twilio_signature`, documents in
`twilio_documents`, single fields in `twilio_fields`, what was heard in `heard`, the stream's format in `wires/json_media`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.events import (
    AgentAnswered,
    CallArrived,
    CallerHungUp,
    CallerIdentified,
    CallEvent,
    CallHeld,
    ContentEnded,
    Departure,
    DigitPressed,
    HeardUntil,
    HoldResumed,
    LeftQueue,
    StreamClosed,
    UtteranceHeard,
)
from holdsvc.calls.heard import heard_of
from holdsvc.calls.instructions import Instruction
from holdsvc.calls.model import CallId, CallRef, ContentId, EventId, Identity, QueueName
from holdsvc.errors import BadWebhook
from holdsvc.platforms import heard, twilio_documents, twilio_signature
from holdsvc.platforms.twilio_documents import GATHER_TIMEOUT, NAME, SPEECH_END
from holdsvc.platforms.twilio_fields import first, identity, moment, part, queue_name, share, wait_of, whole
from holdsvc.platforms.twilio_signature import query_fields, readable
from holdsvc.platforms.wires.json_media import Dialect, JsonMedia
from holdsvc.ports import Capabilities, Platform, Reply, Report, Scene, Verified, WebhookRequest

# Enqueue's action. "bridged" arrives only after the talk has ended: QueueTime tells when the wait did (Enqueue page, 2026-03).
ANSWERED = frozenset({"bridged", "bridging-in-process", "redirected-from-bridged"})
LEFT = {
    "leave": Departure.CHOICE,
    "redirected": Departure.OVERFLOW,  # moved out by the contact centre over REST
    "queue-full": Departure.OVERFLOW,
    "error": Departure.FAILURE,
    "system-error": Departure.FAILURE,
}
# Dial's action, which a caller comes to who was released from a stream to an agent's number.
TALKED = frozenset({"completed", "answered"})
NOT_REACHED = frozenset({"busy", "no-answer", "failed"})
OVER = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})  # CallStatus of a call that is no more
DOORS = frozenset({"call", "wait"})  # steps at which a wait may begin

CALL = re.compile(r"[A-Za-z0-9_-]{2,64}", re.ASCII)  # "CA" and 32 hexadecimal digits; compatible platforms write UUIDs
KEYS = frozenset("0123456789*#ABCD")
LONGEST_ACCOUNT = 200  # characters
IDENTITIES = {level.value: level for level in Identity}
LONGEST_WAIT = 7 * 24 * 3600  # seconds; a call lasts a day at most, so more is not a time
LARGEST_QUEUE = 5000  # callers (Queue resource, 2026-03)
MOST_DIGITS = 32
MOST_SPOKEN = 1000  # characters
SPOKEN = 15.0  # characters that are said in a second, roughly: nobody tells how long the words took
PROMPT = timedelta(seconds=1)  # Twilio's time stamps are whole seconds: within one, our own receipt is the better time
LATE = timedelta(seconds=2)  # whole seconds, and the way to the queue and back, explain less than this
STALE = timedelta(days=1)  # an older time stamp is no time stamp
WIRE = JsonMedia(Dialect(NAME))  # it keeps nothing of a stream: one for all


class Twilio:
    """`auth_tokens`: all that are valid at this moment; a second one while rotating. `shared_keys`: name -> secret."""

    name = NAME
    can = Capabilities(documents=True, stream=True, keypad=True, speech=True, clear=True, news=frozenset({"status"}))
    # "whisper" is asked by the agent's leg that we dialled, "hold" by a conference in which the agent put the caller on hold.
    steps = frozenset({"call", "wait", "input", "left", "agent", "whisper", "status", "hold"})

    def __init__(
        self, auth_tokens: Sequence[str] = (), shared_keys: Mapping[str, str] | None = None, insecure: bool = False
    ) -> None:
        self._tokens = tuple(auth_tokens)
        self._shared_keys = dict(shared_keys or {})
        self._insecure = insecure

    def verify(self, request: WebhookRequest) -> Verified:
        if self._insecure:
            form = twilio_signature.form_of(request) or ()
        else:
            form = twilio_signature.check(request, self._tokens, self._shared_keys)
        fields = query_fields(request) if request.method == "GET" else readable(form)
        return Verified(request, fields, signed=not self._insecure)

    def parse(self, request: Verified) -> Report | None:
        """Any request gives a report, None or `BadWebhook`. A field that makes no sense counts as not told."""
        read = STEPS.get(request.request.step)
        if read is None:
            raise BadWebhook("unknown_step")
        return read(news(request))

    def render(self, ref: CallRef, todo: Sequence[Instruction], scene: Scene) -> Reply:
        return twilio_documents.render(todo, scene)

    def fallback(self, scene: Scene, house: ContentId) -> Reply:
        return twilio_documents.fallback(scene, house)

    def wire(self) -> JsonMedia:
        return WIRE


# --- one request, taken apart -----------------------------------------------------------------------------------------


class News(Struct, frozen=True):
    """The first value of each field; `query` is what our own links carried."""

    step: str
    at: datetime
    call: CallId
    fields: Mapping[str, str]
    query: Mapping[str, str]
    queue: QueueName
    turn: int | None
    wait: int | None
    id: EventId
    signed: bool

    def word(self, name: str) -> str:
        return self.fields.get(name, "").strip().lower()

    def number(self, name: str, most: int) -> int | None:
        return whole(self.fields.get(name, ""), most)

    @property
    def waited(self) -> int | None:
        return self.number("QueueTime", LONGEST_WAIT)

    @property
    def caller(self) -> str:
        """The number of the person at the other end: called by us if the call went out, else the calling one."""
        return self.fields.get("To" if self.word("Direction").startswith("outbound") else "From", "")[:256]

    def heard(self, *, spent: float = 0.0, to_its_end: bool = False) -> HeardUntil | None:
        sent = heard.read(self.query)
        return heard_of(sent, self.at, spent=spent, to_its_end=to_its_end) if sent else None

    def happened(self) -> tuple[datetime, bool]:
        """When the thing happened that a status tells, and whether that is exact: status news may come late."""
        stamp = moment(self.fields.get("Timestamp", ""))
        if stamp is None or not PROMPT <= self.at - stamp <= STALE:
            return self.at, True
        return stamp, False

    def stay(self, *, after_the_talk: bool) -> tuple[datetime, int | None]:
        """When the stay in the queue ended, and how long it was where that is for the core to reckon with.

        News that comes late may be about an earlier stay than the present one. Our own <Enqueue> said when its stay began.
        """
        began, waited = heard.read_at(self.query), self.waited
        if began is None or waited is None:
            return self.at, waited
        ended = began + timedelta(seconds=waited)
        prompt = timedelta(0) if after_the_talk else LATE
        return (ended, None) if prompt < self.at - ended <= STALE else (self.at, waited)

    def report(self, *events: CallEvent, call: str = "", caller: str = "", spoken: str = "") -> Report:
        ref = CallRef(NAME, CallId(call) if call else self.call)
        return Report(ref, self.queue, events, caller=caller, spoken=spoken, turn=self.turn, wait=self.wait)


def news(verified: Verified) -> News:
    request = verified.request
    fields = first(verified.fields)
    query = first(query_fields(request))
    call = fields.get("CallSid", "")
    if not CALL.fullmatch(call):
        raise BadWebhook("bad_call" if call else "no_call")
    turn = whole(query.get("turn", ""), 10**9)
    queue = queue_name(query.get("queue", ""))
    step = f"{request.step}+{query['after']}" if "after" in query else request.step
    if turn is None and request.step in DOORS:
        step = f"{step}+{queue}"  # who is sent from one queue to another comes to the same door with the same form
    return News(
        step=request.step,
        at=request.at,
        call=CallId(call),
        fields=fields,
        query=query,
        queue=queue,
        turn=turn,
        wait=wait_of(query, turn),
        id=identity(call, step, turn, verified.fields),
        signed=verified.signed,
    )


# --- what each step tells ---------------------------------------------------------------------------------------------


def arrived(told: News) -> Report:
    """The front door. Its address may say `media=stream` or `media=documents`, and so beat the queue's file for this call."""
    media = told.query.get("media", "")
    report = identified(told, told.report(CallArrived(at=told.at, id=told.id), caller=told.caller))
    return replace(report, stream=media == "stream") if media in ("stream", "documents") else report


def waiting(told: News) -> Report:
    """The caller's next document is due. Twilio comes here at first, after each document, and behind <Connect>."""
    if told.query.get("after") == "stream":
        return told.report(StreamClosed(at=told.at, id=told.id), caller=told.caller)
    event = CallHeld(
        at=told.at,
        id=told.id,
        began=told.at - timedelta(seconds=told.waited or 0),
        position=told.number("QueuePosition", LARGEST_QUEUE) or None,  # counted from 1
        size=told.number("CurrentQueueSize", LARGEST_QUEUE),
        average_seconds=told.number("AvgQueueTime", LONGEST_WAIT),
        heard=told.heard(spent=GATHER_TIMEOUT, to_its_end=True),
    )
    return identified(told, told.report(event, caller=told.caller))


def identified(told: News, report: Report) -> Report:
    """With what the contact centre's own address says of the caller's identity: `identity=verified`, and perhaps `account=...`.

    It stands in a signed address alone, never in a form: what a caller can write into a request makes nobody surer of anything.
    """
    said = told.query.get("identity")
    if said is None:
        return report
    level = IDENTITIES.get(said)
    if level is None or not told.signed:
        return replace(report, doubts=("unknown_identity" if level is None else "unsigned_identity",))
    account = told.query.get("account", "").strip()[:LONGEST_ACCOUNT]
    event = CallerIdentified(at=told.at, id=EventId(f"{told.call}+{said}"), level=level, account=account)
    return replace(report, events=(event, *report.events))


def entered(told: News) -> Report:
    """What <Gather> took: keys, words, or nothing."""
    digits = [key for key in told.fields.get("Digits", "").upper()[:MOST_DIGITS] if key in KEYS]
    if digits:
        pressed = [
            DigitPressed(at=told.at, id=part(told.id, index), digit=digit, heard=None if index else told.heard())
            for index, digit in enumerate(digits)
        ]
        return told.report(*pressed, caller=told.caller)
    spoken = told.fields.get("SpeechResult", "").strip()[:MOST_SPOKEN]
    if spoken:
        score = share(told.fields.get("Confidence", ""))
        silent = SPEECH_END + len(spoken) / SPOKEN  # the sound stopped at the first word
        event = UtteranceHeard(at=told.at, id=told.id, choice="", score=score, heard=told.heard(spent=silent))
        return told.report(event, caller=told.caller, spoken=spoken)
    ended = ContentEnded(at=told.at, id=told.id, heard=told.heard(spent=GATHER_TIMEOUT, to_its_end=True))
    return told.report(ended, caller=told.caller)


def left(told: News) -> Report | None:
    """How a stay in the queue, or the dialling of an agent, ended."""
    if "DialCallStatus" in told.fields:
        return dialled(told)
    event = ended(told, told.word("QueueResult"))
    return told.report(*stayed(told, event), event, caller=told.caller) if event else None


def ended(told: News, result: str) -> AgentAnswered | CallerHungUp | LeftQueue | None:
    at, waited = told.stay(after_the_talk=result in ANSWERED)
    exact = at == told.at
    if result in ANSWERED:
        return AgentAnswered(at=at, id=told.id, waited=waited, exact=False)
    if result == "hangup":
        return CallerHungUp(at=at, id=told.id, waited=waited, exact=exact)
    if result in LEFT:
        return LeftQueue(at=at, id=told.id, why=LEFT[result], waited=waited, exact=exact)
    return None


def stayed(told: News, end: CallEvent) -> tuple[CallHeld, ...]:
    """The end of a stay is proof of its beginning, should the news of that have been lost. After a talk only our link tells it."""
    sent, before = heard.read_at(told.query), told.at - timedelta(seconds=told.waited or 0)
    if sent is None and isinstance(end, AgentAnswered):
        return ()
    return (CallHeld(at=told.at, id=part(told.id, 1), began=sent or before, inferred=True),)


def dialled(told: News) -> Report | None:
    """After <Dial>: the talk is over, or nobody was reached. Not exact: ringing is not in DialCallDuration, hanging up late is."""
    status = told.word("DialCallStatus")
    if status in TALKED:
        talked = timedelta(seconds=told.number("DialCallDuration", LONGEST_WAIT) or 0)
        return told.report(AgentAnswered(at=told.at - talked, id=told.id, exact=False), caller=told.caller)
    if status in NOT_REACHED:
        return told.report(LeftQueue(at=told.at, id=told.id, why=Departure.FAILURE), caller=told.caller)
    return None


def agent_asks(told: News) -> Report:
    """Three requests look for the agent's document; they are told apart by who else is named in them.

    For the queued caller before the bridge (`<Queue url>`): DequeingCallSid, spelled so. From an agent's leg that we dialled
    (`<Number url>`): ParentCallSid. Neither: an agent called in, and wants the head of the queue: no event of a held call.
    """
    if told.fields.get("DequeingCallSid"):
        return told.report(AgentAnswered(at=told.at, id=told.id), caller=told.caller)
    parent = told.fields.get("ParentCallSid", "")
    if CALL.fullmatch(parent):
        return told.report(AgentAnswered(at=told.at, id=told.id, leg=True), call=parent)
    return told.report()


def status_changed(told: News) -> Report | None:
    if "StatusCallbackEvent" in told.fields:
        return conference(told)
    status, (at, exact) = told.word("CallStatus"), told.happened()
    parent = told.fields.get("ParentCallSid", "")
    if CALL.fullmatch(parent):
        if status != "in-progress":
            return None
        return told.report(AgentAnswered(at=at, id=told.id, exact=exact), call=parent)
    if status in OVER:
        return told.report(CallerHungUp(at=at, id=told.id, exact=exact), caller=told.caller)
    return None


def conference(told: News) -> Report | None:
    """The agent puts the caller on hold in mid-call, and comes back."""
    at, _ = told.happened()
    match told.word("StatusCallbackEvent"):
        case "participant-hold":
            return told.report(CallHeld(at=at, id=told.id, began=at, mid_call=True))
        case "participant-unhold":
            return told.report(HoldResumed(at=at, id=told.id))
        case _:
            return None


def on_hold(told: News) -> Report:
    """A conference's hold document is due. It is asked for again each time it runs out."""
    heard = told.heard(to_its_end=True)
    held = CallHeld(at=told.at, id=told.id, began=told.at, mid_call=True, heard=heard)
    return told.report(held)


STEPS: Mapping[str, Callable[[News], Report | None]] = {
    "call": arrived,
    "wait": waiting,
    "input": entered,
    "left": left,
    "agent": agent_asks,
    "whisper": agent_asks,
    "status": status_changed,
    "hold": on_hold,
}

_: type[Platform] = Twilio  # the type checker holds us to the port
