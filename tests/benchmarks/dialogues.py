"""Calls as a phone platform tells them: signed forms of about thirty fields, written before the clock starts."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from itertools import count
from urllib.parse import quote_plus

from msgspec import Struct

from holdsvc.simulator.signing import HEADER, sign
from tests.faults.service import HOST, TOKEN, Service

AT_ONCE = 8  # calls that a connection has open side by side
STEPS = ("call", "wait", "input", "left")
MUST_SAY = {"call": b"<Enqueue", "wait": b"<Gather", "input": b"<Gather", "left": b"<Response"}
PLACES = {
    "City": "SPRINGFIELD",
    "State": "IL",
    "Zip": "62701",
    "Country": "US",
}
STANDARD = {
    "AccountSid": "AC" + "0" * 32,
    "To": "+15005550100",
    "Called": "+15005550100",
    "ApiVersion": "2010-04-01",
    "Direction": "inbound",
    "CallStatus": "in-progress",
    "StirVerstat": "TN-Validation-Passed-A",
    **{f"{who}{what}": value for who in ("From", "To", "Caller", "Called") for what, value in PLACES.items()},
}
IN_QUEUE = {
    "QueueSid": "QU" + "0" * 32,
    "QueuePosition": "3",
    "CurrentQueueSize": "12",
    "AvgQueueTime": "95",
    "MaxQueueSize": "1000",
}
MORE = {
    "call": {},
    "wait": {**IN_QUEUE, "QueueTime": "0"},
    "input": {"Digits": "1", "msg": "Gather End", "FinishedOnKey": ""},
    "left": {"QueueSid": "QU" + "0" * 32, "QueueResult": "hangup", "QueueTime": "1"},
}


class Request(Struct, frozen=True):
    wire: bytes  # everything that goes out
    must_say: bytes  # what a right answer has in it


class Writer:
    """Writes for one service. Its links are learnt from one call that is really made, so that ours are as long."""

    def __init__(self, service: Service) -> None:
        self._base = service.base
        self._host = f"{HOST}:{service.port}"
        self._numbers = count(1)
        self._queries = dict.fromkeys(STEPS, "queue=support")

    def learn(self, step: str, answer: bytes) -> None:
        """Take over the links of an answer, as a caller would follow them."""
        for query_step, link in re.findall(r"/hooks/twilio/(\w+)\?([^\"<]+)", answer.decode()):
            if query_step in self._queries:
                self._queries[query_step] = html.unescape(link)

    def calls(self, number: int) -> Iterator[Request]:
        """All requests of so many calls, in the order in which one connection sends them."""
        for begin in range(0, number, AT_ONCE):
            names = [next(self._numbers) for _ in range(min(AT_ONCE, number - begin))]
            for step in STEPS:
                for name in names:
                    yield self.request(step, name)

    def request(self, step: str, name: int) -> Request:
        caller = f"+1500555{name % 10_000:04d}"
        fields = {"CallSid": f"CA{name:032x}", "From": caller, "Caller": caller, **STANDARD, **MORE[step]}
        path = f"/hooks/twilio/{step}?{self._query(step)}"
        body = "&".join(f"{key}={quote_plus(value)}" for key, value in fields.items())
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n"
            f"I-Twilio-Idempotency-Token: {name:032x}\r\n"
            "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
            f"{HEADER}: {sign(TOKEN, self._base + path, fields.items())}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return Request((head + body).encode(), MUST_SAY[step])

    def _query(self, step: str) -> str:
        """Of this moment. A queue is left within the second as far as the service can see, as in life."""
        ahead = 3600 if step == "left" else 0
        return re.sub(r"sent=\d+", f"sent={round((time.time() + ahead) * 1000)}", self._queries[step])
