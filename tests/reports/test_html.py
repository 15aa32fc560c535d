"""The page of a report: what a picture is read by. What is in it: test_book.py."""

import pytest

from holdsvc.reports.html import marks


@pytest.mark.parametrize(
    ("end", "seconds"),
    [
        (0.4, [0]),
        (9.0, [0, 2, 4, 6, 8]),
        (58.0, [0, 10, 20, 30, 40, 50]),
        (1800.0, [0, 300, 600, 900, 1200, 1500, 1800]),
        (30_000.0, [0, 7200, 14_400, 21_600, 28_800]),
    ],
)
def test_a_plot_is_read_by_round_seconds(end: float, seconds: list[int]) -> None:
    assert list(marks(end)) == seconds
