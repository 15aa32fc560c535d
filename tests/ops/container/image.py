"""The Dockerfile as it stands, built without an engine: buildah, on a base that debootstrap makes of Debian's packages.

The base bears the name that the Dockerfile's FROM asks for. It has Debian's Python in the place of the official image's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from tests.ops.test_dashboards import ROOT

PROGRAMS = ("buildah", "debootstrap", "runc")  # each comes with the Debian package of its name
PYTHON = "python3,python3-venv,python3-pip,ca-certificates"
CERTIFICATES = "/etc/ssl/certs"  # of the machine: its network may have an authority of its own, which pip has to know
TAG = "holdsvc:tried"


class Image(Struct, frozen=True):
    root: Path  # its files, mounted
    config: Mapping[str, Any]  # what the Dockerfile said of user, variables and command
    seconds: float
    ours: int  # bytes that the Dockerfile adds
    whole: int


def install() -> None:
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if not missing:
        return
    print(f"installing {', '.join(missing)} by apt-get", flush=True)
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", "-qq")
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, env=environ)


def run(*words: str, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise SystemExit(
            f"{' '.join(words[:6])} failed ({done.returncode}):\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
        )
    return done.stdout


def base_name() -> str:
    """Of all FROM lines, which name one image."""
    (name,) = set(re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE))
    return name


def base(kept: Path, scratch: Path) -> Path:
    """A tar of the base's files, made once."""
    if kept.is_file():
        print(f"base: {kept}", flush=True)
        return kept
    suite = base_name().rpartition("-")[2]
    print(f"making the base, Debian {suite}, by debootstrap; it is kept in {kept}", flush=True)
    run("debootstrap", "--variant=minbase", f"--include={PYTHON}", suite, str(scratch / "rootfs"))
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(scratch / "base.tar", "w") as tar:
        tar.add(scratch / "rootfs", "")
    shutil.move(scratch / "base.tar", kept)
    shutil.rmtree(scratch / "rootfs")
    return kept


class Builder:
    """With a store of its own, which goes away with `folder`."""

    def __init__(self, folder: Path) -> None:
        self._at = ("--root", str(folder / "store"), "--runroot", str(folder / "run"))

    def buildah(self, command: str, *words: str) -> str:
        return run("buildah", *self._at, command, *words).strip()

    def build(self, tar: Path) -> Image:
        name = self.buildah("from", "scratch")
        self.buildah("add", "-q", name, str(tar), "/")
        self.buildah("run", "--isolation", "chroot", name, "--", "ln", "-sf", "python3", "/usr/bin/python")
        self.buildah("commit", "-q", name, base_name())
        began = time.monotonic()
        words = ("--isolation", "chroot", "--pull-never", "--format", "docker")
        mounted = ("--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro")
        self.buildah("bud", *words, *mounted, "-t", TAG, str(ROOT))
        seconds = time.monotonic() - began
        found = json.loads(self.buildah("inspect", "--type", "image", TAG))
        root = Path(self.buildah("mount", self.buildah("from", "--pull-never", TAG)))
        before = Path(self.buildah("mount", name))
        return Image(root, found["Docker"]["config"], seconds, size(root) - size(before), size(root))

    def close(self) -> None:
        self.buildah("rm", "--all")
        self.buildah("rmi", "--all", "--force")


def size(folder: Path) -> int:
    return int(run("du", "-s", "-x", "-B1", str(folder)).split()[0])


def traces(image: Image, words: Sequence[str]) -> list[str]:
    """Files in which one of the words stands, that are the machine's and not the image's."""
    if not words:
        return []
    asked = [part for word in words for part in ("-e", word)]
    places = [
        str(image.root / place) for place in ("opt", "etc", "root", "var/lib/holdsvc") if (image.root / place).exists()
    ]
    done = subprocess.run(["grep", "-rlIF", *asked, *places], capture_output=True, text=True, check=False)
    return done.stdout.split()
