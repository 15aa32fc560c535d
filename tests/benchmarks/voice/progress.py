"""How far a long run has come, on stderr beside its results: on a terminal in place, elsewhere a line at about each tenth."""

from __future__ import annotations

import sys

WIDTH = 78


def stage(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Progress:
    """Of one stage, from its beginning to its end."""

    def __init__(self) -> None:
        self._tenth = 0

    def at(self, share: float, text: str) -> None:
        """`share` of the stage is done; `text` tells it in words."""
        if sys.stderr.isatty():
            print(f"\r{text:{WIDTH}.{WIDTH}}", end="\n" if share >= 1 else "", file=sys.stderr, flush=True)
        elif (tenth := int(10 * share)) > self._tenth:
            self._tenth = tenth
            stage(text)
