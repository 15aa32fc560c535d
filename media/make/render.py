"""From a score to a small mono Opus file: MIDI, the sound font, one channel, gentle ends, the codec."""

from __future__ import annotations

import random
import struct
import subprocess
import tempfile
import wave
from collections.abc import Mapping
from pathlib import Path

import av
import numpy as np
from score import Part, Piece, performed, timing

SOUND_FONT = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
RENDER_RATE = 48_000  # the font's samples are not filtered when played lower, so come down from here
RATE = 16_000
LOUDNESS = 10 ** (-20 / 20)  # root mean square of the whole; the ingest levels exactly
CEILING = 10 ** (-2.5 / 20)
MARGIN = 0.35  # seconds before the first note
RING = 3.0  # seconds for the last chord to die away

Sound = np.ndarray


def midi(piece: Piece) -> bytes:
    """A MIDI file whose tick is one millisecond."""
    tracks = [_track(piece, part, channel) for channel, part in enumerate(_channels(piece.parts))]
    tempo = _chunk([(0, b"\xff\x51\x03" + (1_000_000).to_bytes(3, "big"))])
    return struct.pack(">4sIHHH", b"MThd", 6, 1, len(tracks) + 1, 1000) + tempo + b"".join(tracks)


def _channels(parts: tuple[Part, ...]) -> list[Part | None]:
    """Drums sit on channel 9; the others take the rest in order."""
    melodic = [part for part in parts if not part.drums]
    places: list[Part | None] = [None] * 16
    for place, part in zip([n for n in range(16) if n != 9], melodic, strict=False):
        places[place] = part
    places[9] = next((part for part in parts if part.drums), None)
    return places


def _track(piece: Piece, part: Part | None, channel: int) -> bytes:
    if part is None:
        return _chunk([])
    events: list[tuple[float, int, bytes]] = [(0.0, 0, bytes([0xC0 | channel, part.program]))]
    seconds = timing(piece)
    if part.pedal:
        at = 0.0
        while at < piece.length:
            # up just as the new harmony begins and down again behind it, as a foot does
            events.append((MARGIN + seconds(at), 1, bytes([0xB0 | channel, 64, 0])))
            events.append((MARGIN + seconds(at) + 0.06, 1, bytes([0xB0 | channel, 64, 110])))
            at += part.pedal
        events.append((MARGIN + seconds(piece.length) + RING - 0.5, 1, bytes([0xB0 | channel, 64, 0])))
    for note in performed(piece, part, random.Random(f"{piece.slug} {channel}")):
        begin = MARGIN + note.start
        events.append((begin, 3, bytes([0x90 | channel, note.pitch, note.velocity])))
        events.append((begin + note.seconds, 2, bytes([0x80 | channel, note.pitch, 40])))
    return _chunk([(round(at * 1000), message) for at, _, message in sorted(events)])


def _chunk(events: list[tuple[int, bytes]]) -> bytes:
    body, now = bytearray(), 0
    for at, message in events:
        body += _variable(at - now) + message
        now = at
    body += b"\x00\xff\x2f\x00"
    return struct.pack(">4sI", b"MTrk", len(body)) + bytes(body)


def _variable(value: int) -> bytes:
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.insert(0, (value & 0x7F) | 0x80)
    return bytes(groups)


def played(piece: Piece) -> Sound:
    """The piece through fluidsynth, as 16 kHz mono."""
    with tempfile.TemporaryDirectory() as folder:
        score, out = Path(folder) / "piece.mid", Path(folder) / "piece.wav"
        score.write_bytes(midi(piece))
        settings = {
            "synth.gain": 0.45,
            "synth.reverb.room-size": piece.room,
            "synth.reverb.damp": 0.4,
            "synth.reverb.level": 0.5,
            "synth.reverb.width": 0.3,
            "synth.chorus.active": 0,
        }
        options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
        command = ["fluidsynth", "-niq", *options, "-r", str(RENDER_RATE), "-F", str(out), SOUND_FONT, str(score)]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603  every word is our own
        with wave.open(str(out)) as file:
            stereo = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    mono = stereo.astype(np.float32).mean(axis=1) / 32768
    last = MARGIN + timing(piece)(piece.length) + RING
    return lowered(mono)[: round(last * RATE)]


