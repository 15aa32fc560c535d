"""What a process that reads a stranger's bytes can still do: read and write what is open, take memory, end.

On Linux (x86_64, aarch64) the kernel refuses every system call that is not on a short list, and no privilege is needed
for it; elsewhere only the limits hold. `confinement` does not believe this: it has a process try.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from holdsvc.content import apart

# What Python, numpy and the libraries of the decoder ask for once all is loaded, and no more. Not a path among them,
# no descriptor that was not open, no other process: kill, tgkill, prlimit64, ioctl and fcntl are left out on purpose.
_ALLOWED = {
    "x86_64": {
        "read": 0,
        "write": 1,
        "close": 3,
        "fstat": 5,
        "lseek": 8,
        "munmap": 11,
        "brk": 12,
        "rt_sigaction": 13,
        "rt_sigprocmask": 14,
        "rt_sigreturn": 15,
        "sched_yield": 24,
        "mremap": 25,
        "madvise": 28,
        "getpid": 39,
        "exit": 60,
        "gettimeofday": 96,
        "getrusage": 98,
        "sigaltstack": 131,
        "gettid": 186,
        "futex": 202,
        "restart_syscall": 219,
        "clock_gettime": 228,
        "exit_group": 231,
        "getrandom": 318,
    },
    "aarch64": {
        "close": 57,
        "lseek": 62,
        "read": 63,
        "write": 64,
        "fstat": 80,
        "exit": 93,
        "exit_group": 94,
        "futex": 98,
        "clock_gettime": 113,
        "sched_yield": 124,
        "restart_syscall": 128,
        "sigaltstack": 132,
        "rt_sigaction": 134,
        "rt_sigprocmask": 135,
        "rt_sigreturn": 139,
        "getrusage": 165,
        "gettimeofday": 169,
        "getpid": 172,
        "gettid": 178,
        "brk": 214,
        "munmap": 215,
        "mremap": 216,
        "madvise": 233,
        "getrandom": 278,
    },
}
_NOT_EXECUTABLE = {"x86_64": (9, 10), "aarch64": (222, 226)}  # mmap, mprotect: memory, but none that can be run
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06  # of the kernel's packet filter: ld, jeq, jset, ret
_PASS, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
_NUMBER, _ARCH, _THIRD = 0, 4, 32  # offsets in struct seccomp_data; the third argument's lower half
_PROT_EXEC = 4
_NO_NEW_PRIVS, _SET_FILTER, _ALL_THREADS = 38, 1, 1
_NEW_NETWORK, _NEW_USER = 0x40000000, 0x10000000
_TRY_SECONDS = 20.0


class Confinement(msgspec.Struct, frozen=True):
    """What a process that has been shut could do on this machine, tried out."""

    filter: bool = False  # the kernel took the list
    network: bool = False  # it has a network of its own, with nobody in it
    doors: tuple[str, ...] = ()  # what was not refused

    def __str__(self) -> str:
        held = [
            "system call filter" if self.filter else "no system call filter",
            "network of its own" if self.network else "no network of its own",
        ]
        return ", ".join(held) + (f"; could still {', '.join(self.doors)}" if self.doors else "; tried, and held")


def bound(memory: int, cpu: int) -> None:
    """Bytes of address space and seconds, from now on; no byte into a file, no core."""
    if sys.platform == "win32":
        return
    import resource

    _limit(resource.RLIMIT_AS, memory, memory)
    _limit(resource.RLIMIT_CPU, cpu, cpu + 1)
    _limit(resource.RLIMIT_FSIZE, 0, 0)
    _limit(resource.RLIMIT_CORE, 0, 0)


def _limit(which: int, soft: int, hard: int) -> None:
    """Or what was allowed before, where that is less: a limit cannot be raised again."""
    if sys.platform == "win32":
        return
    import resource

    allowed = resource.getrlimit(which)[1]
    if allowed != resource.RLIM_INFINITY:
        soft, hard = min(soft, allowed), min(hard, allowed)
    try:
        resource.setrlimit(which, (soft, hard))
    except (ValueError, OSError):
        if sys.platform == "linux":
            raise  # other systems know names of limits that they do not keep


def shut() -> Confinement:
    """Call it with everything loaded, before a foreign byte is read. What could be had is said, not insisted on."""
    if sys.platform == "win32":
        return Confinement()
    import resource

    _limit(resource.RLIMIT_NOFILE, 0, 0)
    _limit(resource.RLIMIT_NPROC, 0, 0)
    if sys.platform != "linux":
        return Confinement()
    libc = ctypes.CDLL(None)
    return Confinement(network=_leave_network(libc), filter=_filter(libc, platform.machine()))


def confinement() -> Confinement:
    """Have a process shut itself and try the doors. Takes about a tenth of a second."""
    try:
        with tempfile.TemporaryDirectory() as scratch:
            child = subprocess.run(  # noqa: S603 - our own interpreter
                apart.command("holdsvc.content.confine", scratch),
                capture_output=True,
                env=apart.environment(),
                timeout=_TRY_SECONDS,
                check=False,
            )
        return msgspec.json.decode(child.stdout, type=Confinement)
    except (OSError, subprocess.TimeoutExpired, msgspec.DecodeError):
        return Confinement(doors=("do anything, for all that could be tried",))


def program(machine: str) -> bytes:
    """The filter, as the kernel's array of instructions. KeyError for a machine whose numbers are not known."""
    return b"".join(struct.pack("=HBBI", *step) for step in _steps(machine))


