"""What the Deployment says of its pods, done by runc: nobody's user, no capability, nothing to write on but the volumes.

RuntimeDefault is the profile that Debian ships for its engines, made as strict as containerd's where that one allows more.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.ops.cluster import Thing
from tests.ops.container.image import Image

PROFILE = Path("/usr/share/containers/seccomp.json")
NAMESPACES = 0x7E020000  # flags of clone that ask for namespaces
REFUSED = {"unshare", "setns", "clone", "clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"}
ARCHITECTURES = {"x86_64": ("amd64", "SCMP_ARCH_X86_64"), "aarch64": ("arm64", "SCMP_ARCH_AARCH64")}
GONE_WITHIN = 60.0  # seconds

Mount = tuple[Path, str, bool]  # ours, in the container, read-only


class Pod:
    def __init__(self, image: Image, folder: Path, name: str, rules: Thing, port: int) -> None:
        """`rules`: the pod's specification in the Deployment, of which what is said on rights is taken."""
        self.name, self.port, self.base = name, port, f"http://127.0.0.1:{port}"
        self._image, self._rules, self._folder = image, rules, folder
        self._states = folder / "states"
        self._bundle = folder / name
        self._bundle.mkdir(parents=True)
        self.log_file = self._bundle / "log"

    def start(self, words: Sequence[str], variables: Mapping[str, str], mounts: Sequence[Mount]) -> None:
        spec = self._spec([*self._image.config["Entrypoint"], *words], variables, mounts)
        (self._bundle / "config.json").write_text(json.dumps(spec), "utf-8")
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [*self._runc(), "run", "--bundle", str(self._bundle), self.name],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def inside(self, *words: str) -> str:
        """A command in the container, as probes and preStop are."""
        done = subprocess.run([*self._runc(), "exec", self.name, *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"in the container {words[0]} failed ({done.returncode}): {done.stdout}{done.stderr}")
        return done.stdout

    def terminate(self) -> None:
        subprocess.run([*self._runc(), "kill", self.name, "TERM"], check=True)

    def gone(self) -> int:
        """Its exit code, once it has ended."""
        return self._process.wait(GONE_WITHIN)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def clear(self) -> None:
        """Whatever became of it."""
        subprocess.run([*self._runc(), "delete", "--force", self.name], capture_output=True, check=False)

    def told(self, event: str) -> Mapping[str, Any]:
        """The last line of its log that tells this."""
        lines = [json.loads(one) for one in self.log_file.read_text("utf-8").splitlines() if one.startswith("{")]
        return [one for one in lines if event in one.values()][-1]

    def _runc(self) -> list[str]:
        return ["runc", "--root", str(self._states)]

    def _spec(self, words: Sequence[str], variables: Mapping[str, str], mounts: Sequence[Mount]) -> dict[str, Any]:
        subprocess.run(["runc", "spec", "--bundle", str(self._bundle)], check=True)
        spec: dict[str, Any] = json.loads((self._bundle / "config.json").read_text("utf-8"))
        whole, (one,) = self._rules["securityContext"], self._rules["containers"]
        rights = one["securityContext"]
        assert rights["capabilities"] == {"drop": ["ALL"]}
        assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
        user = {"uid": whole["runAsUser"], "gid": whole["runAsGroup"], "additionalGids": [whole["fsGroup"]]}
        spec["root"] = {"path": str(self._image.root), "readonly": rights["readOnlyRootFilesystem"]}
        spec["process"] = {
            "terminal": False,
            "user": user,
            "args": list(words),
            "env": [*self._image.config["Env"], *(f"{name}={value}" for name, value in variables.items())],
            "cwd": "/",
            "capabilities": {},
            "noNewPrivileges": not rights["allowPrivilegeEscalation"],
        }
        spec["mounts"] += [bound(*mount) for mount in mounts]
        linux = spec["linux"]
        linux["namespaces"] = [
            kind for kind in linux["namespaces"] if kind["type"] != "network"
        ]  # loopback is the machine's
        linux["seccomp"] = profile()
        return spec


def bound(source: Path, destination: str, read_only: bool) -> dict[str, Any]:
    options = ["rbind", "nosuid", "nodev", "ro" if read_only else "rw"]
    return {"destination": destination, "type": "bind", "source": str(source), "options": options}


def profile() -> dict[str, Any]:
    """Docker's way of writing it, as the runtime wants it for a container without capabilities."""
    given = json.loads(PROFILE.read_text("utf-8"))
    ours, architecture = ARCHITECTURES[os.uname().machine]
    rules = []
    for rule in given["syscalls"]:
        needs, unless = rule.get("includes") or {}, rule.get("excludes") or {}
        if needs.get("caps") or ours not in needs.get("arches", [ours]) or ours in unless.get("arches", []):
            continue
        names = [name for name in rule["names"] if rule["action"] != "SCMP_ACT_ALLOW" or name not in REFUSED]
        if names:
            kept = {key: rule[key] for key in ("action", "errnoRet") if rule.get(key) is not None}
            rules.append({**kept, "names": names, "args": rule.get("args") or []})
    no_namespaces = {"index": 0, "value": NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
    rules.append({"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [no_namespaces]})
    default = {key: given[key] for key in ("defaultAction", "defaultErrnoRet") if key in given}
    return {**default, "architectures": [architecture], "syscalls": rules}


def until(holds: object, seconds: float, what: str) -> float:
    """How long it took."""
    began = time.monotonic()
    while not (callable(holds) and holds()):
        if time.monotonic() - began > seconds:
            raise SystemExit(f"{what}: not within {seconds:g} s")
        time.sleep(0.005)
    return time.monotonic() - began
