"""The README and what it speaks of are the same."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from holdsvc import catalogue
from holdsvc.calls.menu import SHIPPED
from holdsvc.cli import parser
from holdsvc.config import DirectorySettings, Settings
from holdsvc.engine.plans import QueueRules

TOP = Path(__file__).parent.parent
README = (TOP / "README.md").read_text("utf-8")


def keys():
    for section in msgspec.structs.fields(Settings):
        if isinstance(section.type, type) and issubclass(section.type, msgspec.Struct):
            yield from (f"`{section.name}.{one.name}`" for one in msgspec.structs.fields(section.type))
    yield from (f"`{one.name}`" for one in msgspec.structs.fields(QueueRules))
    yield from (f"`{one.name}`" for one in msgspec.structs.fields(DirectorySettings))


@pytest.mark.parametrize("key", sorted(set(keys())))
def test_every_setting_stands_in_the_readme(key):
    assert key in README


def test_the_table_of_platforms_says_what_they_can():
    for name, make in catalogue.PLATFORMS.items():
        can = make({}, (), False).can
        row = next(line for line in README.splitlines() if line.lower().startswith(f"| {name} "))
        assert can.documents == ("documents" in row)
        assert can.stream == ("stream" in row)
        assert can.keypad == ("| yes |" in row)


def test_the_table_of_keys_is_the_menu():
    for choice in SHIPPED:
        if choice.digit:
            assert re.search(rf"^\| .*{re.escape(choice.digit)}.*\|", README, re.MULTILINE), choice.id


def test_every_command_that_it_names_exists():
    known = set(parser()._subparsers._group_actions[0].choices)

    assert (
        set(re.findall(r"`?holdsvc ([a-z]+)\b(?! is| what)", README)) & {"demo", "serve", "check", "simulate"} <= known
    )
    for command in re.findall(r"`holdsvc ([a-z]+)", README):
        assert command in known, command


def test_the_files_that_it_names_exist():
    for name in re.findall(r"(?:`|\()((?:docs|media|config)/[\w./-]+\.\w+)(?:`|\))", README):
        assert (TOP / name).exists() or "NAME" in name, name


def test_the_core_install_is_small():
    project = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["project"]

    assert len(project["dependencies"]) <= 12
    assert {"postgres", "voice", "dev"} <= set(project["optional-dependencies"])


def test_the_top_level_is_what_convention_expects():
    allowed = {
        "pyproject.toml",
        "README.md",
        "Dockerfile",
        "holdsvc",
        "media",
        "config",
        "tests",
        "LICENSE",
        "CHANGELOG.md",
        "docs",
    }
    made = {"build", "dist", "htmlcov", "node_modules", "venv"}

    found = {
        path.name for path in TOP.iterdir() if not path.name.startswith(".") and not path.name.endswith(".egg-info")
    }

    assert found - made <= allowed
