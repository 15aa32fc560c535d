"""Synthetic speakers of several kinds, each phrase spoken once and kept as 8 kHz sound. What is not installed is left out."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

RATE = 8000
Sound = NDArray[np.float32]
Say = Callable[[str, Path], None]  # text, wav to write


def espeak(voice: str, speed: int = 150, pitch: int = 50) -> Say:
    manner = ["-s", str(speed), "-p", str(pitch)]
    return lambda text, wav: run(["espeak-ng", "-v", voice, *manner, "-w", str(wav), text])


def flite(voice: str, stretch: float = 0.0, hertz: int = 0) -> Say:
    """`stretch` and `hertz`, the middle of its melody, where they are not the voice's own."""
    given = {"duration_stretch": stretch, "int_f0_target_mean": hertz}
    manner = [word for name, value in given.items() if value for word in ("--setf", f"{name}={value}")]
    return lambda text, wav: run(["flite", "-voice", voice, *manner, "-t", text, "-o", str(wav)])


def festival(voice: str) -> Say:
    def say(text: str, wav: Path) -> None:
        run(["text2wave", "-eval", f"(voice_{voice})", "-o", str(wav)], text)

    return say


def run(command: list[str], text: str | None = None) -> None:
    subprocess.run(command, input=text.encode() if text else None, check=True, capture_output=True)


# Nothing was chosen by what was heard from the second group.
TUNING: Mapping[str, Say] = {
    "espeak en-us": espeak("en-us"),
    "espeak en-gb+f3": espeak("en-gb+f3"),
    "espeak en-gb-scotland+m7": espeak("en-gb-scotland+m7"),
    "flite kal16": flite("kal16"),
    "flite awb": flite("awb"),
}
REPORTING: Mapping[str, Say] = {
    "espeak en-us+m3": espeak("en-us+m3"),
    "espeak en-gb-x-rp+f2": espeak("en-gb-x-rp+f2"),
    "flite rms": flite("rms"),
    "flite slt": flite("slt"),
    "festival slt hts": festival("cmu_us_slt_arctic_hts"),
    "festival kal": festival("kal_diphone"),
}
# Others who only teach (`train.py`): none is like one of the reported, in accent or in larynx.
LARYNXES = {
    "en-us": ("m1", "f1", "m4", "f4", "m6", "Annie", "Andy", "steph"),
    "en-us-nyc": ("m2", "f5"),
    "en-gb": ("m1", "f4", "m5", "Linda", "Mario", "klatt2"),
    "en-gb-scotland": ("f1", "m2"),
    "en-gb-x-gbclan": ("m4", "f5"),
    "en-gb-x-gbcwmd": ("m6", "f1"),
    "en-029": ("m1", "f4"),
}
TEACHING: Mapping[str, Say] = {
    **{
        f"espeak {accent}+{larynx}": espeak(f"{accent}+{larynx}", 130 + 11 * (place % 6), 36 + 7 * (place % 5))
        for place, (accent, larynx) in enumerate((accent, larynx) for accent in LARYNXES for larynx in LARYNXES[accent])
    },
    "flite kal": flite("kal"),
}
# Of the kind of synthesis that flite's reported voices are only this one teaches: in more manners, the menu's phrases alone.
MANNERS: Mapping[str, Say] = {
    "flite awb slow": flite("awb", 1.2),
    "flite awb quick": flite("awb", 0.85),
    "flite awb deep": flite("awb", 1.05, 95),
    "flite awb high": flite("awb", 0.95, 165),
}
# Voices of the network that speaks our prompts; `media/make/voice.py` drives it.
NEURAL_TUNING = ("am_michael", "bf_emma", "af_nova", "am_puck", "bf_isabella", "bm_lewis")
NEURAL_REPORTING = ("af_bella", "am_eric", "bm_george", "bf_alice")
NEURAL_TEACHING = (
    *("af_alloy", "af_aoede", "af_heart", "af_jessica", "af_kore", "af_nicole", "af_river", "af_sarah", "af_sky"),
    *("am_adam", "am_echo", "am_fenrir", "am_liam", "am_onyx", "am_santa", "bf_lily", "bm_daniel", "bm_fable"),
)


def in_turn(speakers: Mapping[str, Say], place: int) -> list[tuple[str, Say]]:
    """Three of them, others at each place: for what need not be said by all."""
    all_of_them = list(speakers.items())
    return [all_of_them[(place + step) % len(all_of_them)] for step in (0, 4, 8)]


def file_of(folder: Path, voice: str, text: str) -> Path:
    return folder / f"{hashlib.sha256(f'{voice}|{text}'.encode()).hexdigest()[:24]}.npy"


def spoken(folder: Path, voice: str, say: Say, text: str) -> Sound | None:
    """From the folder, or said now. None: this speaker cannot be had."""
    file = file_of(folder, voice, text)
    if not file.is_file():
        with tempfile.TemporaryDirectory() as name:
            wav = Path(name) / "said.wav"
            try:
                say(text, wav)
                keep(file, decoded(wav))
            except (OSError, subprocess.CalledProcessError):
                return None
    return np.load(file)


def keep(file: Path, sound: Sound) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as part:
        np.save(part, sound)
    Path(part.name).replace(file)


def decoded(path: Path) -> Sound:
    """Mono at 8 kHz, without the silence at its ends."""
    with av.open(str(path)) as file:
        mono = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        frames = [*file.decode(audio=0), None]
        parts = [part.to_ndarray().ravel() for frame in frames for part in mono.resample(frame)]
    sound = np.concatenate(parts).astype(np.float32)
    loud = np.flatnonzero(np.abs(sound) > 0.02 * np.abs(sound).max())
    return sound[max(0, loud[0] - 400) : loud[-1] + 800] if loud.size else sound


def neural(names: Iterable[str], styles: Path) -> dict[str, Say]:
    """`styles`: folder of the network's voices. Run with a Python that has what media/make/README.md names."""
    sys.path.insert(0, str(Path(__file__).parents[3] / "media" / "make"))
    from voice import RATE as THEIRS
    from voice import kokoro

    def speaker(name: str) -> Say:
        loaded = kokoro(name, styles)

        def say(text: str, wav: Path) -> None:
            sound = loaded.say(text)
            with av.open(str(wav), "w") as file:
                stream = file.add_stream("pcm_s16le", rate=THEIRS, layout="mono")
                linear = (np.clip(sound, -1, 1) * 32767).astype(np.int16).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(linear, format="s16", layout="mono")
                frame.sample_rate = THEIRS
                file.mux([*stream.encode(frame), *stream.encode(None)])

        return say

    return {f"kokoro {name}": speaker(name) for name in names}


def unsaid(text: str, wav: Path) -> None:
    """Stands for a speaker who can only be had from the folder."""
    raise FileNotFoundError(text)
