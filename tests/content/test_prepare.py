import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from holdsvc.audio import g711
from holdsvc.audio.formats import BLOCK, FRAME, RATE
from holdsvc.audio.levels import active_level, level, loudness, true_peak
from holdsvc.content import prepare as prepare_module
from holdsvc.content.decoder import decode_bytes
from holdsvc.content.prepare import PEAK, TARGET, prepare
from holdsvc.content.sounds import Prepared
from holdsvc.errors import BadContent
from tests.content.signals import Sound, file, pink, silence, speech, tone


def prepared(sound: Sound, suffix: str = ".wav", written_at: int | None = None) -> Prepared:
    return prepare(decode_bytes(file(sound, suffix, written_at=written_at), suffix, 16000), 16000)


def pops(sound: Sound) -> Sound:
    spiked = sound * np.float32(0.1)
    spiked[len(spiked) // 2 :][:30] = 0.99
    return spiked


TALK = speech(8.0)
NASTY = {
    "as it is, 48 kHz": lambda: prepared(TALK),
    "44.1 kHz": lambda: prepared(TALK, written_at=44100),
    "22.05 kHz": lambda: prepared(TALK, written_at=22050),
    "8 kHz mu-law": lambda: prepared(TALK, ".au"),
    "mp3": lambda: prepared(TALK, ".mp3"),
    "opus": lambda: prepared(TALK, ".opus"),
    "quiet, 26 dB down": lambda: prepared(TALK * np.float32(0.05)),
    "clipped": lambda: prepared(np.clip(TALK * 30, -1, 1)),
    "constant offset": lambda: prepared(TALK * np.float32(0.3) + np.float32(0.5)),
    "stereo": lambda: prepared(np.stack([TALK, speech(8.0, 2)])),
    "stereo, opposed": lambda: prepared(np.stack([TALK, -TALK])),
    "stereo, one side": lambda: prepared(np.stack([silence(8.0), TALK])),
    "silence around it": lambda: prepared(np.concatenate([silence(5.0), TALK, silence(9.0)])),
    "a loud pop": lambda: prepared(pops(TALK)),
    "a long pause": lambda: prepared(np.concatenate([TALK, silence(12.0), speech(8.0, 3)])),
    "noise": lambda: prepared(pink(8.0)),
    "a tone": lambda: prepared(tone(8.0, 700)),
    "hum under it": lambda: prepared(TALK + tone(8.0, 50, loud=0.25)),
    "a word": lambda: prepared(speech(1.2, 5)),
    "two words, quiet": lambda: prepared(speech(2.4, 6) * np.float32(0.05)),
}


@pytest.fixture(scope="module")
def nasty() -> dict[str, Prepared]:
    return {name: make() for name, make in NASTY.items()}


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_item_comes_out_as_loud_as_any_other_and_below_the_peak(nasty, name):
    heard = g711.samples(nasty[name].ulaw)

    measured = loudness(heard) if len(heard) >= 3 * RATE else active_level(heard)

    assert measured == pytest.approx(TARGET, abs=0.5)
    assert true_peak(heard) <= PEAK
    assert nasty[name].measured.loudness == pytest.approx(measured, abs=0.01)


def test_all_nasty_items_lie_within_one_decibel(nasty):
    levels = [item.measured.loudness for item in nasty.values()]

    assert max(levels) - min(levels) < 1.0


@pytest.mark.parametrize("name", NASTY)
def test_prepared_sound_is_whole_frames_with_a_waveform_beside_it(nasty, name):
    item = nasty[name]

    assert len(item.ulaw) % FRAME == 0
    assert item.measured.seconds == len(item.ulaw) / RATE
    assert len(item.peaks) == -(-len(item.ulaw) // BLOCK)
    loudest = np.abs(g711.samples(item.ulaw)).max()
    assert max(item.peaks) == int(loudest * 255)


def test_silence_at_the_ends_is_cut_and_silence_within_is_kept(nasty):
    padded, pause = nasty["silence around it"], nasty["a long pause"]

    assert padded.measured.seconds == pytest.approx(nasty["as it is, 48 kHz"].measured.seconds, abs=0.3)
    assert pause.measured.seconds == pytest.approx(28, abs=0.7)


def test_it_begins_and_ends_softly(nasty):
    heard = np.abs(g711.samples(nasty["a tone"].ulaw))

    assert heard[:8].max() < 0.1 * heard.max()
    assert heard[-8:].max() < 0.1 * heard.max()


def test_a_constant_offset_is_taken_away(nasty):
    assert abs(g711.samples(nasty["constant offset"].ulaw).mean()) < 0.001


def test_hum_is_turned_down_beneath_the_voice(nasty):
    def share_of_hum(sound: Sound, rate: int) -> float:
        spectrum = np.abs(np.fft.rfft(sound[: 7 * rate]))
        return spectrum[7 * 45 : 7 * 55].max() / spectrum[7 * 300 : 7 * 1000].max()

    before = share_of_hum(TALK + tone(8.0, 50, loud=0.25), 48000)
    after = share_of_hum(g711.samples(nasty["hum under it"].ulaw), RATE)

    assert after < 0.25 * before


@pytest.mark.parametrize(("hertz", "heard"), [(30, False), (300, True), (1000, True), (3300, True), (4500, False)])
def test_what_the_telephone_carries_passes_and_nothing_folds_back(hertz, heard):
    sound = tone(4.0, 1000, 16000, 0.1) + tone(4.0, hertz, 16000, 0.1)

    spectrum = np.abs(np.fft.rfft(g711.samples(prepare(sound, 16000).ulaw)[: 3 * RATE]))

    at = min(hertz, RATE - hertz) * 3
    share = spectrum[at - 3 : at + 4].max() / spectrum[2997:3004].max()
    assert share > 0.85 if heard else share < 0.1


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (silence(5.0, 16000), "silent"),
        (np.zeros(0, np.float32), "silent"),
        (tone(5.0, 500, 16000, 5e-4), "all but silent"),
        (tone(0.05, 500, 16000), "shorter than"),
        (tone(5.0, 6000, 16000), "silent"),
        ((np.arange(16000 * 10) % 32000 == 100).astype(np.float32), "cannot be brought"),
    ],
)
def test_what_nobody_could_listen_to_is_refused_with_a_reason(sound, reason):
    with pytest.raises(BadContent, match=reason):
        prepare(sound, 16000)


