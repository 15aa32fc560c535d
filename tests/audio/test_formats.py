import io
import struct

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.audio import formats, g711


def chunks(wav: bytes) -> dict[bytes, bytes]:
    """An own reading of the container, as the specification has it."""
    assert wav[:4] == b"RIFF"
    assert wav[8:12] == b"WAVE"
    assert struct.unpack("<I", wav[4:8])[0] == len(wav) - 8
    found, at = {}, 12
    while at < len(wav):
        name, length = struct.unpack("<4sI", wav[at : at + 8])
        found[name] = wav[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    assert at == len(wav)
    return found


@given(st.binary(max_size=700))
def test_a_wav_file_is_well_formed_whatever_its_length(ulaw):
    found = chunks(formats.wav_mulaw(ulaw))

    assert struct.unpack("<HHIIHHH", found[b"fmt "]) == (7, 1, 8000, 8000, 1, 8, 0)
    assert struct.unpack("<I", found[b"fact"]) == (len(ulaw),)
    assert found[b"data"] == ulaw
    assert formats.wav_mulaw(ulaw).startswith(formats.wav_header(len(ulaw)))
    assert len(formats.wav_header(len(ulaw))) == formats.WAV_HEADER


def test_another_program_reads_the_same_samples_from_the_wav_file():
    ulaw = bytes(range(256)) * 10

    with av.open(io.BytesIO(formats.wav_mulaw(ulaw)), format="wav") as container:
        read = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
        assert container.streams.audio[0].codec_context.name == "pcm_mulaw"
        assert container.streams.audio[0].rate == formats.RATE

    assert (read == g711.decode(ulaw)).all()


@given(st.integers(0, 10_000_000))
def test_bytes_to_seconds_and_back_loses_nothing(length):
    assert formats.length_of(formats.seconds_of(length)) == length


@given(st.binary(max_size=1000))
def test_padding_adds_silence_up_to_a_whole_frame(ulaw):
    whole = formats.padded(ulaw)

    assert whole.startswith(ulaw)
    assert len(whole) % formats.FRAME == 0
    assert len(whole) - len(ulaw) < formats.FRAME
    assert set(whole[len(ulaw) :]) <= {formats.SILENCE}


@pytest.mark.parametrize(("second", "begins"), [(0, 0), (9.99, 0), (10, 10), (59.9, 50), (-3, 0)])
def test_a_segment_begins_at_or_before_the_second_asked_for(second, begins):
    assert formats.on_grid(second) == begins


def test_blocks_segments_and_frames_share_one_grid():
    assert formats.BLOCK % formats.FRAME == 0
    assert formats.length_of(formats.SEGMENT_GRID) % formats.BLOCK == 0
    assert formats.MAX_SEGMENT % formats.SEGMENT_GRID == 0
