"""Podcasts that were added by command, beside those of the settings: one file, which a running service looks at now and then."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from holdsvc.content.feeds import PodcastSettings
from holdsvc.content.sounds import mark, write
from holdsvc.errors import BadContent

FILE = "feeds.json"  # in the data folder


class Subscriptions:
    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE

    def mark(self) -> tuple[int, int]:
        """Another one after each change."""
        return mark(self._file)

    def read(self) -> Mapping[str, PodcastSettings]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, PodcastSettings])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadContent(f"{self._file.name} in the data folder cannot be read: {error}") from error

    def add(self, name: str, settings: PodcastSettings) -> None:
        """Takes the place of one of the same name."""
        self._write({**self.read(), name: settings})

    def remove(self, name: str) -> bool:
        """Whether there was one."""
        there = dict(self.read())
        if there.pop(name, None) is None:
            return False
        self._write(there)
        return True

    def _write(self, all_of_them: Mapping[str, PodcastSettings]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write(self._file, msgspec.json.format(msgspec.json.encode(all_of_them)) + b"\n")