def test_the_same_sound_gives_the_same_bytes():
    assert prepare(speech(4.0, 1, 16000), 16000) == prepare(speech(4.0, 1, 16000), 16000)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-45, 30), st.floats(0.4, 6.0), st.floats(0, 1))
def test_any_loudness_and_crest_comes_out_at_the_target_or_is_refused(seed, gain, seconds, spikes):
    chance = np.random.default_rng(seed)
    sound = speech(seconds, seed, 16000) * np.float32(10 ** (gain / 20))
    sound[chance.integers(0, len(sound), int(20 * spikes))] += np.float32(spikes)

    try:
        item = prepare(sound, 16000)
    except BadContent:
        return

    assert item.measured.loudness == pytest.approx(TARGET, abs=0.5)
    assert item.measured.peak <= PEAK


def linear(pcm: bytes) -> Sound:
    return g711.floats(np.frombuffer(pcm, "<i2"))


@pytest.mark.parametrize("name", NASTY)
def test_each_form_of_an_item_is_as_long_as_loud_and_below_the_peak(nasty, name):
    item = nasty[name]
    narrow, wide = linear(item.pcm8), linear(item.pcm16)

    assert (len(narrow), len(wide)) == (len(item.ulaw), 2 * len(item.ulaw))
    assert g711.encode(np.frombuffer(item.pcm8, "<i2")) == item.ulaw
    assert level(narrow) == pytest.approx(TARGET, abs=0.5)
    assert level(wide, 2 * RATE) == pytest.approx(TARGET, abs=0.5)
    assert max(true_peak(narrow), true_peak(wide)) <= PEAK


@pytest.mark.parametrize("name", ["as it is, 48 kHz", "silence around it", "a long pause", "a word"])
def test_a_moment_is_the_same_moment_in_every_form(nasty, name):
    """What a caller was hearing goes on at the same sample when the wire is another."""
    item = nasty[name]
    narrow, wide = linear(item.pcm8), linear(item.pcm16)[::2]

    shifts = range(-40, 41)
    likeness = [float(np.dot(narrow[100:-100], np.roll(wide, shift)[100:-100])) for shift in shifts]

    assert shifts[int(np.argmax(likeness))] == 0


def test_the_wide_form_carries_what_the_telephone_cuts_off():
    sound = tone(4.0, 1000, 16000, 0.1) + tone(4.0, 6000, 16000, 0.1)

    spectrum = np.abs(np.fft.rfft(linear(prepare(sound, 16000).pcm16)[: 3 * 16000]))

    assert spectrum[17990:18010].max() / spectrum[2990:3010].max() > 0.8


def test_where_the_wide_form_cannot_be_levelled_there_is_none():
    spikes = (np.arange(16000 * 10) % 32000 == 100).astype(np.float32)

    assert prepare_module._wide(spikes, TARGET) == b""
    assert prepare_module._wide(speech(4.0, 1, 16000), TARGET) != b""


def test_without_the_wide_sound_the_telephones_is_the_same_to_the_bit():
    sound = speech(4.0, 1, 16000)

    narrow, both = prepare(sound, 16000, wide=False), prepare(sound, 16000)

    assert (narrow.pcm16, len(both.pcm16)) == (b"", 4 * len(both.ulaw))
    assert narrow == replace(both, pcm16=b"")