def lowered(sound: Sound, factor: int = RENDER_RATE // RATE) -> Sound:
    """Fewer samples by a whole factor, with what would alias filtered out first."""
    taps = np.arange(-96, 97)
    kernel = np.sinc(taps * 0.93 / factor) * np.kaiser(taps.size, 8.0)
    return np.convolve(sound, kernel / kernel.sum(), "same")[::factor].astype(np.float32)


def shaped(sound: Sound, fade_in: float = 0.05, fade_out: float = 2.5) -> Sound:
    """No rumble below what a telephone carries, an even level, soft ends."""
    sound = evened(without_rumble(sound))
    gain = LOUDNESS / max(float(np.sqrt(np.mean(sound**2))), 1e-6)
    gain = min(gain, CEILING / max(float(np.abs(sound).max()), 1e-6))
    sound = sound * gain
    rise, fall = round(fade_in * RATE), round(fade_out * RATE)
    sound[:rise] *= np.sin(np.linspace(0, np.pi / 2, rise)) ** 2
    sound[-fall:] *= np.cos(np.linspace(0, np.pi / 2, fall)) ** 2
    return sound


def evened(sound: Sound) -> Sound:
    """Half of what the loudness wanders, taken back slowly, as a telephone hears it: soft places stay soft, but are heard."""
    step = RATE // 4
    blocks = on_the_phone(sound)[: sound.size // step * step].reshape(-1, step)
    window = np.hanning(11)[1:-1]
    power = np.convolve(np.mean(blocks**2, axis=1), window / window.sum(), "same")
    level = 10 * np.log10(power + 1e-9)
    middle = np.median(level)
    gain = np.clip(0.55 * (middle - level), -4.0, 4.0)
    places = (np.arange(gain.size) + 0.5) * step
    return (sound * 10 ** (np.interp(np.arange(sound.size), places, gain) / 20)).astype(np.float32)


def on_the_phone(sound: Sound) -> Sound:
    """What a telephone line lets through."""
    spectrum = np.fft.rfft(sound)
    frequency = np.fft.rfftfreq(sound.size, 1 / RATE)
    spectrum[(frequency < 300) | (frequency > 3400)] = 0
    return np.fft.irfft(spectrum, sound.size).astype(np.float32)


def without_rumble(sound: Sound, corner: float = 70.0) -> Sound:
    spectrum = np.fft.rfft(sound)
    frequency = np.fft.rfftfreq(sound.size, 1 / RATE)
    spectrum *= frequency**4 / (frequency**4 + corner**4)
    return np.fft.irfft(spectrum, sound.size).astype(np.float32)


def save(
    sound: Sound,
    path: Path,
    rate: int = RATE,
    bits: int = 24_000,
    speech: bool = False,
    marks: Mapping[str, str] | None = None,
    exact: bool = False,
) -> float:
    """Write Opus, all or nothing; gives back the seconds. The same sound gives the same bytes.

    `exact` holds it to `bits`: what rings long would else take two fifths more.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    pcm = (np.clip(sound, -1, 1) * 32767).astype(np.int16).reshape(1, -1)
    with av.open(str(draft), "w", format="ogg", options={"fflags": "+bitexact"}) as file:
        options = {"application": "voip" if speech else "audio", "vbr": "constrained" if exact else "on"}
        stream = file.add_stream("libopus", rate=rate, layout="mono", bit_rate=bits, options=options)
        stream.metadata.update(marks or {})
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)
    draft.replace(path)
    return sound.size / rate


def marks(path: Path) -> dict[str, str]:
    """What `save` was told to write into the file; names in small letters."""
    with av.open(str(path)) as file:
        return {name.lower(): value for name, value in file.streams.audio[0].metadata.items()}
