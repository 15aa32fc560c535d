"""What the wall's benchmark counts is right: every viewer sees every change and the same figures. No time is judged here."""

from pathlib import Path

import aiohttp

from tests.benchmarks import wall
from tests.ops.test_exposition import MOST_SERIES

MOST_BYTES = 1_200_000  # of them: what a scrape takes grows with it; how long that is, `python -m tests.benchmarks.wall` measures


async def test_all_viewers_see_each_change_and_the_same_figures(tmp_path: Path) -> None:
    service = wall.watched_service(tmp_path)
    service.start()
    try:
        service.wait_until_ready()
        async with aiohttp.ClientSession() as client:
            marker = wall.Marker(service.base, client)
            watched = await wall.watch(service, marker, viewers=12, seconds=2.5, each=1.0)
    finally:
        service.stop()

    assert (watched.missed, watched.differing) == (0, 0)
    assert len(watched.delays) == marker.made * 12
    assert watched.waiting == marker.made
    assert watched.events >= 12 * 3
    assert watched.figures <= watched.events / 3, "the figures are made for all at once"


async def test_a_scrape_of_fifty_queues_and_three_platforms_holds_all_and_stays_within_the_bound(
    tmp_path: Path,
) -> None:
    scraped = await wall.scrape(tmp_path, times=1)

    assert 10_000 < scraped.series <= MOST_SERIES
    assert scraped.kilobytes * 1000 <= MOST_BYTES


def test_a_viewer_who_was_told_something_else_and_a_change_that_was_not_seen_are_counted() -> None:
    one, other = wall.Viewer(), wall.Viewer()
    one.figures, other.figures = {"12:00": b"3 wait"}, {"12:00": b"4 wait", "12:01": b"4 wait"}

    watched = wall.Watched(2)
    watched.take([one, other])

    assert (watched.figures, watched.events, watched.differing) == (2, 3, 1)
