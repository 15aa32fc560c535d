"""A synthesiser for tests: a program that writes down what it is told to say, and says it as noise that nothing else is like."""

from __future__ import annotations

import sys
from pathlib import Path

from holdsvc.config import SynthesiserSettings

SPEAKS = """
import random, sys, time, wave
words = sys.stdin.read()
open({said!r}, "a", encoding="utf-8").write(sys.argv[2] + ": " + words + "\\n")
noise = random.Random(words)
with wave.open(sys.argv[1], "wb") as file:
    file.setparams((1, 2, 16000, 0, "NONE", ""))
    file.writeframes(b"".join(noise.randrange(-6000, 6000).to_bytes(2, "little", signed=True) for _ in range({samples})))
"""
BREAKS = "import sys; sys.stdin.read(); sys.stderr.write('no such voice'); sys.exit(3)"
HANGS = "import sys, time; sys.stdin.read(); time.sleep(600)"


class Mouth:
    def __init__(self, folder: Path, seconds: float = 2.0) -> None:
        self._file = folder / "said.txt"
        self._program = SPEAKS.format(said=str(self._file), samples=round(seconds * 16000))

    def settings(self, program: str = "", seconds: float = 60.0) -> SynthesiserSettings:
        words = (sys.executable, "-c", program or self._program, "{file}", "{language}")
        return SynthesiserSettings(command=words, seconds=seconds)

    @property
    def said(self) -> list[str]:
        """Each as "language: words"."""
        return self._file.read_text("utf-8").splitlines() if self._file.exists() else []
