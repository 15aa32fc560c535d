import struct
import subprocess
import sys

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.content import apart
from holdsvc.content.decoder import FORMATS, Limits, decode, decode_bytes, demuxer_of
from holdsvc.errors import BadContent, HoldsvcError
from tests.content.signals import ENCODERS, file, silence, tone


@pytest.mark.parametrize("suffix", ENCODERS)
def test_every_format_gives_the_sound_that_went_in(suffix):
    source = file(tone(1.0), suffix)

    pcm = decode_bytes(source, suffix, 16000)

    middle = pcm[4000:12000]
    assert len(pcm) / 16000 == pytest.approx(1.0, abs=0.1)
    assert np.sqrt(2 * np.square(middle).mean()) == pytest.approx(0.3, rel=0.1)
    assert np.abs(np.fft.rfft(middle)).argmax() * 2 == pytest.approx(500, abs=2)


@pytest.mark.parametrize("suffix", sorted(set(ENCODERS) - {".ulaw"}))
def test_what_the_bytes_say_counts_and_not_the_name(suffix):
    source = file(tone(0.5), suffix)

    assert len(decode_bytes(source, ".bin")) == pytest.approx(8000, abs=1600)


@pytest.mark.parametrize("suffix", [".flac", ".mp3"])
def test_tags_in_an_unknown_alphabet_do_not_matter(suffix):
    source = file(tone(0.5), suffix)
    assert b"Lavf" in source or b"Lavc" in source

    spoilt = source.replace(b"Lavf", b"L\xff\xfef").replace(b"Lavc", b"L\xff\xfec")

    assert len(decode_bytes(spoilt, suffix)) == pytest.approx(8000, abs=1600)


def test_a_cover_picture_is_passed_over():
    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(200))  # nobody looks at it
    body = b"\x00image/png\x00\x03\x00" + picture
    tag = b"APIC" + struct.pack(">I", len(body)) + b"\x00\x00" + body
    size = bytes(len(tag) >> shift & 0x7F for shift in (21, 14, 7, 0))
    source = file(tone(0.5), ".mp3")

    pcm = decode_bytes(b"ID3\x03\x00\x00" + size + tag + source, ".mp3")

    assert len(pcm) == pytest.approx(8000, abs=1600)


def test_the_sound_of_a_film_is_read_and_its_pictures_are_not(tmp_path):
    film = tmp_path / "film.mp4"
    with av.open(str(film), "w") as container:
        pictures, track = container.add_stream("mpeg4", rate=25), container.add_stream("aac", rate=48000)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 64, "yuv420p"
        track.layout = "mono"
        container.mux(pictures.encode(av.VideoFrame(64, 64, "yuv420p")))
        frame = av.AudioFrame.from_ndarray(tone(1.0)[None], "fltp", "mono")
        frame.sample_rate = 48000
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
        container.mux(pictures.encode(None))

    assert len(decode(film)) == pytest.approx(16000, abs=1600)


def test_opposed_sides_do_not_silence_each_other():
    side = tone(1.0)

    pcm = decode_bytes(file(np.stack([side, -side]), ".flac"), ".flac")

    assert np.abs(pcm).max() == pytest.approx(0.3, abs=0.01)


def test_two_sides_become_their_mean():
    pcm = decode_bytes(file(np.stack([tone(1.0), silence(1.0)]), ".flac"), ".flac")

    assert np.abs(pcm).max() == pytest.approx(0.15, abs=0.01)


@pytest.mark.parametrize(
    ("source", "suffix", "reason"),
    [
        (b"", ".wav", "is empty"),
        (b"plain text", ".txt", "not a sound file"),
        (b"#EXTM3U\nhttp://192.0.2.1/a.ts\n", ".m3u8", "not a sound file"),
        (b"plain text" * 100, ".mp3", "cannot be read"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", ".wav", "cannot be read"),
        (b"OggS" + bytes(range(256)) * 8, ".ogg", "ends before"),
        (b"", ".ulaw", "is empty"),
    ],
)
def test_a_bad_file_is_refused_with_a_reason(source, suffix, reason):
    with pytest.raises(BadContent, match=reason):
        decode_bytes(source, suffix)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(seconds=1.0), "longer than"),
        (Limits(source=1000), "more than"),
        (Limits(wall=0.01), "took too long"),
    ],
)
def test_a_file_that_costs_too_much_is_refused(limits, reason):
    source = file(tone(2.0), ".flac")

    with pytest.raises(BadContent, match=reason):
        decode_bytes(source, ".flac", limits=limits)


def test_sound_that_fills_the_memory_is_refused():
    hour = bytes(8000 * 3600)

    with pytest.raises(BadContent, match="too much memory"):
        decode_bytes(hour, ".ulaw", limits=Limits(memory=300 << 20))


def test_a_decoder_that_cannot_start_does_not_speak_ill_of_the_file():
    with pytest.raises(HoldsvcError, match="cannot start") as caught:
        decode_bytes(file(tone(0.2), ".wav"), ".wav", limits=Limits(memory=80 << 20))

    assert not isinstance(caught.value, BadContent)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e30])
def test_floats_that_are_no_sound_are_refused(value):
    samples = np.array([0.1, value] * 4000, np.float32).tobytes()
    form = struct.pack("<HHIIHHH", 3, 1, 8000, 32000, 4, 32, 0)
    body = b"WAVEfmt " + struct.pack("<I", 18) + form + b"data" + struct.pack("<I", len(samples)) + samples

    with pytest.raises(BadContent, match="no sound"):
        decode_bytes(b"RIFF" + struct.pack("<I", len(body)) + body, ".wav")


def test_a_truncated_file_gives_what_can_be_heard_of_it(tmp_path):
    whole = file(tone(3.0), ".mp3")
    half = tmp_path / "half.mp3"
    half.write_bytes(whole[: len(whole) // 2])

    assert len(decode(half)) / 16000 == pytest.approx(1.5, abs=0.2)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(sorted(ENCODERS)), st.data())
def test_a_damaged_file_gives_sound_or_a_reason_and_nothing_else(suffix, data):
    source = bytearray(file(tone(0.3), suffix))
    for _ in range(data.draw(st.integers(1, 30))):
        source[data.draw(st.integers(0, len(source) - 1))] = data.draw(st.integers(0, 255))

    try:
        pcm = decode_bytes(bytes(source), suffix, limits=Limits(seconds=60, wall=20))
    except BadContent as error:
        reason = str(error)
    else:
        assert np.isfinite(pcm).all()
        reason = ""

    assert reason.isprintable()
    assert len(reason) < 400


@given(st.binary(max_size=16), st.sampled_from([*FORMATS, "", ".txt", ".m3u8", ".sdp"]))
def test_only_known_demuxers_are_ever_forced(head, suffix):
    try:
        assert demuxer_of(head, suffix) in FORMATS.values()
    except BadContent:
        assert suffix not in (".mp3", ".aac", ".ulaw")


def test_the_environment_of_the_confined_process_hands_on_no_secret(monkeypatch):
    monkeypatch.setenv("HOLDSVC_API__TOKEN", "hush")

    assert not [name for name in apart.environment() if name.startswith("HOLDSVC")]


def test_the_service_does_not_load_the_decoders_library():
    looked = """
import sys
import holdsvc.content.library, holdsvc.content.ingest, holdsvc.content.decoder
print([name for name in ("av", "pydub") if name in sys.modules])
import holdsvc.errors
"""
    child = subprocess.run(
        [sys.executable, "-P", "-s", "-c", looked], env=apart.environment(), capture_output=True, text=True, timeout=60
    )

    assert child.stdout.strip() == "[]", child.stderr
