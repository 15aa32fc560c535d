"""<Gather>: keys and words, while and after what is nested in it plays."""

from __future__ import annotations

from holdsvc.simulator.leg import Jump, Leg, Pressed, Signal, Spoke
from holdsvc.simulator.twiml import Document, Place, Verb

SETTLE = 1.0  # seconds after which speechTimeout="auto" takes an utterance as finished


async def gather(leg: Leg, verb: Verb, document: Document, place: Place) -> Jump | None:
    """Where the entry goes, or None when there was none and the next verb's turn has come."""
    inputs = verb.attributes.get("input", "dtmf").split()
    wanted: list[type] = [kind for word, kind in (("dtmf", Pressed), ("speech", Spoke)) if word in inputs]
    entry = await _collect(leg, verb, await _nested(leg, verb, document, wanted), wanted)
    if not entry:
        if not verb.flag("actionOnEmptyResult", default=False):
            return None
        entry = {"Digits": ""} if "dtmf" in inputs else {"SpeechResult": ""}
    action = verb.attributes.get("action", "")
    url = document.resolve(action) if action else document.url
    return Jump(url, verb.attributes.get("method", "POST"), entry)


async def _nested(leg: Leg, verb: Verb, document: Document, wanted: list[type]) -> Signal | None:
    """What interrupted the nested prompts, or None: they were heard to the end."""
    during = list(wanted) if verb.flag("bargeIn", default=True) else [kind for kind in wanted if kind is Pressed]
    for child in verb.children:
        first = await leg.sound(child, document, *during)
        if first is not None:
            return first
    return None


async def _collect(leg: Leg, verb: Verb, first: Signal | None, wanted: list[type]) -> dict[str, str]:
    silence = float(verb.number("timeout", 5))
    if first is None:
        first = await leg.listen(silence, *wanted)
    if isinstance(first, Spoke):
        return await _utterance(leg, verb, first, silence)
    if isinstance(first, Pressed):
        return await _digits(leg, verb, first, silence)
    return {}


async def _utterance(leg: Leg, verb: Verb, spoke: Spoke, silence: float) -> dict[str, str]:
    """The result of the recogniser, which waits for the caller to finish. A key pressed meanwhile is lost."""
    told = verb.attributes.get("speechTimeout", "")
    settle = SETTLE if told == "auto" else float(verb.number("speechTimeout", int(silence)))
    await leg.listen(spoke.seconds + settle)
    result = {"SpeechResult": spoke.text, "Language": verb.attributes.get("language", "en-US")}
    if spoke.confidence is not None:
        result["Confidence"] = f"{spoke.confidence:.7f}"
    return result


async def _digits(leg: Leg, verb: Verb, first: Pressed, silence: float) -> dict[str, str]:
    finish = verb.attributes.get("finishOnKey", "#")
    longest = verb.number("numDigits", 10**6)
    digits, pressed = "", first
    while True:
        if pressed.digit == finish:
            break
        digits += pressed.digit
        if len(digits) >= longest:
            break
        following = await leg.listen(silence, Pressed)
        if not isinstance(following, Pressed):
            break
        pressed = following
    return {"Digits": digits} if digits else {}
