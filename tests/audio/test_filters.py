import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from holdsvc.audio.filters import filtered, lowest_around, taps_of

LENGTHS = st.integers(0, 400)
VALUES = st.floats(-1, 1, width=32)


@given(arrays(np.float32, LENGTHS, elements=VALUES), arrays(np.float32, st.integers(1, 60), elements=VALUES), st.data())
def test_filtering_by_the_spectrum_is_plain_convolution(signal, taps, data):
    delay = data.draw(st.integers(0, len(taps) - 1))
    every = data.draw(st.integers(1, 4))

    result = filtered(signal, taps, delay, every)

    plain = np.convolve(signal, taps)[delay : delay + len(signal)] if len(signal) else signal
    assert np.allclose(result, plain[::every], atol=1e-4)


@pytest.mark.parametrize("length", [32768, 32769, 70001, 98304])
def test_pieces_join_without_a_seam(length):
    signal = np.random.default_rng(length).standard_normal(length).astype(np.float32)
    taps = np.random.default_rng(1).standard_normal(101).astype(np.float32)

    assert np.allclose(filtered(signal, taps, 50), np.convolve(signal, taps)[50 : 50 + length], atol=1e-3)
    assert np.allclose(filtered(signal, taps, 50, 3), np.convolve(signal, taps)[50 : 50 + length : 3], atol=1e-3)


def test_designed_taps_do_what_was_asked():
    taps = taps_of(lambda hertz: (hertz < 1000).astype(np.float64), 8000, 501)

    gain = np.abs(np.fft.rfft(taps, 8000))  # one bin a hertz

    assert np.abs(gain[:950] - 1).max() < 0.01
    assert gain[1050:].max() < 0.01


@settings(max_examples=50)
@given(arrays(np.float32, st.integers(1, 100), elements=VALUES), st.integers(0, 40))
def test_the_lowest_around_each_place_is_found(values, reach):
    lowest = lowest_around(values, reach)

    assert lowest.tolist() == [values[max(0, i - reach) : i + reach + 1].min() for i in range(len(values))]
