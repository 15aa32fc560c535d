"""Kept before answered, as the kernel saw it: a webhook that opens or closes a wait is answered when its record is on the disk."""

import os
import shutil
import threading
from http.client import HTTPConnection
from urllib.parse import urlencode

import pytest

from holdsvc.simulator.signing import HEADER, sign
from tests.faults.service import HOST, TOKEN, Service
from tests.faults.trace import CALLS, LONGEST, Told, judge, steps

CALLERS = 50  # each opens a wait and closes it: 100 webhooks


@pytest.fixture(autouse=True)
def _strace():
    if shutil.which("strace") is None:
        assert os.environ.get("CI") != "true", "strace is missing: apt-get install strace"
        pytest.skip("strace is missing: apt-get install strace")


def hook(line, service, step, call, **fields):
    path = f"/hooks/twilio/{step}?queue=support"
    told = {"CallSid": call, "From": "+15005550122", "CallStatus": "in-progress", **fields}
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        HEADER: sign(TOKEN, service.base + path, told.items()),
    }
    line.request("POST", path, urlencode(told), headers)
    answer = line.getresponse()
    assert (answer.status, b"<Response" in answer.read()) == (200, True)


def wait_and_leave(service, calls):
    line = HTTPConnection(HOST, service.port, timeout=30)
    for call in calls:
        hook(line, service, "wait", call, QueueTime="0", QueuePosition="1")
        hook(line, service, "left", call, QueueTime="1", QueueResult="hangup")
    line.close()


def traced(folder, at_once, **settings) -> Told:
    """The whole service under strace while callers come and go, so many at once."""
    trace = folder / "trace"
    strace = ("strace", "-f", "-y", "-s", str(LONGEST), "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(trace))
    service = Service(folder, before=strace, **settings)
    calls = [f"CA{number:032x}" for number in range(CALLERS)]
    service.start()
    try:
        service.wait_until_ready()
        lines = [
            threading.Thread(target=wait_and_leave, args=(service, calls[first::at_once])) for first in range(at_once)
        ]
        for line in lines:
            line.start()
        for line in lines:
            line.join()
    finally:
        service.stop()
    with trace.open(errors="replace") as story:
        return judge(steps(story))


@pytest.mark.parametrize("at_once", [1, 10])
def test_a_flush_of_its_record_precedes_each_answer(tmp_path, at_once):
    told = traced(tmp_path, at_once)

    assert told.early == ()
    assert len(told.durable) == 2 * CALLERS


def test_without_full_synchronisation_the_same_check_fails(tmp_path):
    told = traced(tmp_path, 1, STORE__SYNCHRONOUS="NORMAL")

    assert told.durable == ()
    assert len(told.early) == 2 * CALLERS


def test_a_flush_that_began_before_the_record_was_written_does_not_count():
    story = [
        '7 read(9<socket:[1]>, "POST /hooks/twilio/wait HTTP/1.1\\r\\n\\r\\nCallSid=CA1", 65536) = 60',
        "8 fdatasync(5<x-wal> <unfinished ...>",
        '7 pwrite64(5<x-wal>, "..CA1..", 4096, 56) = 4096',
        '7 write(9<socket:[1]>, "HTTP/1.1 200 OK\\r\\n", 17 <unfinished ...>',
        "8 <... fdatasync resumed>)         = 0",
        "7 <... write resumed>) = 17",
    ]

    assert judge(steps(story)) == Told(durable=(), early=("CA1",))
