import math

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.audio import levels
from holdsvc.audio.formats import RATE
from holdsvc.audio.g711 import Samples
from tests.content.signals import pink, silence, speech, tone


def ffmpeg_says(samples: Samples, rate: int = RATE) -> tuple[float, float]:
    """Loudness and true peak as FFmpeg's meter has them, at 48 kHz as the recommendation is written."""
    graph = av.filter.Graph()
    source = graph.add("abuffer", f"sample_rate={rate}:sample_fmt=flt:channel_layout=mono:time_base=1/{rate}")
    steps = [source, graph.add("aresample", "48000"), graph.add("ebur128", "metadata=1:peak=true")]
    sink = graph.add("abuffersink")
    for first, second in zip(steps, [*steps[1:], sink], strict=True):
        first.link_to(second)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(samples[None], "flt", "mono")
    frame.sample_rate, frame.pts = rate, 0
    source.push(frame)
    source.push(None)
    said: dict[str, str] = {}
    while True:
        try:
            metadata = sink.pull().metadata
        except (av.EOFError, av.BlockingIOError):
            break
        said = metadata if "lavfi.r128.I" in metadata else said
    return float(said["lavfi.r128.I"]), 20 * math.log10(float(said["lavfi.r128.true_peak"]))


def faded(samples: Samples) -> Samples:
    """Without the click at its ends, which another resampler would draw otherwise."""
    far = np.arange(len(samples))
    return (samples * np.minimum(1, np.minimum(far, far[::-1]) / 400)).astype(np.float32)


SOUNDS = {
    "hum": faded(tone(10, 100, RATE)),
    "middle": faded(tone(10, 1000, RATE, 0.1)),
    "bright": faded(tone(10, 3000, RATE, 0.1)),
    "speech": speech(20, 4, RATE),
    "pink": pink(20, 5, RATE),
    "pauses": np.concatenate([speech(6, 6, RATE), silence(8, RATE), speech(6, 7, RATE) * np.float32(0.1)]),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_loudness_agrees_with_another_meter(name):
    loudness, peak = ffmpeg_says(SOUNDS[name])

    assert levels.loudness(SOUNDS[name]) == pytest.approx(loudness, abs=0.2)
    assert levels.true_peak(SOUNDS[name]) == pytest.approx(peak, abs=0.3)


@pytest.mark.parametrize("sound", [tone(10, 6000, 16000, 0.1), speech(20, 4, 16000), pink(20, 5, 16000)])
def test_loudness_at_twice_the_rate_agrees_with_another_meter(sound):
    loudness, peak = ffmpeg_says(faded(sound), 16000)

    assert levels.loudness(faded(sound), 16000) == pytest.approx(loudness, abs=0.2)
    assert levels.true_peak(faded(sound)) == pytest.approx(peak, abs=0.3)


@pytest.mark.parametrize("seconds", [1.5, 8.0])
def test_what_has_no_upper_band_is_as_loud_at_either_rate(seconds):
    wide = speech(seconds, 7, 16000)
    spectrum = np.fft.rfft(wide)
    spectrum[round(3500 * seconds) :] = 0
    wide = np.fft.irfft(spectrum, len(wide)).astype(np.float32)

    assert levels.level(wide, 16000) == pytest.approx(levels.level(wide[::2]), abs=0.1)


def test_a_full_scale_sine_of_997_hertz_has_the_loudness_that_the_recommendation_gives():
    assert levels.loudness(tone(10, 997, RATE, 1.0)) == pytest.approx(-3.01, abs=0.05)


def test_pauses_do_not_make_an_item_less_loud():
    talk = speech(12, 8, RATE)

    with_pause = np.concatenate([talk, silence(20, RATE)])

    assert levels.loudness(with_pause) == pytest.approx(levels.loudness(talk), abs=0.1)


def test_pauses_do_not_make_a_short_item_less_loud():
    word = speech(2.4, 9, RATE)
    loud = np.abs(word) > 0.01
    word = word[loud.argmax() : len(word) - loud[::-1].argmax()]

    with_pause = np.concatenate([silence(0.7, RATE), word, silence(0.7, RATE)])

    # the hangover counts as speech: 200 ms in the 1.5 s that are not pauses make 0.5 dB
    assert levels.active_level(with_pause) == pytest.approx(levels.active_level(word), abs=0.8)


def test_the_two_meters_agree_on_talk_so_that_three_seconds_are_no_cliff():
    for seed in range(5):
        talk = speech(10, seed, RATE)
        assert levels.active_level(talk) == pytest.approx(levels.loudness(talk), abs=1.5)


@pytest.mark.parametrize("seconds", [2.0, 60.0])
def test_a_moment_just_above_a_threshold_does_not_fool_the_meter_for_short_items(seconds):
    steady = pink(seconds, 5, RATE)
    power = 10 * math.log10(np.square(steady, dtype=np.float64).mean())

    for gain in np.arange(-6, 0, 0.25):
        measured = levels.active_level(steady * np.float32(10 ** (gain / 20)))
        assert measured - gain == pytest.approx(power, abs=0.5)


@settings(max_examples=20, deadline=None)
@given(st.floats(-40, 0), st.sampled_from([1.0, 5.0]))
def test_a_gain_is_measured_as_that_gain(gain, seconds):
    sound = speech(seconds, 3, RATE)

    turned = sound * np.float32(10 ** (gain / 20))

    assert levels.level(turned) - levels.level(sound) == pytest.approx(gain, abs=0.6)
    assert levels.true_peak(turned) - levels.true_peak(sound) == pytest.approx(gain, abs=0.01)


def test_a_peak_between_two_samples_is_seen():
    between = 0.5 * np.sin(2 * np.pi * 2000 * np.arange(RATE) / RATE + np.pi / 4)

    assert np.abs(between).max() == pytest.approx(0.354, abs=0.001)
    assert levels.true_peak(faded(between)) == pytest.approx(20 * math.log10(0.5), abs=0.1)


@pytest.mark.parametrize("at", [1, (1 << 22) - 1, 1 << 22, (1 << 22) + 40])
def test_a_peak_is_seen_wherever_in_a_long_item_it_stands(at):
    long = np.zeros((1 << 22) + 1000, np.float32)
    long[at : at + 2] = 0.5  # the curve through the two stands higher between them

    assert levels.true_peak(long) == pytest.approx(levels.true_peak(long[max(0, at - 300) : at + 300]), abs=0.001)
    assert levels.true_peak(long) > 20 * math.log10(0.55)


@pytest.mark.parametrize("length", [0, 1, 2, 7, 799, 3199, 24000])
def test_silence_of_any_length_has_no_level_and_no_peak(length):
    nothing = np.zeros(length, np.float32)

    assert levels.level(nothing) == levels.NOTHING
    assert levels.loudness(nothing) == levels.NOTHING
    assert levels.true_peak(nothing) == levels.NOTHING


@given(st.lists(st.floats(-1, 1, width=32), max_size=50))
def test_a_few_samples_of_anything_can_be_measured(values):
    samples = np.array(values, np.float32)

    assert not math.isnan(levels.level(samples))
    assert not math.isnan(levels.true_peak(samples))
