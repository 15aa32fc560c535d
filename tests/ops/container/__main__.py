"""Build the unchanged Dockerfile and run it as the Deployment would, without an engine and without a cluster.

`python -m tests.ops.container [--base FILE.tar]` wants root on Debian, and the network for apt and pip. It installs buildah,
debootstrap and runc where they are missing, keeps the base in ~/.cache/holdsvc, and leaves nothing else behind. Beside it wants
redis-server and PostgreSQL.

Three pods run: one as the image is, with the embedded store; then two on a Redis and a PostgreSQL of the machine, each ended as a
cluster ends it. Signed webhooks and /readyz are asked all the while; what was acknowledged must be in the log at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import aiohttp
from msgspec import Struct, field

from holdsvc.config import load
from holdsvc.simulator.signing import HEADER, sign
from tests.faults.service import TOKEN, free_port
from tests.ops.cluster import FOLDER, Thing, built, container, laid_out, the
from tests.ops.container.image import Builder, Image, base, install, traces
from tests.ops.container.pod import Mount, Pod, until
from tests.stores.postgres_server import new_database, shared_server, told
from tests.stores.redis_server import one_node

KEPT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "holdsvc" / "base.tar"
READY_WITHIN = 60.0  # seconds
ASKING = 4.0  # seconds before the end is asked for
GAP = 0.02  # seconds between two questions
MARGIN = 1.0  # seconds in which /readyz has to turn red
LOOK = """
import json
from holdsvc import app
from holdsvc.config import load
from holdsvc.content.confine import confinement
settings = load()
pending = len(app.open_library(settings, app.data_folder(settings)).pending())
status = dict(line.split(":\\t", 1) for line in open("/proc/1/status").read().splitlines() if ":\\t" in line)
try:
    open("/etc/anything", "w")
except OSError as error:
    writing = error.strerror
print(json.dumps({name: status[name].split()[0] for name in ("Uid", "Gid", "CapEff", "NoNewPrivs", "Seccomp", "VmRSS")}
    | {"writing": writing, "decoder": str(confinement()), "sounds to prepare": pending}))
"""


class Asked(Struct):
    """What came of the questions; times are monotonic."""

    acknowledged: list[str] = field(default_factory=list)
    hooks: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    red: float = 0.0  # when /readyz was red first
    refused: float = 0.0  # when nobody answered first


class Carrier:
    """New calls for a pod, one after the other, until told to stop; a pod that has gone is not asked again."""

    def __init__(self, base_of: str, public: str) -> None:
        self.asked, self._base, self._public = Asked(), base_of, public
        self.over = asyncio.Event()

    async def ask(self) -> None:
        async with aiohttp.ClientSession() as client:
            while not self.over.is_set():
                try:
                    await self._hook(client)
                    await self._ready(client)
                except aiohttp.ClientConnectorError:
                    self.asked.refused = time.monotonic()
                    return
                await asyncio.sleep(GAP)

    async def _hook(self, client: aiohttp.ClientSession) -> None:
        sid = f"CA{os.urandom(16).hex()}"
        fields = {"CallSid": sid, "From": "+15005550100", "To": "+15005550101", "CallStatus": "in-progress"}
        fields |= {"Direction": "inbound", "QueueSid": "QU1", "QueuePosition": "1", "QueueTime": "0"}
        path = "/hooks/twilio/wait?queue=support"
        signed = {HEADER: sign(TOKEN, self._public + path, fields.items())}
        began = time.monotonic()
        try:
            async with client.post(self._base + path, data=fields, headers=signed) as answer:
                await answer.read()
        except aiohttp.ClientConnectorError:
            raise
        except aiohttp.ClientError:
            self.asked.hooks["cut off"] += 1
            return
        self.asked.hooks[str(answer.status)] += 1
        self.asked.slowest = max(self.asked.slowest, time.monotonic() - began)
        if answer.status == 200:
            self.asked.acknowledged.append(sid)

    async def _ready(self, client: aiohttp.ClientSession) -> None:
        async with client.get(f"{self._base}/readyz") as answer:
            if answer.status == 503 and not self.asked.red:
                self.asked.red = time.monotonic()


class Row(Struct, frozen=True):
    pod: str
    ready: float
    stop: float
    code: int
    asked: Asked
    red: float | None


async def ended(pod: Pod, public: str, ready: float, before: Callable[[], object] = lambda: None) -> Row:
    """Ask for a while, then end it, asking on. `before` runs first, as preStop does."""
    carrier = Carrier(pod.base, public)
    asking = asyncio.create_task(carrier.ask())
    await asyncio.sleep(ASKING)
    await asyncio.to_thread(before)
    began = time.monotonic()
    await asyncio.to_thread(pod.terminate)
    code = await asyncio.to_thread(pod.gone)
    stop = time.monotonic() - began
    carrier.over.set()
    await asking
    red = carrier.asked.red - began if carrier.asked.red else None
    return Row(pod.name, ready, stop, code, carrier.asked, red)


def volumes(folder: Path, places: Sequence[str], owner: tuple[int, int]) -> list[Mount]:
    """Empty ones, which belong to the pod's group."""
    made: list[Mount] = []
    for place in places:
        path = folder / f"volume{len(list(folder.iterdir()))}"
        path.mkdir()
        os.chown(path, 0, owner[1])
        path.chmod(0o2770)
        made.append((path, place, False))
    return made


