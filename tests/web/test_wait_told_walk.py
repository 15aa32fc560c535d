"""Who waits hears how long it will take, through the whole service; the log, the figures, the wall and the report agree on it."""

from __future__ import annotations

from pathlib import Path

from holdsvc.calls.promise import SPANS, prompt
from holdsvc.ports import WaitQuery
from holdsvc.reports.estimates import estimates
from holdsvc.simulator.ledger import read_metrics
from holdsvc.stores.ledger import SqliteLedger
from tests.service import Service, running
from tests.web.test_expected import BEHIND, EVERY, HandClock, a_busy_time, caller

EXCUSE = "wait_longer"


async def heard(service: Service, clock: HandClock, number: int, waited: float, place: int = 0) -> list[str]:
    """What this caller's next document says of the queue."""
    sounds = service.house.sounds
    said = {sounds.prompt_hash("en", name): name for name in (EXCUSE, *(prompt(span) for span in SPANS))}
    where = {"QueuePosition": str(place), "CurrentQueueSize": "9"} if place else {}
    document = await service.document("wait", caller(number, QueueTime=str(int(waited)), **where))
    played = [one.text or "" for one in document.iter("Play")]
    return [name for address in played for sound, name in said.items() if sound and sound in address]


async def answered(service: Service, number: int) -> None:
    await service.document("agent", caller(number, DequeingCallSid="CA" + "9" * 32))


async def told(service: Service) -> dict[str, int]:
    """Of the queue `support`, by /metrics."""
    text = await (await service.get("/metrics")).text()
    return {
        labels["came"]: int(value)
        for name, labels, value in read_metrics(text)
        if name == "holdsvc_waits_told_total" and labels["queue"] == "support"
    }


async def test_a_caller_hears_a_range_and_the_log_the_figures_the_wall_and_the_report_say_whether_it_was_kept(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    clock = HandClock()
    async with running(tmp_path, unused_tcp_port, clock=clock) as service:
        assert await heard(service, clock, 900, 0) == []
        clock.pass_by(60)
        assert await heard(service, clock, 900, 60) == [], "nobody was answered yet: there is no ground"
        await service.hook("status", caller(900, CallStatus="completed"))
        await a_busy_time(service, clock)

        # 17, 18 and 19 wait; 17 since a minute and a half, one is answered every half a minute
        first = await heard(service, clock, 19, EVERY)
        assert first == ["wait_under_3"]
        assert await heard(service, clock, 17, 3 * EVERY) == ["wait_under_1"]
        for number in (17, 18, 19):
            await answered(service, number)
            clock.pass_by(EVERY)
        for number in range(20, 23):
            await service.document("wait", caller(number, QueueTime="0"))
        clock.pass_by(EVERY)
        assert await heard(service, clock, 20, EVERY) == ["wait_under_1"]
        again = []
        for place, number in enumerate((21, 22), 1):  # they are taken before the one who waits for longer
            clock.pass_by(50)
            await answered(service, number)
            again.append(await heard(service, clock, 20, EVERY + 50 * place))
        assert again == [[], [EXCUSE, "wait_under_1"]]
        await answered(service, 20)
        await service.house.intake.settle()

        counted, wall = await told(service), await service.json("/api/v1/wall")
        rows = {one["call"]: one for one in (await service.json("/api/v1/waits?most=100"))["waits"]}

    assert counted == {"earlier": 0, "within": 2, "later": 1}
    assert wall["told"] == {"earlier": 0, "within": 2, "later": 1}
    assert next(one["told"] for one in wall["queues"] if one["queue"] == "support") == wall["told"]
    kept = rows[caller(19)["CallSid"]]
    assert (kept["came"], kept["estimate_told"], kept["waits_told"][0]["span"]) == (
        "within",
        180,
        {"low": 0, "high": 3},
    )
    assert rows[caller(20)["CallSid"]]["came"] == "later"
    assert rows[caller(0)["CallSid"]]["waits_told"] == []
    with SqliteLedger(next(tmp_path.glob("*.sqlite3"))) as ledger:
        section, _ = estimates(ledger.told(WaitQuery(most=100)))
        assert ledger.totals().came == {("support", "within"): 2, ("support", "later"): 1}
    assert section.rows[0][:5] == ("all", 3, 0, 2, 1)

    async with running(tmp_path, unused_tcp_port, clock=clock) as service:
        assert await told(service) == counted, "after a restart too"
        assert (await service.json("/api/v1/wall"))["told"] == wall["told"]


async def test_the_agent_is_told_what_the_caller_was_told(tmp_path: Path, unused_tcp_port: int) -> None:
    clock = HandClock()
    async with running(tmp_path, unused_tcp_port, clock=clock) as service:
        await a_busy_time(service, clock)
        await heard(service, clock, 19, EVERY)
        clock.pass_by(200)
        context = await service.json(f"/api/v1/calls/{caller(19)['CallSid']}")

    assert "Was told less than 3 minutes; waited 3 minutes 20 seconds from then on." in context["brief"]
    assert BEHIND == 3
