"""`holdsvc export`, `audit`, `callers forget`, `backup`: the wait log, beside a live service or without one."""

from __future__ import annotations

from pathlib import Path

from holdsvc import catalogue
from holdsvc.config import Settings
from holdsvc.errors import ConfigError


def file_of(settings: Settings) -> Path:
    if not settings.store.url.startswith("sqlite:"):
        raise ConfigError("store.url", f"{settings.store.url!r} keeps no wait log that could be read here")
    path = catalogue.database(settings)
    if not path.exists():
        raise ConfigError(
            "service.data_dir", f"there is no wait log at {path} yet; it is made by the first `holdsvc serve`"
        )
    return path
