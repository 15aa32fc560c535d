import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.audio import g711
from holdsvc.audio.formats import RATE
from holdsvc.audio.levels import level
from holdsvc.content.derive import derived
from tests.content.signals import speech, tone


@given(st.binary(max_size=600))
def test_linear_samples_at_the_telephones_rate_are_the_mu_law_and_nothing_else(ulaw):
    linear = np.frombuffer(derived(ulaw, RATE), "<i2")

    assert linear.tolist() == g711.decode(ulaw).tolist()


@given(st.binary(max_size=600))
def test_at_twice_the_rate_every_other_sample_is_the_one_that_stood_there(ulaw):
    wide = np.frombuffer(derived(memoryview(ulaw), 2 * RATE), "<i2")

    assert wide[::2].tolist() == g711.decode(ulaw).tolist()
    assert len(wide) == 2 * len(ulaw)


@pytest.mark.parametrize("hertz", [300, 1000, 3000, 3400])
def test_between_two_samples_lies_what_a_curve_through_them_would_have(hertz):
    ulaw = g711.encode(g711.linear(tone(1.0, hertz, RATE)))

    wide = g711.floats(np.frombuffer(derived(ulaw, 2 * RATE), "<i2"))

    off = (wide - tone(1.0, hertz, 2 * RATE))[200:-200]
    assert 20 * np.log10(np.sqrt(np.square(off).mean()) / (0.3 / np.sqrt(2))) < -34  # mu-law's own noise lies there


def test_nothing_of_what_is_derived_is_louder():
    ulaw = g711.encode(g711.linear(speech(5.0, 1, RATE)))

    wide = g711.floats(np.frombuffer(derived(ulaw, 2 * RATE), "<i2"))

    assert level(wide, 2 * RATE) == pytest.approx(level(g711.samples(ulaw)), abs=0.1)
