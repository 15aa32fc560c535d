"""Who is told: takes what Alertmanager sends to its receivers, and remembers it by the outage that it belongs to."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from msgspec import Struct

from tests.faults.service import HOST


class Notice(Struct, frozen=True):
    """One message to one receiver. `alerts`: those that it says are firing, or are over."""

    outage: str
    receiver: str
    status: str
    alerts: tuple[str, ...]


class Pager:
    def __init__(self) -> None:
        self._news = threading.Condition()
        self._notices: list[Notice] = []

    def take(self, path: str, body: bytes) -> None:
        _, outage, receiver = unquote(path).split("/")
        said = json.loads(body)
        alerts = [one["labels"]["alertname"] for one in said["alerts"] if one["status"] == said["status"]]
        with self._news:
            self._notices.append(Notice(outage, receiver, said["status"], tuple(sorted(set(alerts)))))
            self._news.notify_all()

    def notices(self, outage: str, receiver: str) -> list[tuple[str, tuple[str, ...]]]:
        """In the order in which they came."""
        with self._news:
            some = [one for one in self._notices if (one.outage, one.receiver) == (outage, receiver)]
        return [(one.status, one.alerts) for one in some]

    def forget(self, outage: str) -> None:
        """It is lived through once more."""
        with self._news:
            self._notices = [one for one in self._notices if one.outage != outage]

    def wait_for(self, outage: str, receiver: str, status: str, alert: str, within: float) -> bool:
        def came() -> bool:
            return any(
                (one.outage, one.receiver, one.status) == (outage, receiver, status) and alert in one.alerts
                for one in self._notices
            )

        with self._news:
            return self._news.wait_for(came, within)


class Door:
    """An HTTP server that answers each request by its path and body. Closed, it refuses; opened again, it has the same address."""

    def __init__(self, answer: Callable[[str, bytes], bytes]) -> None:
        self._answer, self._port = answer, 0
        self._server: ThreadingHTTPServer | None = None

    @property
    def address(self) -> str:
        return f"{HOST}:{self._port}"

    def open(self) -> None:
        if self._server is not None:
            return
        self._server = ThreadingHTTPServer((HOST, self._port), handler(self._answer))
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def handler(answer: Callable[[str, bytes], bytes]) -> type[BaseHTTPRequestHandler]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answer(self.path, self.rfile.read(int(self.headers.get("Content-Length", 0))))
            with contextlib.suppress(OSError):  # whoever asked waits no longer
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *words: object) -> None:
            """Some scrapes a second are nothing to tell."""

    return Answer


@contextmanager
def a_door(answer: Callable[[str, bytes], bytes]) -> Iterator[Door]:
    door = Door(answer)
    door.open()
    try:
        yield door
    finally:
        door.close()


@contextmanager
def a_pager() -> Iterator[tuple[Pager, str]]:
    """And its address."""
    pager = Pager()

    def taken(path: str, body: bytes) -> bytes:
        pager.take(path, body)
        return b""

    with a_door(taken) as door:
        yield pager, f"http://{door.address}"
