"""Foreign sound files to samples, in a process of their own that can do little else.

The file is the process's standard input, PCM its standard output: no name, no URL, no other file, no socket. The
service never imports PyAV; only the confined process does.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec
import numpy as np

from holdsvc.audio.g711 import Samples
from holdsvc.content import apart, confine
from holdsvc.errors import BadContent, HoldsvcError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import av
    import av.audio

DECODED_RATE = 16000  # twice the telephone's: our own filter makes the last step
_SAMPLE = 4  # bytes: 32-bit float
_LARGEST = 1000.0  # full scale is 1.0; a file of floats may hold anything
_PIECE = 1 << 20  # bytes read at a time
_LAST_WORDS = 300  # characters of a reason that are believed


class Limits(msgspec.Struct, frozen=True):
    """What one file may cost."""

    source: int = 300 << 20  # bytes of the file
    seconds: float = 3600.0  # of decoded sound
    cpu: int = 120  # seconds
    wall: float = 180.0  # seconds
    memory: int = 768 << 20  # bytes of address space, libraries included; an hour of sound takes 512 MB


FORMATS = {  # a file's suffix -> the demuxer it is forced to
    ".mp3": "mp3",
    ".m4a": "mov",
    ".m4b": "mov",
    ".mp4": "mov",
    ".aac": "aac",
    ".ogg": "ogg",
    ".oga": "ogg",
    ".opus": "ogg",
    ".flac": "flac",
    ".wav": "wav",
    ".aif": "aiff",
    ".aiff": "aiff",
    ".aifc": "aiff",
    ".au": "au",
    ".ulaw": "mulaw",
    ".ul": "mulaw",
}
# Nothing but sound is decoded: a cover picture, or a film's track, finds no decoder.
_CODECS = (
    "mp3,mp3float,mp2,mp2float,aac,aac_fixed,alac,vorbis,libvorbis,opus,libopus,flac,pcm_mulaw,pcm_alaw,"
    "pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be"
)
_RAW = "mulaw"  # has no header to read a rate from


def decode(source: Path, rate: int = DECODED_RATE, limits: Limits | None = None) -> Samples:
    """One channel of the file's first sound track. BadContent tells why there is none; HoldsvcError, that it is not
    the file's fault."""
    limits = limits or Limits()
    with source.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > limits.source:
            raise BadContent(f"the file has {size >> 20} MB, more than the {limits.source >> 20} MB allowed")
        if not size:
            raise BadContent("the file is empty")
        demuxer = demuxer_of(stream.read(16), source.suffix)
        stream.seek(0)
        return _decoded(stream, demuxer, rate, limits)


def decode_bytes(source: bytes, suffix: str, rate: int = DECODED_RATE, limits: Limits | None = None) -> Samples:
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        file.write(source)
        file.flush()
        return decode(Path(file.name), rate, limits)


