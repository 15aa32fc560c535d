"""What is refused is tried by real processes, each beside one that was not shut: there the same attempt must succeed."""

import os
import platform
import resource
import socket
import subprocess
import sys

import pytest

from holdsvc.content import apart, confine
from holdsvc.content.confine import Confinement, confinement

FILTERED = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64")
only_filtered = pytest.mark.skipif(not FILTERED, reason="no filter is written for this system")

TRY = """
import sys
from pathlib import Path
from holdsvc.content import confine
{first}
for door in confine.tried(Path(sys.argv[1])):
    print(door)
"""
LIMITS_ALONE = """
import resource
confine.bound(2 << 30, 20)
resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
"""
DECODER = """
from holdsvc.content import decoder
confine.bound(2 << 30, 20)
decoder._rehearse()
confine.shut()
"""


def run(program, *words):
    return subprocess.run(
        [sys.executable, "-P", "-s", "-c", program, *map(str, words)],
        env=apart.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )


def opened(first, scratch):
    child = run(TRY.format(first=first), scratch)
    assert child.returncode == 0, child.stderr
    return set(child.stdout.splitlines())


def test_every_door_is_open_to_who_is_not_shut(tmp_path):
    assert opened("", tmp_path) == set(confine.doors(tmp_path))
    assert {file.name for file in tmp_path.iterdir()} == {"written", "made"}


@only_filtered
def test_every_door_is_closed_to_the_decoder_and_nothing_was_written(tmp_path):
    assert opened(DECODER, tmp_path) == set()
    assert not list(tmp_path.iterdir())


@only_filtered
def test_the_limits_alone_leave_doors_open_that_the_filter_closes(tmp_path):
    assert "make a folder" in opened(LIMITS_ALONE, tmp_path)


@only_filtered
def test_the_filter_alone_refuses_every_door(tmp_path):
    """Without the limits and without the network namespace, so that each is known to hold for itself."""
    alone = "import ctypes, platform\nassert confine._filter(ctypes.CDLL(None), platform.machine())"

    assert opened(alone, tmp_path) == set()


@only_filtered
def test_a_thread_that_was_there_before_is_shut_as_well():
    child = run("""
import socket, threading
from holdsvc.content import confine
shut, said = threading.Event(), []
def other():
    shut.wait()
    try:
        socket.socket()
    except OSError as error:
        said.append(type(error).__name__)
thread = threading.Thread(target=other)
thread.start()
confine.shut()
shut.set()
thread.join()
print(*said)
""")

    assert child.stdout.strip() in ("PermissionError", "OSError"), child.stderr


@only_filtered
def test_a_listener_beside_it_is_not_reached_by_a_shut_process_and_is_by_another():
    reach = "import socket, sys\nfrom holdsvc.content import confine\n{}\nsocket.create_connection(('127.0.0.1', int(sys.argv[1])))"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        listener.settimeout(5)

        free = run(reach.format(""), port)
        listener.accept()[0].close()
        shut = run(reach.format("confine.shut()"), port)

        listener.settimeout(0.2)
        with pytest.raises(TimeoutError):
            listener.accept()
    assert free.returncode == 0, free.stderr
    assert "Error" in shut.stderr


@only_filtered
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give its rights away")
def test_no_privilege_is_needed():
    """As nobody, who may set up no network of its own on many systems, the filter still holds."""
    child = run("""
import os
from holdsvc.content import confine
import resource
os.setgid(65534); os.setuid(65534)
held = confine.shut()
print(held.filter)
""")

    assert child.stdout.strip() == "True", child.stderr


@only_filtered
def test_what_was_tried_here_is_told():
    told = confinement()

    assert told.filter
    assert told.doors == ()
    assert "tried, and held" in str(told)


def test_a_machine_without_a_filter_says_which_doors_are_open():
    said = str(Confinement(doors=("open a socket", "signal a process")))

    assert said == "no system call filter, no network of its own; could still open a socket, signal a process"


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_fits_the_kernels_rules(machine):
    steps = [confine.program(machine)[i : i + 8] for i in range(0, len(confine.program(machine)), 8)]

    assert len(steps) < 4096
    assert steps[-1][0] == 0x06, "it ends with an answer"
    for place, step in enumerate(steps):
        if step[0] & 7 == 5:  # a jump
            assert place + 1 + max(step[2], step[3]) < len(steps)


@pytest.mark.parametrize(
    ("machine", "refused"),
    [
        ("x86_64", {"socket": 41, "connect": 42, "open": 2, "openat": 257, "execve": 59, "fork": 57, "ptrace": 101}),
        ("x86_64", {"clone": 56, "clone3": 435, "kill": 62, "tgkill": 234, "ioctl": 16, "unlink": 87, "x32": 1 << 30}),
        ("aarch64", {"socket": 198, "connect": 203, "openat": 56, "execve": 221, "clone": 220, "ptrace": 117}),
        ("aarch64", {"clone3": 435, "kill": 129, "tgkill": 131, "ioctl": 29, "unlinkat": 35, "io_uring": 425}),
    ],
)
def test_the_program_answers_as_the_table_says(machine, refused):
    """The instructions are run here by a small reading of them, so that the other machine's are tested as well."""
    for number in confine._ALLOWED[machine].values():
        assert answer(machine, number) == "pass"
    for number in confine._NOT_EXECUTABLE[machine]:
        assert answer(machine, number, third=3) == "pass"
        assert answer(machine, number, third=7) == "refuse"
    for name, number in refused.items():
        assert answer(machine, number) == "refuse", name
    assert answer(machine, 0, arch=0x40000003) == "kill"


def answer(machine, number, third=0, arch=None):
    seen = {0: number, 4: arch or confine._AUDIT_ARCH[machine], 32: third}
    steps, place, loaded = list(confine._steps(machine)), 0, 0
    while True:
        code, true, false, operand = steps[place]
        place += 1
        match code:
            case 0x20:
                loaded = seen[operand]
            case 0x15:
                place += true if loaded == operand else false
            case 0x45:
                place += true if loaded & operand else false
            case 0x06:
                return {0x7FFF0000: "pass", 0x00050001: "refuse", 0x80000000: "kill"}[operand]


def test_the_limits_are_what_was_asked_for():
    child = run(
        "import resource\nfrom holdsvc.content import confine\nconfine.bound(1 << 30, 7)\n"
        "print(*(resource.getrlimit(w)[0] for w in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE)))"
    )

    assert child.stdout.split() == [str(1 << 30), "7", "0"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 0, "the limits are the child's alone"


def test_a_stricter_limit_that_was_there_before_stays():
    child = run(
        "import resource\nfrom holdsvc.content import confine\nresource.setrlimit(resource.RLIMIT_CPU, (5, 5))\n"
        "confine.bound(1 << 30, 7)\nprint(*resource.getrlimit(resource.RLIMIT_CPU))"
    )

    assert child.stdout.split() == ["5", "5"], child.stderr
