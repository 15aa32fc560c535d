"""The settings as frozen values: each section, its keys and their defaults. `config` reads them; nothing here does anything."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from holdsvc.calls.telling import KINDS
from holdsvc.content.daily import UpdateSettings
from holdsvc.content.feeds import PodcastSettings
from holdsvc.content.fetch import PORTS
from holdsvc.engine.personal import PersonalSettings
from holdsvc.engine.plans import QueueRules


class ServiceSettings(Struct, frozen=True, forbid_unknown_fields=True):
    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""  # "" = http://HOST:PORT, which only this machine can reach
    data_dir: str = ""  # "" = a folder of the user's
    allow_outgoing: tuple[str, ...] = ()  # private networks that outgoing requests may reach, as 10.1.0.0/16
    secret: str = ""  # the same for all processes that serve the same calls; "" = keys in the data folder
    drain_seconds: float | None = None  # left to live streams after SIGTERM; None: 600 on a shared store, else 0

    def __repr__(self) -> str:
        return "ServiceSettings(…)"


class StoreSettings(Struct, frozen=True, forbid_unknown_fields=True):
    url: str = "sqlite:"
    synchronous: str = "FULL"  # NORMAL loses acknowledged records in a power cut
    wait_replicas: int = 0  # of Redis that must have what is kept before it is answered
    wait_seconds: float = 0.2  # for which they are waited for; then it goes into the spool


class LedgerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    url: str = "sqlite:"
    keep_days: float = 0.0  # after which waits leave the log; 0 = never


class ApiSettings(Struct, frozen=True, forbid_unknown_fields=True):
    token: str = ""

    def __repr__(self) -> str:
        return "ApiSettings(…)"


class MetricsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    allow: tuple[str, ...] = ()  # networks that may read /metrics, beside loopback


class AudioSocketSettings(Struct, frozen=True, forbid_unknown_fields=True):
    host: str = "127.0.0.1"
    port: int = 0  # 0 = off; 9092 is usual
    allow: tuple[str, ...] = ()  # networks that may connect, beside this machine


class StreamsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    take_over: bool = True  # the engine has a stream's socket to itself; False leaves all to the web framework
    most: int = 4000  # streams at once; further callers go on with what stands behind the stream


class LiveSettings(Struct, frozen=True, forbid_unknown_fields=True):
    allow: tuple[str, ...] = ()  # networks that may listen to /audio/live, beside this machine
    most: int = 1000  # listeners at once
    bitrate: int = 64  # kbit/s


class ReportsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    target_seconds: float = 20.0  # T of the service level
    target_share: float = 0.8
    contract: str = (
        "V1"  # the variant that was agreed on; `holdsvc report service-level` shows all, with their formulas
    )
    short_abandon: float = 5.0  # seconds up to which an abandon counts as short in the variants that tell it apart


class LogSettings(Struct, frozen=True, forbid_unknown_fields=True):
    format: str = "auto"  # auto = for people on a terminal, else JSON
    level: str = "info"


class MediaSettings(Struct, frozen=True, forbid_unknown_fields=True):
    folder: str = ""  # "" = the shipped shelf


class FetchSettings(Struct, frozen=True, forbid_unknown_fields=True):
    allow: tuple[str, ...] = ()  # private networks that feeds and episodes may come from, as 10.1.0.0/16
    ports: tuple[int, ...] = PORTS  # that their URLs may name; 0 among them = any


class SynthesiserSettings(Struct, frozen=True, forbid_unknown_fields=True):
    kind: str = "command"
    command: tuple[
        str, ...
    ] = ()  # the program and its words, () = none; text to its input, sound from its output or {file}
    voices: Mapping[str, str] = field(default_factory=dict)  # language -> what {voice} stands for
    seconds: float = 60.0  # that one text may take
    most_megabytes: int = 50  # of sound that one text may make


class SpeechSettings(Struct, frozen=True, forbid_unknown_fields=True):
    recogniser: str = "none"  # of what callers say on a stream: none, forced or grammar
    workers: int = 1  # processes, each with a core and about 300 MB of its own
    model: str = ""  # folder of a CTranslate2 Whisper model; "" = the one that came with the extra


class CallersSettings(Struct, frozen=True, forbid_unknown_fields=True):
    region: str = "US"  # country that numbers without a country code belong to, ISO 3166
    budget: float = 0.3  # seconds that a directory may take before its answer comes as an event


class DirectorySettings(Struct, frozen=True, forbid_unknown_fields=True):
    kind: str = "table"
    path: str = ""
    url: str = ""
    secret: str = ""
    secret_header: str = "Authorization"  # noqa: S105  the name of a header, not a secret
    records: str = ""  # path to the list of records in the answer; "" = the whole answer
    number: str = ""  # path to a record's own number; records of another number are left out
    fields: Mapping[str, str] = field(default_factory=dict)  # ours -> path in a record


class SubscriberSettings(Struct, frozen=True, forbid_unknown_fields=True):
    url: str = ""
    secret: str = ""  # what messages are signed with; "" = they are not
    previous_secret: str = ""  # signs as well, while you rotate
    tells: tuple[str, ...] = KINDS
    queues: tuple[str, ...] = ()  # of these alone; () = all
    most_age: float = 0.0  # seconds after which news is of no use there; 0 = never

    def __repr__(self) -> str:
        return "SubscriberSettings(…)"


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    service: ServiceSettings = ServiceSettings()
    store: StoreSettings = StoreSettings()
    ledger: LedgerSettings = LedgerSettings()
    api: ApiSettings = ApiSettings()
    metrics: MetricsSettings = MetricsSettings()
    audiosocket: AudioSocketSettings = AudioSocketSettings()
    streams: StreamsSettings = StreamsSettings()
    live: LiveSettings = LiveSettings()
    reports: ReportsSettings = ReportsSettings()
    log: LogSettings = LogSettings()
    media: MediaSettings = MediaSettings()
    fetch: FetchSettings = FetchSettings()
    synthesiser: SynthesiserSettings = SynthesiserSettings()
    podcasts: Mapping[str, PodcastSettings] = field(default_factory=dict)
    updates: Mapping[str, UpdateSettings] = field(default_factory=dict)
    personal: Mapping[str, PersonalSettings] = field(default_factory=dict)
    speech: SpeechSettings = SpeechSettings()
    callers: CallersSettings = CallersSettings()
    directories: Mapping[str, DirectorySettings] = field(default_factory=dict)
    subscribers: Mapping[str, SubscriberSettings] = field(default_factory=dict)
    platforms: Mapping[str, Mapping[str, object]] = field(
        default_factory=dict
    )  # each adapter reads only its own section
    queues: Mapping[str, QueueRules] = field(default_factory=dict)

    def __repr__(self) -> str:
        return "Settings(…)"  # secrets are among them

    @property
    def data_dir(self) -> Path:
        return Path(self.service.data_dir).expanduser() if self.service.data_dir else user_folder()

    def queue(self, name: str) -> QueueRules:
        """Queues that are not configured behave as `default` does."""
        return self.queues.get(name) or self.queues.get("default") or QueueRules()


def user_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", "~")).expanduser() / "holdsvc"
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "holdsvc"
