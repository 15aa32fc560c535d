"""The direction of imports: read from the source, typing-only ones too, and held against the table of the design."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "holdsvc"

MAY = {
    "errors": set(),
    "clock": set(),
    "calls": {"errors"},
    "audio": {"errors"},
    "ports": {"calls", "audio", "errors"},
    "platforms": {"ports", "calls", "audio", "errors"},
    "content": {"ports", "calls", "audio", "errors"},
    "speech": {"ports", "calls", "audio", "errors"},
    "callers": {"ports", "calls", "errors"},
    "stores": {"ports", "calls", "errors"},
    "reports": {"ports", "calls", "errors"},
    "engine": {"ports", "calls", "audio", "clock", "errors"},
    # The web shows the core's values and hands on sound; it asks no clock of its own but the one it is given.
    "web": {"engine", "ports", "reports", "calls", "audio", "clock", "errors"},
    "simulator": {"audio.formats", "audio.g711", "errors"},
}
TOP = {"commands", "config", "settings", "running", "voices", "catalogue", "app", "cli", "__main__", "__init__"}
PLATFORM_NAMES = ("twilio", "telnyx", "vonage", "plivo", "signalwire", "jambonz", "bandwidth", "genesys", "asterisk")
MAY_NAME_PLATFORMS = ("platforms", "simulator", "catalogue.py")


def sources():
    return sorted(path for path in PACKAGE.rglob("*.py") if "shipped" not in path.parts)


def part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def ours(path: Path):
    return {name.removeprefix("holdsvc.") for name in imports(path) if name.startswith("holdsvc.")}


def allowed(here: str, target: str) -> bool:
    room = target.partition(".")[0]
    if here in TOP or room == here or room == "__version__":
        return True
    return any(target == may or target.startswith(f"{may}.") for may in MAY[here])


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_down_the_table(path):
    here = part(path)

    wrong = sorted(target for target in ours(path) if not allowed(here, target))

    assert not wrong, f"{path.name} may not import {wrong}"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_platform_is_named_only_where_it_lives(path):
    if str(path.relative_to(PACKAGE)).startswith(MAY_NAME_PLATFORMS):
        return

    text = path.read_text("utf-8").lower()

    assert not [name for name in PLATFORM_NAMES if name in text]


def test_no_platform_imports_another():
    for path in (PACKAGE / "platforms").glob("*.py"):
        others = {name for name in ours(path) if name.startswith("platforms.") and ".wires" not in name}
        own = path.stem.partition("_")[0]
        shared = ("heard",)
        assert not {name for name in others if name.split(".")[1].partition("_")[0] not in (own, *shared)}


def test_the_cores_import_nothing_that_waits_or_asks_the_machine():
    forbidden = {
        "asyncio",
        "time",
        "random",
        "os",
        "socket",
        "threading",
        "logging",
        "aiohttp",
        "subprocess",
        "secrets",
    }

    for room in ("calls", "audio"):
        for path in (PACKAGE / room).rglob("*.py"):
            assert not {name.partition(".")[0] for name in imports(path)} & forbidden, path
