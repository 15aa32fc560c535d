"""Run by wheel.sh in a bare venv: start the installed service, place a signed call, fetch what it plays, measure."""

import base64
import hashlib
import hmac
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from xml.etree import ElementTree

TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
READY_WITHIN = 2.0  # seconds with an empty data folder
MOST_MEMORY = 150.0  # MB resident
MOST_HELP = 0.4  # seconds


def main(command: str, data: str) -> None:
    help_took = min(timed([command, "--help"]) for _ in range(5))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    environ = {**os.environ, "HOLDSVC_PLATFORMS__TWILIO__AUTH_TOKEN": TOKEN, "HOLDSVC_SERVICE__DATA_DIR": data}
    began = time.monotonic()
    service = subprocess.Popen([command, "serve", "--port", str(port)], env=environ)
    try:
        ready = until_ready(base) - began
        seconds, loud = one_call(base)
        memory = resident(service.pid)
    finally:
        service.terminate()
        code = service.wait(15)
    print(
        f"help {help_took:.2f} s, ready {ready:.2f} s, resident {memory:.0f} MB, first segment {seconds:.1f} s, {loud} % sound"
    )
    assert help_took < MOST_HELP, help_took
    assert ready < READY_WITHIN, ready
    assert memory < MOST_MEMORY, memory
    assert seconds == 10
    assert loud > 50
    assert code == 0, code


def timed(words: list[str]) -> float:
    began = time.monotonic()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def until_ready(base: str) -> float:
    for _ in range(1000):
        try:
            if urllib.request.urlopen(f"{base}/readyz", timeout=1).status == 200:
                return time.monotonic()
        except OSError:
            time.sleep(0.01)
    raise SystemExit("the service did not become ready")


def one_call(base: str) -> tuple[float, int]:
    """A caller is queued and waits: the first sound of the wait document, its seconds and how much of it is not silence."""
    fields = {"CallSid": "CA" + "1" * 32, "From": "+15005550123", "To": "+15005550100", "CallStatus": "ringing"}
    door = post(f"{base}/hooks/twilio/call?queue=support", base, fields)
    enqueue = door.find("Enqueue")
    assert enqueue is not None
    waiting = post(absolute(base, enqueue.attrib["waitUrl"]), base, {**fields, "QueueTime": "0", "QueuePosition": "1"})
    play = waiting.find(".//Play")
    assert play is not None
    sound = urllib.request.urlopen(absolute(base, play.text or ""), timeout=5).read()
    assert sound[:4] == b"RIFF"
    samples = sound[58:]
    quiet = sum(samples.count(code) for code in (0xFF, 0x7F, 0xFE, 0x7E))
    return len(samples) / 8000, round(100 * (1 - quiet / len(samples)))


def absolute(base: str, url: str) -> str:
    return urllib.parse.urljoin(base, url)


def post(url: str, base: str, fields: dict[str, str]) -> ElementTree.Element:
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    signature = base64.b64encode(hmac.digest(TOKEN.encode(), signed.encode(), hashlib.sha1)).decode()
    body = urllib.parse.urlencode(fields).encode()
    request = urllib.request.Request(url, body, {"X-Twilio-Signature": signature})
    return ElementTree.fromstring(urllib.request.urlopen(request, timeout=5).read())


def resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