def demuxer_of(head: bytes, suffix: str) -> str:
    """By what the file begins with; by its name only where the bytes leave it open."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:11] == b"AIF":
        return "aiff"
    if head[4:8] == b"ftyp":
        return "mov"
    for magic, demuxer in ((b"OggS", "ogg"), (b"fLaC", "flac"), (b".snd", "au")):
        if head.startswith(magic):
            return demuxer
    named = FORMATS.get(suffix.lower())
    if named == _RAW:
        return named
    if head[:1] == b"\xff" and head[1:2] and head[1] & 0xE0 == 0xE0:  # frame sync; layer 0 is AAC's
        return "mp3" if head[1] & 0x06 else "aac"
    if named in ("mp3", "aac"):  # tags and stray bytes may stand before the first frame
        return named
    if head.startswith(b"ID3"):
        return "mp3"
    raise BadContent("not a sound file that we read (mp3, m4a, aac, ogg, opus, flac, wav, aiff, au, ulaw)")


def _decoded(stream: IO[bytes], demuxer: str, rate: int, limits: Limits) -> Samples:
    words = msgspec.json.encode(limits).decode()
    child = subprocess.Popen(  # noqa: S603 - our own interpreter, our own words
        apart.command("holdsvc.content.decoder", demuxer, str(rate), words),
        stdin=stream,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=apart.environment(),
    )
    assert child.stdout is not None
    assert child.stderr is not None
    late = threading.Event()
    timer = threading.Timer(limits.wall, _end, (child, late))
    timer.start()
    try:
        most = int(limits.seconds * rate + rate) * _SAMPLE
        pcm = _up_to(most, child.stdout)
        if len(pcm) > most:
            child.kill()
        last_words = child.stderr.read(4096)
        code = child.wait()
    finally:
        timer.cancel()
        child.kill()
        child.stdout.close()
        child.stderr.close()
        child.wait()
    if code == apart.UNABLE and not late.is_set():
        raise HoldsvcError(f"the decoder cannot start: {_line(last_words)}")
    if code != 0 or len(pcm) > most:
        raise BadContent(_reason(code, last_words, late.is_set()))
    return _sound(pcm)


def _up_to(most: int, stream: IO[bytes]) -> bytearray:
    """All there is, or a little more than `most`. Takes memory as bytes come, not for what might come."""
    read = bytearray()
    while len(read) <= most and (piece := stream.read(_PIECE)):
        read += piece
    return read


def _end(child: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    child.kill()


def _reason(code: int, words: bytes, late: bool) -> str:
    if late or -code == _SIGXCPU:
        return "decoding took too long"
    if code == apart.REFUSED:
        return _line(words) or "the file is damaged"
    return "the decoder gave up on this file" + (f" (signal {-code})" if code < 0 else "")


def _line(words: bytes) -> str:
    """The last line, as far as it can be believed."""
    line = words.decode("ascii", "replace").strip().rpartition("\n")[2]
    return "".join(c for c in line if c.isprintable())[:_LAST_WORDS]


def _sound(pcm: bytearray) -> Samples:
    samples = np.frombuffer(pcm, np.float32, len(pcm) // _SAMPLE)
    if not len(samples):
        raise BadContent("the file holds no sound")
    if not max(samples.max(), -samples.min()) < _LARGEST:  # so written, it holds for what is not a number as well
        raise BadContent("the file holds numbers that are no sound")
    return samples


# --- the confined process ---------------------------------------------------------------------------------------------

_SIGXCPU = 24
_UNKNOWN_CODEC = "the file holds a kind of sound that we do not read"
_DAMAGE = 0.1  # share of packets that may be unreadable before the file counts as damaged
_CANCELLED = 0.05  # share of the sides' power that must be left after mixing, else the sides are opposed


def main(arguments: list[str]) -> int:
    demuxer, rate, limits = arguments[0], int(arguments[1]), msgspec.json.decode(arguments[2], type=Limits)
    confine.bound(limits.memory, limits.cpu)
    try:
        _rehearse()
    except Exception as error:  # not the file's fault: it has not been looked at
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return apart.UNABLE
    confine.shut()
    try:
        pcm = _mixed(sys.stdin.buffer, demuxer, rate, limits)
    except Exception as error:  # the edge of this process: whatever it was, the file is not for callers
        sys.stderr.write(f"{_told(error)}\n")
        return apart.REFUSED
    sys.stdout.buffer.write(pcm)
    sys.stdout.buffer.flush()
    return 0


def _rehearse() -> None:
    """Decode a little of our own, so that everything is loaded that would be loaded late."""
    import av

    av.logging.set_level(av.logging.PANIC)
    for kind in ("audio", "video", "subtitles", "data", "attachments"):
        with contextlib.suppress(ImportError):
            importlib.import_module(f"av.{kind}.stream")
    _mixed(io.BytesIO(b"\x80" * 1600), _RAW, DECODED_RATE, Limits())


def _mixed(source: IO[bytes], demuxer: str, rate: int, limits: Limits) -> memoryview:
    """Both sides added, or the left alone where the sides are opposed and would silence each other."""
    mixed = bytearray()
    powers = np.zeros(2)
    for sides in _sides(source, demuxer, rate, limits):
        middle = sides.mean(axis=0, dtype=np.float32)
        powers += np.square(middle, dtype=np.float64).sum(), np.square(sides, dtype=np.float64).mean(axis=0).sum()
        mixed += middle.tobytes()
    if powers[0] >= _CANCELLED * powers[1]:
        return memoryview(mixed)
    mixed.clear()
    for sides in _sides(source, demuxer, rate, limits):
        mixed += sides[0].tobytes()
    return memoryview(mixed)


def _sides(source: IO[bytes], demuxer: str, rate: int, limits: Limits) -> Iterator[Samples]:
    """Pieces of the first sound track, left and right, or one row if there is but one."""
    import av

    source.seek(0)
    options = {"protocol_whitelist": "pipe", "codec_whitelist": _CODECS}
    if demuxer == _RAW:
        options |= {"sample_rate": "8000"}
    left = int(limits.seconds * rate)
    with av.open(source, "r", format=demuxer, options=options, metadata_errors="replace") as container:
        if not container.streams.audio:
            raise BadContent("the file holds no sound")
        track = container.streams.audio[0]
        if track.codec_context is None:
            raise BadContent(_UNKNOWN_CODEC)
        track.codec_context.thread_type = "NONE"
        layout = "mono" if track.codec_context.channels == 1 else "stereo"
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        for frame in _frames(container, track):
            for piece in resampler.resample(frame):
                samples = piece.to_ndarray().astype(np.float32, copy=False)
                left -= samples.shape[1]
                if left < 0:
                    raise BadContent(f"the sound is longer than {limits.seconds / 60:.3g} minutes")
                yield samples


def _frames(container: av.container.InputContainer, track: av.audio.AudioStream) -> Iterator[av.AudioFrame | None]:
    """All frames that can be read, then None to flush; a few broken packets are passed over."""
    import av

    read = broken = 0
    for packet in container.demux(track):
        read += 1
        try:
            yield from packet.decode()
        except av.InvalidDataError:
            broken += 1
    if broken > 3 + read * _DAMAGE:
        raise BadContent(f"the file is damaged ({broken} of {read} packets cannot be read)")
    yield None


def _told(error: Exception) -> str:
    if isinstance(error, BadContent):
        return str(error)
    if isinstance(error, MemoryError):
        return "decoding took too much memory"
    if isinstance(error, PermissionError):  # so the codec's white-list refuses
        return _UNKNOWN_CODEC
    if isinstance(error, EOFError):
        return "the file ends before there is any sound in it"
    words = str(getattr(error, "strerror", None) or "")
    if words.startswith("Not yet implemented"):
        return _UNKNOWN_CODEC
    return f"the file cannot be read ({words if words and 'Error' not in words else 'it is damaged'})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
