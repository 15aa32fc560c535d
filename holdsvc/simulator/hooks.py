"""How the carrier speaks to the service: signed requests, repeated and delayed as a network does it.

`ask` is for documents that a call waits for: never delayed. `tell` is for news (status, the end of a queue): may come late, in
another order, more than once. Both repeat themselves with the same body and the same idempotency token.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from urllib.parse import urlencode, urlsplit

import aiohttp
from msgspec import Struct
from msgspec.structs import replace

from holdsvc.simulator.clock import SimClock
from holdsvc.simulator.findings import Findings
from holdsvc.simulator.signing import HEADER, sign
from holdsvc.simulator.sound import Fetched

AT_ONCE = 128  # requests; live streams are not counted: a carrier has a line for each of them
WHOLE_ANSWER = 15.0  # seconds Twilio waits for a document (platforms' table of budgets)
TOKEN_HEADER = "I-Twilio-Idempotency-Token"  # noqa: S105 a header's name
LATE_REPEAT = 0.3  # share of the repetitions that come long after the first copy, when the call has moved on


class Target(Struct, frozen=True):
    """The service as its operator configured it. `public` is what is signed; without one, that is `base`."""

    base: str  # where it listens: http://127.0.0.1:8080
    token: str  # the account's auth token, shared with the service
    public: str = ""
    api_token: str = ""

    @property
    def signed_base(self) -> str:
        return (self.public or self.base).rstrip("/")

    def reach(self, url: str) -> str | None:
        """The address to connect to for a URL that the service handed out; None for a URL of somebody else."""
        for scheme in ("", "ws"):
            public, base = scheme_of(self.signed_base, scheme), scheme_of(self.base.rstrip("/"), scheme)
            if url == public or url.startswith((public + "/", public + "?")):
                return base + url.removeprefix(public)
        return None


def scheme_of(url: str, kind: str) -> str:
    """The same address for a websocket if `kind` is "ws", else as it is."""
    return "ws" + url.removeprefix("http") if kind == "ws" else url


class Chaos(Struct, frozen=True):
    """How badly the network behaves: shares of requests, and the longest delay in seconds."""

    duplicate: float = 0.0
    reorder: float = 0.0
    late: float = 20.0
    forged: float = 0.0  # requests that somebody else sends again with another signature
    tries: int = 2  # connection attempts a request gets


CALM = Chaos()


class Hook(Struct, frozen=True):
    """One request and its answer, for whoever looks on: told when it goes out, and again when it is answered."""

    number: int
    step: str
    method: str
    url: str
    fields: tuple[tuple[str, str], ...]
    answered: bool = False
    status: int = 0  # 0: no answer
    content_type: str = ""
    body: bytes = b""
    seconds: float = 0.0  # from request to answer, by the machine's own clock


class Hooks:
    def __init__(
        self,
        target: Target,
        client: aiohttp.ClientSession,
        clock: SimClock,
        findings: Findings,
        *,
        chaos: Chaos = CALM,
        rng: random.Random,
    ) -> None:
        self.target = target
        self.watch: Callable[[Hook], None] = lambda hook: None  # whoever looks on
        self.seconds: list[float] = []
        self.sent: Counter[str] = Counter()
        self.repeated = 0
        self.delayed = 0
        self.forged = 0
        self.retried = 0  # times the service could not be reached
        self.delays: dict[str, float] = {}  # by call: machine's seconds of its slowest exchange, with all its tries
        self._count = 0
        self._client = client
        self._clock = clock
        self._findings = findings
        self._chaos = chaos
        self._seed = rng.random()
        self._chances: dict[str, random.Random] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(AT_ONCE)

    @property
    def bears_outages(self) -> bool:
        return self._chaos.tries > CALM.tries

    def _chance(self, call: str) -> random.Random:
        """Each call has its own luck, so that the same seed gives the same run however quick the answers are."""
        return self._chances.setdefault(call, random.Random(f"{self._seed}{call}"))

    async def ask(self, url: str, fields: Mapping[str, str], *, call: str, method: str = "POST") -> Hook:
        """A document that the call waits for. Of two copies either answer may be the one that arrived."""
        luck = self._chance(call)
        token = f"{luck.getrandbits(128):032x}"
        if luck.random() < self._chaos.forged:
            await self._forge(url, fields, call)
        if luck.random() >= self._chaos.duplicate:
            return await self._send(url, fields, method, token, call)
        self.repeated += 1
        if luck.random() < LATE_REPEAT:
            self._later(self._delay(luck), url, fields, method, token, call)
            return await self._send(url, fields, method, token, call)
        both = await asyncio.gather(*(self._send(url, fields, method, token, call) for _ in range(2)))
        return luck.choice([hook for hook in both if hook.status == 200] or both)

    def tell(self, url: str, fields: Mapping[str, str], *, call: str) -> bool:
        """News; sent now or later, and perhaps again: True if at once. `all_told` waits for what is under way."""
        luck = self._chance(call)
        token = f"{luck.getrandbits(128):032x}"
        delayed = luck.random() < self._chaos.reorder
        self.delayed += delayed
        self._later(self._delay(luck) if delayed else 0.0, url, fields, "POST", token, call)
        if luck.random() < self._chaos.duplicate:
            self.repeated += 1
            self._later(luck.choice((0.0, self._delay(luck))), url, fields, "POST", token, call)
        return not delayed

    async def all_told(self) -> None:
        while self._under_way:
            await asyncio.gather(*self._under_way)

    async def drop(self) -> None:
        while self._under_way:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def fetch(self, url: str, headers: dict[str, str]) -> Fetched:
        """A sound. Its request carries no parameters of the call and no signature that we know of."""
        reached = self.target.reach(url)
        if reached is None:
            return Fetched(0, {}, b"")
        for attempt in range(self._chaos.tries):
            try:
                with self._clock.busy():
                    async with self._room, self._client.get(reached, headers=headers, allow_redirects=False) as answer:
                        body = await answer.read()
                return Fetched(answer.status, {name.lower(): value for name, value in answer.headers.items()}, body)
            except aiohttp.ClientConnectionError:
                await self._recover(attempt)
            except (aiohttp.ClientError, TimeoutError):
                break
        return Fetched(0, {}, b"")

    async def _recover(self, attempt: int) -> None:
        """Wait a little longer after each try that found nobody: in the machine's time, for no clock stops a service."""
        self.retried += 1
        if attempt + 1 < self._chaos.tries:
            await asyncio.sleep(min(1.0, 0.05 * 2**attempt))

    def _delay(self, luck: random.Random) -> float:
        return luck.uniform(0.0, self._chaos.late)

    def _later(self, seconds: float, *request: str | Mapping[str, str]) -> None:
        task = asyncio.create_task(self._send_later(seconds, *request))  # type: ignore[arg-type]  # handed through
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _send_later(
        self, seconds: float, url: str, fields: Mapping[str, str], method: str, token: str, call: str
    ) -> None:
        if seconds > 0:
            await self._clock.sleep(seconds)
        await self._send(url, fields, method, token, call)

    async def _send(self, url: str, fields: Mapping[str, str], method: str, token: str, call: str) -> Hook:
        step = step_of(url)
        self.sent[step] += 1
        self._count += 1
        if method == "GET":
            url += ("&" if "?" in url else "?") + urlencode(list(fields.items()))
        sent = Hook(self._count, step, method, url, tuple(fields.items()))
        self.watch(sent)
        began = time.perf_counter()
        with self._clock.busy():
            status, kind, body = await self._exchange(url, fields, method, token, call)
        seconds = time.perf_counter() - began
        hook = replace(sent, answered=True, status=status, content_type=kind, body=body, seconds=seconds)
        self.seconds.append(hook.seconds)
        self.delays[call] = max(self.delays.get(call, 0.0), hook.seconds)
        if not 200 <= status < 300:
            said = f"was answered with status {status}" if status else "got no answer"
            self._findings.add("hook_status", f"the hook {step} {said} (11200)", call=call, url=url)
        self.watch(hook)
        return hook

    async def _forge(self, url: str, fields: Mapping[str, str], call: str) -> None:
        """The same request, its signature made for another caller's number: it must be refused."""
        reached = self.target.reach(url)
        signature = sign(self.target.token, url, {**fields, "From": "+15005550199"}.items())
        if reached is None or fields.get("From") == "+15005550199":
            return
        self.forged += 1
        with self._clock.busy(), contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with self._client.post(reached, data=dict(fields), headers={HEADER: signature}) as answer:
                if answer.status != 403:
                    said = f"a forged request was answered with status {answer.status}, not refused with 403"
                    self._findings.add("forged", said, call=call, url=url)

    async def _exchange(
        self, url: str, fields: Mapping[str, str], method: str, token: str, call: str
    ) -> tuple[int, str, bytes]:
        reached = self.target.reach(url)
        if reached is None:
            return 0, "", b""
        posted = method != "GET"
        headers = {HEADER: sign(self.target.token, url, fields.items() if posted else ()), TOKEN_HEADER: token}
        body = None
        if posted:
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
            body = urlencode(list(fields.items())).encode()
        for attempt in range(self._chaos.tries):
            try:
                async with (
                    self._room,
                    self._client.request(
                        method, reached.partition("#")[0], data=body, headers=headers, allow_redirects=False
                    ) as answer,
                ):
                    return answer.status, answer.headers.get("Content-Type", ""), await answer.read()
            except aiohttp.ClientConnectionError:
                await self._recover(attempt)
            except (aiohttp.ClientError, TimeoutError):
                break
        return 0, "", b""


def step_of(url: str) -> str:
    """The last part of a hook's path: call, wait, input ..."""
    return urlsplit(url).path.rstrip("/").rpartition("/")[2]


def client_session() -> aiohttp.ClientSession:
    """The carrier's own client: no cookies, no redirects followed, Twilio's patience. Each live stream keeps a connection."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=WHOLE_ANSWER),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=True,
        headers={"User-Agent": "TwilioProxy/1.1", "Accept": "*/*"},
    )
