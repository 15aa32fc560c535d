"""`python -m tests.benchmarks.voice.calls [--calls 100] [--at-once 5]`: calls that choose by voice alone, on both kinds of line.

The whole service, the real recogniser, synthetic callers who say three words each and know what each is to do. Told are the words
that were done, asked about, left undone and done wrongly, and where the wait log differs from what callers saw. 100 calls on each
kind of line take about 8 minutes, and the first run in a data folder some 2 more, for preparing all shelves and saying all words.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from holdsvc.engine import ears
from holdsvc.simulator import speaking
from holdsvc.simulator.clock import RealClock
from holdsvc.simulator.hooks import Target
from holdsvc.simulator.ledger import Books, Row
from holdsvc.simulator.speaking import Conversation, Said, converse, differences, over_http
from holdsvc.speech.workers import Limits
from tests.benchmarks.voice import house as houses
from tests.benchmarks.voice.house import WIRES, WORDS, House
from tests.benchmarks.voice.progress import Progress, stage
from tests.service import TOKEN

VOICES = ("flite slt", "flite rms", "espeak en-us+m3", "festival slt hts")
EACH = 3  # words a call
AT_ONCE = 5  # some 1.5 words a second: of more, now and then four come at one time, which one recogniser refuses
APART = 0.7  # seconds between the first callers: else all say their first word together
TEMPORARY = Path(tempfile.gettempdir())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100, help="on each kind of line")
    parser.add_argument("--at-once", type=int, default=AT_ONCE)
    parser.add_argument("--said", type=Path, default=TEMPORARY / "holdsvc-said", help="where what is said is kept")
    parser.add_argument("--data", type=Path, default=TEMPORARY / "holdsvc-voice", help="where prepared sound is kept")
    parser.add_argument("--ports", type=int, nargs=2, default=(18181, 18182), help="of HTTP and of AudioSocket")
    parser.add_argument(
        "--patience", type=float, default=0.0, help="seconds that an answer may take; 0 = as in service"
    )
    given = parser.parse_args()
    if given.patience:  # on a machine under load: what is done is looked at then, not how soon
        ears.PATIENCE = speaking.PATIENCE = given.patience
    found = asyncio.run(measured(given))
    print(table(found))
    for one in found:
        for fault in one.faults:
            print(f"{one.wire}: {fault}")
    return 1 if any(one.faults for one in found) else 0


class Result(NamedTuple):
    wire: str
    held: list[Conversation]
    faults: list[str]
    underruns: int
    utterances: Counter[str]  # by what became of them, as the service counts them


async def measured(given: argparse.Namespace) -> list[Result]:
    speakers = houses.who_can_speak(given.said, VOICES)  # all is said before anybody calls
    houses.prepare(given.data)
    limits = Limits(deadline=given.patience) if given.patience else None
    async with houses.open_house(given.data, (given.ports[0], given.ports[1]), limits=limits) as house:
        houses.started(house)
        found = []
        for wire in WIRES:
            before = await houses.figures(house)
            held, rows = await callers(house, wire, given.said, speakers, calls=given.calls, at_once=given.at_once)
            after = await houses.figures(house)
            gaps = houses.underruns(after) - houses.underruns(before)
            heard = Counter(houses.results(after)) - Counter(houses.results(before))
            found.append(Result(wire, held, list(differences(held, rows)), gaps, heard))
        return found


async def callers(
    house: House,
    wire: str,
    said: Path,
    speakers: Sequence[str],
    *,
    calls: int,
    at_once: int,
    words: Sequence[str] = tuple(WORDS),
    seed: int = 1,
) -> tuple[list[Conversation], list[Row]]:
    """Their conversations, and the rows of the log when all have hung up."""
    places, rng = asyncio.Semaphore(at_once), random.Random(seed)
    carrier = houses.carrier_of(house)
    tell = over_http(Target(house.service.base, TOKEN), house.service.client)
    over, progress = Counter[str](), Progress()
    begins = iter([APART * place for place in range(at_once)])  # of the first; those behind come when one has gone
    stage(f"{calls} calls on {wire}'s wire, {at_once} at once")

    async def one(own: random.Random) -> Conversation:
        voice = own.choice(speakers)
        texts = own.sample(words, min(EACH, len(words)))
        script = [houses.word_of(said, voice, text, WORDS[text], wire) for text in texts]
        yes, no = (houses.word_of(said, voice, text, text, wire) for text in ("yes", "no"))
        async with places:
            await asyncio.sleep(next(begins, 0.0))
            async with houses.on_the_line(house, wire, own, carrier) as (call, line):
                conversation = await converse(call, line, script, yes, no, tell, own)
        over.update(
            calls=1, words=len(conversation.said), done=sum(said.did == said.means for said in conversation.said)
        )
        told = f"call {over['calls']} of {calls} on {wire}'s wire: {over['done']} of {over['words']} words done"
        progress.at(over["calls"] / calls, told)
        return conversation

    held = await asyncio.gather(*(one(random.Random(rng.random())) for _ in range(calls)))
    await carrier.all_over()
    await house.service.house.streams.settle()
    await house.service.house.intake.settle()
    return list(held), await Books(Target(house.service.base, TOKEN), house.service.client, RealClock()).rows()


def table(found: Sequence[Result]) -> str:
    rows = [
        "| line | calls | words | done | of these asked first | nothing | done wrongly | log differs | underruns |",
        "|---" * 9 + "|",
    ]
    for wire, held, faults, gaps, _ in found:
        words = [said for one in held for said in one.said]
        right = [said for said in words if said.did == said.means]
        nothing, wrong = sum(not said.did for said in words), sum(said.did not in ("", said.means) for said in words)
        asked = sum(bool(said.asked) for said in right)
        cells = (len(held), len(words), len(right), asked, nothing, wrong, len(faults) - wrong, gaps)
        rows.append(f"| {wire} | {' | '.join(map(str, cells))} |")
    missed: dict[str, int] = {}
    for said in (said for result in found for one in result.held for said in one.said):
        if said.did != said.means:
            missed[described(said)] = missed.get(described(said), 0) + 1
    heard = (f"{one.wire}: utterances {dict(one.utterances)}" for one in found)
    return "\n".join([*rows, "", *heard, "", *(f"{count} x {what}" for what, count in sorted(missed.items()))])


def described(said: Said) -> str:
    did = f"{said.did} was done" if said.did else "nothing was done"
    return f"{said.text!r}: {did}{f', asked about {said.asked}' if said.asked else ''}"


if __name__ == "__main__":
    sys.exit(main())