def _steps(machine: str) -> Iterator[tuple[int, int, int, int]]:
    """Code, steps to pass over if true and if false, operand."""
    yield _LOAD, 0, 0, _ARCH
    yield _EQUAL, 1, 0, _AUDIT_ARCH[machine]
    yield _RETURN, 0, 0, _KILL  # another instruction set counts its calls otherwise
    yield _LOAD, 0, 0, _NUMBER
    for number in _ALLOWED[machine].values():
        yield _EQUAL, 0, 1, number
        yield _RETURN, 0, 0, _PASS
    for number in _NOT_EXECUTABLE[machine]:
        yield _EQUAL, 0, 4, number
        yield _LOAD, 0, 0, _THIRD
        yield _ANY_BIT, 1, 0, _PROT_EXEC
        yield _RETURN, 0, 0, _PASS
        yield _RETURN, 0, 0, _REFUSE
    yield _RETURN, 0, 0, _REFUSE


def _filter(libc: ctypes.CDLL, machine: str) -> bool:
    if machine not in _ALLOWED or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))

    steps = program(machine)
    words = Program(len(steps) // 8, steps)
    nothing = ctypes.c_ulong(0)
    if libc.prctl(_NO_NEW_PRIVS, ctypes.c_ulong(1), nothing, nothing, nothing) != 0:
        return False
    number, mode, flags = (ctypes.c_long(value) for value in (_SECCOMP[machine], _SET_FILTER, _ALL_THREADS))
    return bool(libc.syscall(number, mode, flags, ctypes.byref(words)) == 0)


def _leave_network(libc: ctypes.CDLL) -> bool:
    """As root at once, else by way of a user namespace where the system lets everybody have one."""
    return any(libc.unshare(flags) == 0 for flags in (_NEW_NETWORK, _NEW_USER | _NEW_NETWORK))


# --- a process that tries the doors -----------------------------------------------------------------------------------


def doors(scratch: Path) -> dict[str, Callable[[], object]]:
    """What a shut process must not manage. Each raises OSError if refused; nobody comes to harm if not."""
    return {
        "open a socket": socket.socket,
        "read a file": lambda: os.open(os.devnull, os.O_RDONLY),
        "write a file": lambda: os.open(scratch / "written", os.O_WRONLY | os.O_CREAT, 0o600),
        "make a folder": (scratch / "made").mkdir,
        "rename a file": lambda: os.rename(scratch / "nothing", scratch / "something"),
        "start a process": _fork,
        "become a program": lambda: os.execv(scratch / "nothing", ["nothing"]),  # noqa: S606 - it is not there
        "signal a process": lambda: os.kill(os.getppid(), 0),
        "run what it wrote": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
    }


def tried(scratch: Path) -> tuple[str, ...]:
    """The doors that were open."""
    return tuple(name for name, attempt in doors(scratch).items() if _opens(attempt))


def _opens(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except FileNotFoundError:  # it was looked for, so it was not refused
        return True
    except OSError:
        return False
    return True


def _fork() -> None:
    if not (child := os.fork()):
        os._exit(0)
    os.waitpid(child, 0)


def main(arguments: list[str]) -> int:
    held = shut()
    found = msgspec.structs.replace(held, doors=tried(Path(arguments[0])))
    sys.stdout.buffer.write(msgspec.json.encode(found))
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