def begin(pod: Pod, words: Sequence[str], variables: dict[str, str], mounts: Sequence[Mount]) -> float:
    pod.start(words, variables, mounts)
    return until(lambda: green(pod), READY_WITHIN, f"{pod.name} ready ({pod.log_file})")


def green(pod: Pod) -> bool:
    if not pod.running:
        raise SystemExit(f"{pod.name} ended: {pod.log_file.read_text('utf-8')[-2000:]}")
    return asyncio.run(status(f"{pod.base}/readyz")) == 200


async def status(url: str) -> int:
    try:
        async with aiohttp.ClientSession() as client, client.get(url) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0


def here(port: int) -> dict[str, str]:
    """What is this machine's, and not the image's or the Deployment's."""
    return {"HOLDSVC_SERVICE__HOST": "127.0.0.1", "HOLDSVC_SERVICE__PORT": str(port)}


def alone(image: Image, folder: Path, rules: Thing, stack: ExitStack) -> tuple[Row, dict[str, str]]:
    """The image's own command, on the embedded store, with AudioSocket open to say how it sends."""
    pod = Pod(image, folder, f"alone-{os.getpid()}", rules, free_port())
    stack.callback(pod.clear)
    mounts = volumes(folder, [*image.config["Volumes"], "/tmp"], owner(rules))
    variables = here(pod.port) | {
        "HOLDSVC_PLATFORMS__TWILIO__AUTH_TOKEN": TOKEN,
        "HOLDSVC_AUDIOSOCKET__PORT": str(free_port()),
    }
    took = begin(pod, image.config["Cmd"], variables, mounts)
    seen = json.loads(pod.inside("python", "-c", LOOK)) | {"frames": pod.told("lines_open")["sending"]}
    row = asyncio.run(ended(pod, pod.base, took))
    with closing(sqlite3.connect(mounts[0][0] / "holdsvc.sqlite3")) as db:
        compare(row.asked, db.execute("SELECT call, count(*) FROM waits GROUP BY call").fetchall())
    return row, seen


def owner(rules: Thing) -> tuple[int, int]:
    return rules["securityContext"]["runAsUser"], rules["securityContext"]["fsGroup"]


def together(image: Image, folder: Path, things: Sequence[Thing], stack: ExitStack) -> list[Row]:
    """Two pods with the Deployment's words, variables, files and preStop."""
    redis, database = stack.enter_context(one_node()), new_database(shared_server())
    rules, inside = the(things, "Deployment")["spec"]["template"]["spec"], container(things)
    files = folder / "files"
    config, _ = laid_out(things, files)
    secrets = files / "run" / "secrets" / "holdsvc"
    for name, value in (("store-url", redis.url), ("ledger-url", database)):
        (secrets / name).chmod(0o600)
        (secrets / name).write_text(value, "utf-8")
    for path in secrets.iterdir():
        path.chmod(0o440)
        os.chown(path, 0, owner(rules)[1])
    given = {one["name"]: str(one["value"]) for one in inside["env"]}
    public = load(config, {}).service.public_url
    pods, took = [], []
    for name in ("first", "second"):
        pod = Pod(image, folder, f"{name}-{os.getpid()}", rules, free_port())
        stack.callback(pod.clear)
        held = [one["mountPath"] for one in inside["volumeMounts"] if not one.get("readOnly")]
        mounts = [
            (files / one["mountPath"].lstrip("/"), one["mountPath"], True)
            for one in inside["volumeMounts"]
            if one.get("readOnly")
        ]
        took.append(begin(pod, inside["args"], given | here(pod.port), [*mounts, *volumes(folder, held, owner(rules))]))
        pods.append(pod)
    words = inside["lifecycle"]["preStop"]["exec"]["command"]
    rows = [
        asyncio.run(ended(pod, public, ready, lambda one=pod: one.inside(*words)))
        for pod, ready in zip(pods, took, strict=True)
    ]
    counted = told(database, "SELECT call, count(*) FROM holdsvc.waits GROUP BY call")
    everything = Asked(acknowledged=[one for row in rows for one in row.asked.acknowledged])
    compare(everything, [(str(call), int(str(count))) for call, count in counted])
    return rows


