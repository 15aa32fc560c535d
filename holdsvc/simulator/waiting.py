"""<Enqueue>: the caller waits in one of the carrier's queues and hears the wait document until something ends that."""

from __future__ import annotations

from msgspec import Struct

from holdsvc.simulator.leg import STALLED, AgentLeft, Broken, Ended, Gone, Jump, Left, Leg, Moved, Taken, Taker
from holdsvc.simulator.queues import Offer, Queue, Spot
from holdsvc.simulator.truth import End
from holdsvc.simulator.twiml import Document, Place, Verb

# How a stay ends, for the Enqueue action and for the truth.
RESULTS: dict[type[Exception], tuple[str, End]] = {
    Gone: ("hangup", End.HUNG_UP),
    Ended: ("hangup", End.SENT_AWAY),
    Moved: ("redirected", End.MOVED),
    Broken: ("error", End.FAILED),
}


class Stay(Struct, eq=False):
    """One caller's stay in one queue. `waited` is known once the caller is out of it."""

    leg: Leg
    queue: Queue
    spot: Spot
    action: str  # URL, or "" for none
    method: str
    waited: float = 0.0

    def out(self) -> None:
        now = self.leg.board.clock.monotonic()
        self.waited = now - self.spot.since
        self.queue.leave(self.spot, now)

    def result(self, word: str) -> Jump | None:
        """The request of the Enqueue action. Twilio counts in whole seconds."""
        time = str(int(self.waited + 1e-6))
        fields = {"QueueResult": word, "QueueSid": self.queue.sid, "QueueTime": time}
        return Jump(self.action, self.method, fields) if self.action else None

    def tell(self, word: str) -> bool:
        """The same, when nobody waits for the answer any more. True if it went out at once."""
        jump = self.result(word)
        if jump is None:
            return False
        return self.leg.board.hooks.tell(jump.url, {**self.leg.standard(), **jump.fields}, call=self.leg.sid)


async def enqueue(leg: Leg, verb: Verb, document: Document, place: Place) -> Jump | None:
    board = leg.board
    queue = board.queue(verb.text)
    action = document.resolve(verb.attributes["action"]) if verb.attributes.get("action") else ""
    stay = Stay(leg, queue, Spot(leg.sid, board.clock.monotonic()), action, verb.attributes.get("method", "POST"))
    if queue.full():
        return stay.result("queue-full")
    queue.join(stay.spot)
    board.truth.hold(leg.call, leg.queue_name)
    leg.queue_fields = lambda: queue.fields(stay.spot, board.clock.monotonic())
    leg.takeable, leg.let_go, leg.closed = True, None, None
    offer = Offer(leg, lambda taker: _take(leg, taker))
    taker, leg.reserved = leg.reserved, None
    if taker is not None:
        leg.signal(Taken(taker))  # for this agent a stream let the caller go; nobody else is offered the call
    else:
        board.line.join(offer)
    try:
        return await _stay(stay, verb, document)
    finally:
        leg.takeable = False
        board.line.leave(offer)
        leg.queue_fields = dict


async def _take(leg: Leg, taker: Taker) -> None:
    leg.signal(Taken(taker))


async def _stay(stay: Stay, verb: Verb, document: Document) -> Jump | None:
    truth, call = stay.leg.board.truth, stay.leg.call
    try:
        await _hear(stay.leg, verb, document)
    except Left:
        stay.out()
        truth.release(call, End.LEFT, prompt=True)
        return stay.result("leave")
    except Taken as taken:
        stay.out()
        truth.release(call, End.ANSWERED, prompt=bool(taken.taker.queue_url))
        return await _bridge(stay, taken.taker)
    except (Gone, Ended, Moved, Broken) as reason:
        stay.out()
        word, end = RESULTS[type(reason)]
        if not isinstance(reason, Moved):
            stay.leg.state = "completed"
        truth.release(call, end, prompt=stay.tell(word))
        raise
    return None


async def _hear(leg: Leg, verb: Verb, document: Document) -> None:
    """The wait document, again and again. Only an exception ends it."""
    url = document.resolve(verb.attributes.get("waitUrl", ""))
    if not verb.attributes.get("waitUrl"):
        await leg.listen(None)  # silence, or the carrier's own music: nothing that the service gave
    while True:
        jump: Jump | None = Jump(url, verb.attributes.get("waitUrlMethod", "POST"), leg.queue_fields())
        began = leg.board.clock.monotonic()
        while jump is not None:
            wait_document = await leg.fetch(jump, Place.WAIT)
            before = leg.board.clock.monotonic()
            jump = await leg.run_document(wait_document, Place.WAIT)
            if jump is not None and leg.board.clock.monotonic() - before <= 0 and jump.url == wait_document.url:
                await _stall(leg, wait_document.url)
        if leg.board.clock.monotonic() - began < STALLED / 2:
            await _stall(leg, url)


async def _stall(leg: Leg, url: str) -> None:
    leg.board.findings.add(
        "spin", "a wait document took no time: the carrier would ask without end", call=leg.sid, url=url
    )
    await leg.listen(STALLED)


async def _bridge(stay: Stay, taker: Taker) -> Jump | None:
    """The talk with the agent; its Enqueue action comes only when the talk is over."""
    leg = stay.leg
    leg.takeable = False
    word = "hangup"
    try:
        await _before_bridge(stay, taker)
        word = "bridged"
        taker.bridged(leg)
        await leg.listen(None, AgentLeft)
        return stay.result(word)
    except Gone:
        _missed(stay, word)
        leg.state = "completed"
        stay.tell(word)
        raise
    except Moved:
        stay.tell("redirected-from-bridged")
        raise
    finally:
        taker.free(leg)


def _missed(stay: Stay, word: str) -> None:
    """Gone during the words before the bridge: neither answered nor abandoned is wrong."""
    wait = stay.leg.call.waits[-1]
    if word == "hangup":
        wait.end = End.MISSED
        wait.slack = stay.leg.board.clock.monotonic() - stay.spot.since - stay.waited


async def _before_bridge(stay: Stay, taker: Taker) -> None:
    leg = stay.leg
    if not taker.queue_url:
        return
    fields = {"QueueSid": stay.queue.sid, "QueueTime": str(int(stay.waited + 1e-6)), "DequeingCallSid": taker.sid}
    jump: Jump | None = Jump(taker.queue_url, fields=fields)
    try:
        while jump is not None:
            document = await leg.fetch(jump, Place.BEFORE_BRIDGE)
            jump = await leg.run_document(document, Place.BEFORE_BRIDGE)
    except Broken:
        return  # counted as a finding; the caller is bridged all the same
