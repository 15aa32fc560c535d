import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.audio import g711

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    audioop = pytest.importorskip("audioop", reason=f"audioop-lts is missing on {sys.version}")


def test_every_sample_is_coded_as_the_recommendation_says():
    every = np.arange(-32768, 32768).astype(np.int16)

    assert g711.encode(every) == audioop.lin2ulaw(every.tobytes(), 2)


def test_every_code_is_decoded_as_the_recommendation_says():
    every = bytes(range(256))

    assert g711.decode(every).tobytes() == audioop.ulaw2lin(every, 2)


def test_the_code_of_silence_decodes_to_nothing():
    assert g711.decode(b"\xff").tolist() == [0]
    assert g711.encode(np.zeros(1, np.int16)) == b"\xff"


@given(st.binary(max_size=500))
def test_what_was_decoded_is_coded_as_before_but_for_the_two_zeros(ulaw):
    assert g711.encode(g711.decode(ulaw)) == ulaw.replace(b"\x7f", b"\xff")


def test_a_sample_comes_back_within_half_a_step():
    linear = np.arange(-32635, 32636).astype(np.int16)  # beyond, it is clipped

    error = np.abs(g711.decode(g711.encode(linear)).astype(int) - linear)

    lost = 3  # the two lowest bits
    step = np.maximum(8, 2.0 ** np.floor(np.log2(np.abs(linear.astype(int)) + 132 + lost)) / 16)
    assert (error <= step / 2 + lost).all()


@given(st.lists(st.floats(-1e6, 1e6, width=32), max_size=100))
def test_floats_beyond_full_scale_are_clipped_not_wrapped(values):
    samples = np.array(values, np.float32)

    linear = g711.linear(samples)

    assert (np.sign(linear) * np.sign(samples) >= 0).all()
    assert (np.abs(linear[np.abs(samples) >= 1].astype(int)) >= 32767).all()
