"""The configuration itself: what keeps it from being read at all, told with a code and a fix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from holdsvc.commands.checks.codes import Finding, finding
from holdsvc.config import PREFIX, Settings, load, read_toml, refuse_secrets, shipped
from holdsvc.errors import ConfigError

# How a key at fault begins or ends -> its code and what to do. The first that fits counts.
KEYS = (
    (".menu.leave", "HS-311", "take a key that the menu leaves free, as 6"),
    (".silence_limit", "HS-312", "set it to 75 seconds or more; 180 is usual"),
)
SECTIONS = (
    (PREFIX, "HS-005", "correct the variable, or the file that it names"),
    ("reports.", "HS-140", "see [reports] in holdsvc.toml for what is possible"),
)
HERE = "correct it; holdsvc.toml as shipped shows every key with its default"


def read(path: Path | None, environ: Mapping[str, str]) -> Settings | tuple[Finding, ConfigError]:
    """The settings, or why there are none: told as a finding, and the error with which the service would refuse to start."""
    file = path or shipped("config") / "holdsvc.toml"
    try:
        tree = read_toml(file)
    except ConfigError as error:
        return finding("HS-001", str(error), "give a file that can be read with --config, or none"), error
    try:
        refuse_secrets(tree, file)
    except ConfigError as error:
        return finding(
            "HS-004", str(error), "take it out of the file, and give it a new value: it has been seen"
        ), error
    try:
        return load(path, environ)
    except ConfigError as error:
        return told(error), error


def told(error: ConfigError) -> Finding:
    for ending, code, fix in KEYS:
        if error.key.endswith(ending):
            return finding(code, str(error), fix)
    for beginning, code, fix in SECTIONS:
        if error.key.startswith(beginning):
            return finding(code, str(error), fix)
    if "there is no such key" in str(error):
        return finding("HS-002", str(error), HERE)
    if not error.key:  # a queue's own file
        return finding("HS-001", str(error), "correct that file")
    return finding("HS-003", str(error), HERE)