def compare(asked: Asked, rows: Sequence[tuple[str, int]]) -> None:
    kept = dict(rows)
    wrong = [call for call in asked.acknowledged if kept.get(call) != 1]
    if wrong or not asked.acknowledged:
        raise SystemExit(f"{len(wrong)} of {len(asked.acknowledged)} acknowledged waits are not in the log once")


def judge(rows: Sequence[Row], seen: dict[str, str], left: Sequence[str]) -> list[str]:
    """What is not as it has to be, in words."""
    wrong = [f"the machine's settings stand in {name}" for name in left]
    wanted = {"Uid": "10001", "Gid": "10001", "CapEff": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}
    wrong += [f"{name} is {seen[name]}" for name, value in wanted.items() if seen[name] != value]
    if seen["writing"] != "Read-only file system":
        wrong.append(f"writing into /etc came to: {seen['writing']}")
    if seen["sounds to prepare"]:
        wrong.append(f"{seen['sounds to prepare']} sounds are not prepared in the image")
    if "tried, and held" not in seen["decoder"]:
        wrong.append(f"the decoder: {seen['decoder']}")
    for row in rows:
        wrong += [f"{row.pod} ended with {row.code}"] if row.code else []
        # Where nobody else is there, the one that is under way at the very end may find nobody.
        bad = {what: count for what, count in row.asked.hooks.items() if what != "200"}
        if bad and (bad != {"cut off": 1} or row is rows[1]):
            wrong.append(f"{row.pod}: webhooks came to {bad}")
    first = rows[1]
    if first.red is None or first.red > MARGIN:
        wrong.append(f"{first.pod}: /readyz was red after {first.red}")
    return wrong


def table(image: Image, rows: Sequence[Row], seen: dict[str, str]) -> str:
    whole, ours = round(image.whole / 1e6), round(image.ours / 1e6)
    lines = [
        f"built in {image.seconds:.0f} s; {whole} MB on the disk, of which {ours} MB are not the base",
        *(f"{name}: {value}" for name, value in seen.items()),
        "",
        "| pod | ready s | webhooks 200 | slowest s | SIGTERM to red s | SIGTERM to its end s | exit code |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        hooks = f"{row.asked.hooks['200']} of {sum(row.asked.hooks.values())}"
        red = "-" if row.red is None else f"{row.red:.2f}"
        cells = (
            row.pod.partition("-")[0],
            f"{row.ready:.2f}",
            hooks,
            f"{row.asked.slowest:.3f}",
            red,
            f"{row.stop:.2f}",
            row.code,
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def main() -> int:
    asks = argparse.ArgumentParser(
        prog="python -m tests.ops.container", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    asks.add_argument("--base", type=Path, default=KEPT, help="tar of the base's files; made where it is missing")
    asks.add_argument(
        "--absent",
        action="append",
        default=[],
        help="a word that must stand nowhere in the image, as a registry's name",
    )
    words = asks.parse_args()
    if os.geteuid() or not shutil.which("apt-get"):
        raise SystemExit("this wants root, on Debian")
    install()
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="holdsvc-container-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        tar = base(words.base, folder)
        builder = Builder(folder)
        stack.callback(builder.close)
        print("building", flush=True)
        image = builder.build(tar)
        things = built(FOLDER / "base")
        rules = the(things, "Deployment")["spec"]["template"]["spec"]
        for part in ("alone", "together"):
            (folder / part).mkdir()
        first, seen = alone(image, folder / "alone", rules, stack)
        rows = [first, *together(image, folder / "together", things, stack)]
        print(table(image, rows, seen))
        wrong = judge(rows, seen, traces(image, words.absent))
    for one in wrong:
        print(f"WRONG: {one}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
