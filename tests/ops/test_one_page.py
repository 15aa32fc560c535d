"""One dead dependency is one page, or one ticket where callers are served without it: seen by whoever is paged, through a real
Prometheus and a real Alertmanager with the shipped files, in a time that goes by faster."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.ops.outages import OUTAGES, PAGES, TICKETS, UNMUTED, Outage, live_through
from tests.ops.pager import Pager, a_pager
from tests.ops.real_outages import REAL, live_through_two


@pytest.fixture(scope="module")
def pager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pager]:
    """All outages are over."""
    folder = tmp_path_factory.mktemp("outages")
    with a_pager() as (pager, address), ThreadPoolExecutor(len(OUTAGES) + 1) as apart:
        under_way = [apart.submit(live_through_two, folder / REAL, pager, address)]
        under_way += [apart.submit(live_through, one, folder / one.name, pager, address) for one in OUTAGES]
        for one in under_way:
            one.result()
        yield pager


@pytest.mark.parametrize("one", OUTAGES, ids=[one.name for one in OUTAGES])
def test_a_dead_dependency_is_told_once_and_its_end_is_told_once(one: Outage, pager: Pager) -> None:
    other = TICKETS if one.receiver == PAGES else PAGES

    assert pager.notices(one.name, one.receiver) == [("firing", (one.alert,)), ("resolved", (one.alert,))]
    assert pager.notices(one.name, other) == []


def test_a_redis_that_is_killed_is_one_page_and_so_is_the_service_itself(pager: Pager) -> None:
    pages = [(status, (alert,)) for alert in ("HoldsvcStoreAway", "HoldsvcDown") for status in ("firing", "resolved")]

    assert pager.notices(REAL, PAGES) == pages
    assert pager.notices(REAL, TICKETS) == []


def test_without_the_inhibit_rules_one_dead_store_is_many_pages(pager: Pager) -> None:
    """The control: what follows from it would be heard."""
    fired = {alerts for status, alerts in pager.notices(f"store {UNMUTED}", PAGES) if status == "firing"}

    assert fired >= {("HoldsvcStoreAway",), ("HoldsvcDeadAir",), ("HoldsvcSlowWebhooks",)}
    assert pager.notices(f"store {UNMUTED}", TICKETS) != []
