import numpy as np

from holdsvc.audio import g711
from holdsvc.audio.formats import FRAME, RATE, SEGMENT_GRID, length_of
from holdsvc.content.quiet import quiet


def test_quiet_is_a_minute_on_the_grid_and_the_same_each_time():
    assert len(quiet()) == 60 * RATE
    assert len(quiet()) % FRAME == 0
    assert len(quiet()) % length_of(SEGMENT_GRID) == 0
    assert quiet() == quiet()


def test_the_line_says_every_fifteen_seconds_that_it_is_alive_and_is_never_dead():
    heard = np.abs(g711.samples(quiet())).reshape(600, -1)  # tenths of a second

    loud = np.flatnonzero(heard.max(axis=1) > 0.01)
    signs = [tenth for tenth in loud if not set(range(tenth - 20, tenth)) & set(loud)]

    assert [tenth // 150 for tenth in signs] == [0, 1, 2, 3]
    assert np.diff(signs).tolist() == [150, 150, 150]
    assert np.diff([*signs, signs[0] + 600]).tolist() == [150] * 4  # also over the seam of the loop
    assert (heard.max(axis=1) > 0).all()
    assert heard.max() < 0.03
