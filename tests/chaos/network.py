"""Machines in network namespaces: two networks between them, one of which can be cut.

On one they know each other (Redis, Sentinels, and the replicas that ask them); by the other the test, the balancer and the platform
reach each machine at all times. A machine that is cut off hears nothing and is told nothing: no connection is closed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from itertools import count

from tests.stores.redis_group import Spot

THEIRS = "10.214.0"  # the network that can be cut: in the namespaces alone
OURS = "10.213"
numbers = count(os.getpid() * 7 % 250)


class Refused(RuntimeError):
    """This system gives us no network namespaces."""


class Network:
    def __init__(self, machines: int) -> None:
        number = next(numbers) % 250
        self._prefix, self._ours = f"hs{os.getpid() % 100000}x{number}", f"{OURS}.{number}"
        self.switch = f"{self._prefix}s"
        self.machines = [f"{self._prefix}m{n}" for n in range(machines)]

    def start(self) -> None:
        """Raise `Refused`."""
        self._name(self.switch)
        ip("-n", self.switch, "link", "add", "bridge", "type", "bridge")
        ip("-n", self.switch, "link", "set", "bridge", "up")
        for n, machine in enumerate(self.machines):
            self._name(machine)
            ip("-n", machine, "link", "set", "lo", "up")
            ip("-n", machine, "link", "add", "theirs", "type", "veth", "peer", "name", f"port{n}", "netns", self.switch)
            ip("-n", machine, "address", "add", f"{self.theirs(n)}/24", "dev", "theirs")
            ip("-n", machine, "link", "set", "theirs", "up")
            ip("-n", self.switch, "link", "set", f"port{n}", "master", "bridge", "up")
            ours = f"{self._prefix}u{n}"
            ip("link", "add", ours, "type", "veth", "peer", "name", "ours", "netns", machine)
            ip("address", "add", f"{self._ours}.{4 * n + 1}/30", "dev", ours)
            ip("link", "set", ours, "up")
            ip("-n", machine, "address", "add", f"{self.ours(n)}/30", "dev", "ours")
            ip("-n", machine, "link", "set", "ours", "up")

    def stop(self) -> None:
        for name in (*self.machines, self.switch):
            with contextlib.suppress(Refused):
                ip("netns", "delete", name)

    def cut(self, machine: int) -> None:
        ip("-n", self.switch, "link", "set", f"port{machine}", "nomaster")

    def mend(self, machine: int) -> None:
        ip("-n", self.switch, "link", "set", f"port{machine}", "master", "bridge")

    def theirs(self, machine: int) -> str:
        return f"{THEIRS}.{machine + 1}"

    def ours(self, machine: int) -> str:
        return f"{self._ours}.{4 * machine + 2}"

    def spots(self) -> Sequence[Spot]:
        return [
            Spot(self.theirs(n), self.ours(n), (program(), "netns", "exec", name))
            for n, name in enumerate(self.machines)
        ]

    def _name(self, name: str) -> None:
        ip("netns", "add", name)


@contextlib.contextmanager
def network(machines: int) -> Iterator[Network]:
    one = Network(machines)
    try:
        one.start()
        yield one
    finally:
        one.stop()


def program() -> str:
    found = shutil.which("ip", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None:
        raise Refused("there is no program ip: install the package iproute2")
    return found


def ip(*words: str) -> None:
    done = subprocess.run([program(), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"ip {' '.join(words)}: {done.stderr.strip()}")
