"""What <Play> fetches: checked as a carrier would, cached by ETag, and measured, so that it lasts as long as it sounds."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from urllib.parse import unquote

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.simulator.clock import SimClock
from holdsvc.simulator.findings import Findings

RATE = 8000  # samples a second on a telephone line
MU_LAW = 7  # the format tag of mu-law in a WAV header
LONGEST = 40 * 60.0  # seconds; a longer Play can drop the call
TYPES = frozenset(
    f"audio/{kind}" for kind in ("mpeg", "wav", "wave", "x-wav", "aiff", "x-aifc", "x-aiff", "x-gsm", "gsm", "ulaw")
)


class Fetched(Struct, frozen=True):
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes


Fetch = Callable[[str, dict[str, str]], Awaitable[Fetched]]


class Sound(Struct, frozen=True):
    """`samples` is mu-law, and empty where nobody listens to the sound itself."""

    url: str
    seconds: float
    etag: str = ""
    fresh_until: float = 0.0  # on the simulator's monotonic clock
    fingerprint: bytes = b""
    caption: str = ""
    samples: bytes = b""


class NotTelephoneReady(ValueError):
    """Why a carrier would stumble over a sound file, as the end of a sentence."""


class Sounds:
    """The carrier's cache of sounds. `keep` holds on to the samples, for a line that somebody listens to."""

    def __init__(self, fetch: Fetch, clock: SimClock, findings: Findings, *, keep: bool = False) -> None:
        self._fetch = fetch
        self._clock = clock
        self._findings = findings
        self._keep = keep
        self._known: dict[str, Sound] = {}

    @property
    def captions(self) -> dict[str, str]:
        """What was said to be heard, by URL."""
        return {url: sound.caption for url, sound in self._known.items()}

    async def get(self, url: str, *, call: str) -> Sound | None:
        """The sound, from the cache while it is fresh; None where the carrier could not play it."""
        known = self._known.get(url)
        if known is not None and self._clock.monotonic() < known.fresh_until:
            return known
        got = await self._fetch(url, {"If-None-Match": known.etag} if known and known.etag else {})
        if known is not None and got.status == 304:
            fresh = self._clock.monotonic() + max_age(got.headers)
            self._known[url] = replace(known, fresh_until=fresh)
            return known
        sound = self._judged(url, got, call)
        if sound is None:
            return None
        if known is not None and known.etag == sound.etag != "" and known.fingerprint != sound.fingerprint:
            self._findings.add("etag_lies", "the same ETag came with other bytes", call=call, url=url)
        self._known[url] = sound
        return sound

    def _judged(self, url: str, got: Fetched, call: str) -> Sound | None:
        def complain(code: str, sentence: str) -> None:
            self._findings.add(code, sentence, call=call, url=url)

        if got.status != 200:
            complain("audio_status", f"a sound was answered with status {got.status} (11200)")
            return None
        for code, sentence in _header_faults(got):
            complain(code, sentence)
        try:
            samples = mu_law_of(got.body)
        except NotTelephoneReady as reason:
            complain("audio_format", f"a sound {reason}")
            return None
        if len(samples) / RATE > LONGEST:
            complain(
                "audio_length", f"a sound lasts {len(samples) / RATE:.0f} s; over {LONGEST:.0f} s can drop the call"
            )
        return Sound(
            url,
            seconds=len(samples) / RATE,
            etag=got.headers.get("etag", ""),
            fresh_until=self._clock.monotonic() + max_age(got.headers),
            fingerprint=hashlib.blake2b(got.body, digest_size=16).digest(),
            caption=unquote(got.headers.get("x-holdsvc-caption", "")),
            samples=samples if self._keep else b"",
        )


def _header_faults(got: Fetched) -> Iterator[tuple[str, str]]:
    kind = got.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in TYPES:
        yield "audio_type", f"a sound came as {kind or 'nothing'}, which cannot be played (13420)"
    if "content-length" not in got.headers:
        yield "audio_headers", "a sound came without Content-Length"
    wanted = "no-store" not in got.headers.get("cache-control", "")
    if wanted and not got.headers.get("etag") and not got.headers.get("last-modified"):
        yield "audio_headers", "a sound came without ETag and Last-Modified and cannot be cached"


def max_age(headers: Mapping[str, str]) -> float:
    """Seconds for which an answer may be used again without asking."""
    words = [word.strip().lower() for word in headers.get("cache-control", "").split(",")]
    if "no-cache" in words or "no-store" in words:
        return 0.0
    ages = [word.removeprefix("max-age=") for word in words if word.startswith("max-age=")]
    return float(ages[0]) if ages and ages[0].isascii() and ages[0].isdigit() else 0.0


def mu_law_of(wav: bytes) -> bytes:
    """The samples of a WAV file of 8 kHz mono mu-law; NotTelephoneReady says what else it is."""
    if wav[:4] != b"RIFF" or wav[8:12] != b"WAVE":
        raise NotTelephoneReady("is no WAV file")
    tag = rate = channels = 0
    place = 12
    while place + 8 <= len(wav):
        name, size = wav[place : place + 4], struct.unpack_from("<I", wav, place + 4)[0]
        if name == b"fmt " and size >= 16:
            tag, channels, rate = struct.unpack_from("<HHI", wav, place + 8)
        if name == b"data":
            if (tag, channels, rate) != (MU_LAW, 1, RATE):
                raise NotTelephoneReady(f"has format {tag}, {channels} channel(s), {rate} Hz; wanted 7, 1, {RATE}")
            samples = wav[place + 8 : place + 8 + size]
            if len(samples) != size or not samples:
                raise NotTelephoneReady(f"promises {size} bytes of samples and has {len(samples)}")
            return samples
        place += 8 + size + size % 2
    raise NotTelephoneReady("has no samples")
