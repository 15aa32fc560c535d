import pytest

from holdsvc.simulator.clock import RealClock
from holdsvc.simulator.hooks import Target, client_session
from holdsvc.simulator.ledger import Books, Unreadable, read_metrics
from tests.simulator.exchange import opened
from tests.simulator.house import House, Kept

METRICS = r"""# HELP holdsvc_calls_total Waits that ended
# TYPE holdsvc_calls_total counter
holdsvc_calls_total{platform="twilio",queue="a\"b",outcome="answered"} 3.0
holdsvc_calls_waiting{queue="support"} 2.0 1700000000
process_start_time_seconds 1.7e+09
"""


def test_samples_are_read_from_the_text_page():
    assert read_metrics(METRICS) == [
        ("holdsvc_calls_total", {"platform": "twilio", "queue": r"a\"b", "outcome": "answered"}, 3.0),
        ("holdsvc_calls_waiting", {"queue": "support"}, 2.0),
        ("process_start_time_seconds", {}, 1.7e9),
    ]


async def test_the_whole_log_is_read_page_by_page():
    house = House(RealClock())
    house.kept = {f"CA{number}": Kept(house.clock.now()) for number in range(95)}

    async with opened(house) as target, client_session() as client:
        rows = await Books(target, client, house.clock).rows()

    assert [row.call for row in rows] == list(house.kept)


async def test_a_log_that_cannot_be_had_is_told_in_a_sentence():
    async with client_session() as client:
        with pytest.raises(Unreadable, match=r"/api/v1/waits gave no answer \(ClientConnectorError\)"):
            await Books(Target("http://127.0.0.1:1", ""), client, RealClock()).rows()
