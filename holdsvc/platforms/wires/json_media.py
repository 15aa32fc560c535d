"""Live sound as JSON text frames with base64 mu-law in them, as Twilio's Media Streams speak it.

Pages, read 2026-03: Twilio "Media Streams: WebSocket messages", Telnyx "Media streaming over WebSockets", Plivo "Audio streaming".
A frame is whole or it is nothing; it is never cut. Where platforms differ in names, those stand in the `Dialect`.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from typing import TypeVar

import msgspec
from msgspec import Struct, field

from holdsvc.calls.model import CallId, CallRef
from holdsvc.errors import BadWebhook
from holdsvc.ports import Sharing, WireAudio, WireDigit, WireEvent, WireMark, WireStart, WireStop

DIGITS = frozenset("0123456789*#ABCD")
MULAW = ("audio/x-mulaw", "pcmu")  # Telnyx says PCMU on its present pages and audio/x-mulaw on older ones
RATE, CHANNELS = "8000", "1"
LONGEST_FRAME = 256 * 1024  # characters; a frame of 20 ms has about 400, and 16 s of sound would fit in this
ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)


class Dialect(Struct, frozen=True):
    """The names in which the platforms of this format differ."""

    platform: str
    call: str = "callSid"
    stream: str = "streamSid"
    parameters: str = "customParameters"
    format: str = "mediaFormat"
    addressed: bool = True  # what we send names the stream
    play: str = "media"
    described: str = ""  # members that stand before the payload of what we send
    mark: str = "mark"
    marked: str = "mark"  # the word with which a mark comes back
    flat: bool = False  # a mark's name stands in the frame itself, not in an object of its own
    clear: str = "clear"


TELNYX = Dialect(
    "telnyx",
    call="call_control_id",
    stream="stream_id",
    parameters="custom_parameters",
    format="media_format",
    addressed=False,
)
# Plivo writes our extra headers to its logs, so that no token comes with them. It tells of no end: the socket closes.
PLIVO = Dialect(
    "plivo",
    call="callId",
    stream="streamId",
    play="playAudio",
    described='"contentType":"audio/x-mulaw","sampleRate":8000,',
    mark="checkpoint",
    marked="playedStream",
    flat=True,
    clear="clearAudio",
)


class Media(Struct):
    payload: bytes  # msgspec takes the base64 off
    track: str = "inbound"


class MediaFrame(Struct):
    media: Media


class Envelope(Struct):
    """Any frame. What its `event` does not need is not looked at."""

    event: str
    number: str | int = field(default="", name="sequenceNumber")
    snake_number: str | int = field(default="", name="sequence_number")
    occurred_at: str | int = ""
    name: msgspec.Raw = msgspec.Raw()
    start: msgspec.Raw = msgspec.Raw()
    media: msgspec.Raw = msgspec.Raw()
    dtmf: msgspec.Raw = msgspec.Raw()
    mark: msgspec.Raw = msgspec.Raw()

    @property
    def sequence(self) -> str:
        """What tells this frame from all others of the stream, "" if nothing does."""
        told = (self.number, self.snake_number, self.occurred_at)
        return next((str(one) for one in told if one != ""), "")


class Format(Struct):
    encoding: str = MULAW[0]
    rate: int | str | None = field(default=None, name="sampleRate")
    snake_rate: int | str | None = field(default=None, name="sample_rate")
    channels: int | str = CHANNELS

    @property
    def known(self) -> bool:
        rate = next((one for one in (self.rate, self.snake_rate) if one is not None), RATE)
        return self.encoding.lower() in MULAW and (str(rate), str(self.channels)) == (RATE, CHANNELS)


class Dtmf(Struct):
    digit: str


class Mark(Struct):
    name: str


MEDIA_FIRST = '{"event":"media"'
MEDIA_FIRST_BYTES = MEDIA_FIRST.encode()
MEDIA = msgspec.json.Decoder(MediaFrame)
ENVELOPE = msgspec.json.Decoder(Envelope)
T = TypeVar("T")


class JsonMedia:
    lead = 0.4  # seconds: what is sent ahead can be taken back with `clear`, so a choice is heard at once all the same
    block = 1600  # bytes, 200 ms: small pieces stutter at the far end, large ones are heard late
    can_clear = True
    high_mark = 64 * 1024  # over six seconds of sound
    sound_begins = MEDIA_FIRST_BYTES

    def __init__(self, dialect: Dialect) -> None:
        self.name = dialect.platform
        self._dialect = dialect
        self._play, self._mark, self._clear = (quoted(word) for word in (dialect.play, dialect.mark, dialect.clear))
        self._stream = f",{quoted(dialect.stream)}:" if dialect.addressed else ""

    def read(self, frame: str | bytes) -> WireEvent | None:
        """What a frame says; None for what does not concern us. Raise `BadWebhook` for what breaks the format."""
        if len(frame) > LONGEST_FRAME:
            raise BadWebhook("too_long")
        # Nearly every frame is sound: fifty a second and call, recognised before anything is parsed.
        if frame.startswith(MEDIA_FIRST if isinstance(frame, str) else MEDIA_FIRST_BYTES):  # type: ignore[arg-type]
            return sound(decode(MEDIA, frame).media)
        envelope = decode(ENVELOPE, frame)
        match envelope.event:
            case "media":
                return sound(decode_part(envelope.media, Media))
            case "start":
                return self._start(envelope, frame)
            case "dtmf":
                return digit(envelope, self._stream_of(frame))
            case self._dialect.marked:
                return WireMark(self._marked(envelope))
            case "stop":
                return WireStop(identity(self._stream_of(frame), envelope.sequence or "stop"))
            case _:  # "connected" comes before anything is known, "error" and others tell nothing that we could mend
                return None

    def write_audio(self, stream: str, payload: bytes) -> str:
        sharing = self.sharing(stream)
        return sharing.head + sharing.tail(payload).decode("ascii")

    def sharing(self, stream: str) -> Sharing:
        begins = f'{{"event":{self._play}{self._address(stream)},"media":{{{self._dialect.described}"payload":"'
        return Sharing("base64", begins, closed)

    def write_mark(self, stream: str, name: str) -> str:
        told = f'"name":{quoted(name)}' if self._dialect.flat else f'"mark":{{"name":{quoted(name)}}}'
        return f'{{"event":{self._mark}{self._address(stream)},{told}}}'

    def write_clear(self, stream: str) -> str:
        """Empty the far buffer. All marks that are under way come back: one after a clear does not mean "heard"."""
        return f'{{"event":{self._clear}{self._address(stream)}}}'

    def _address(self, stream: str) -> str:
        return f"{self._stream}{quoted(stream)}" if self._stream else ""

    def _marked(self, envelope: Envelope) -> str:
        if self._dialect.flat:
            return decode_part(envelope.name, str)
        return decode_part(envelope.mark, Mark).name

    def _start(self, envelope: Envelope, frame: str | bytes) -> WireStart:
        start = decode_part(envelope.start, dict[str, msgspec.Raw])
        call = decode_part(start.get(self._dialect.call), str)
        stream = decode_part(start.get(self._dialect.stream), str) if self._dialect.stream in start else ""
        stream = stream or self._stream_of(frame)
        if not ID.fullmatch(call) or not ID.fullmatch(stream):
            raise BadWebhook("bad_start")
        told = start.get(self._dialect.format)
        if told is not None and not decode_part(told, Format).known:
            raise BadWebhook("unknown_sound")
        parameters = start.get(self._dialect.parameters)
        token = decode_part(parameters, dict[str, object]).get("token", "") if parameters else ""
        ref = CallRef(self._dialect.platform, CallId(call))
        return WireStart(
            ref, stream, token if isinstance(token, str) else "", identity(stream, envelope.sequence or "start")
        )

    def _stream_of(self, frame: str | bytes) -> str:
        named = decode(msgspec.json.Decoder(dict[str, msgspec.Raw]), frame).get(self._dialect.stream)
        return decode_part(named, str) if named is not None else ""


def closed(payload: bytes) -> bytes:
    return b2a_base64(payload, newline=False) + b'"}}'


def sound(media: Media) -> WireAudio | None:
    """The caller's sound; our own comes back as another track where both were asked for."""
    return None if media.track.startswith("outbound") else WireAudio(media.payload)


def digit(envelope: Envelope, stream: str) -> WireDigit:
    pressed = decode_part(envelope.dtmf, Dtmf).digit
    if pressed not in DIGITS or len(pressed) != 1:
        raise BadWebhook("bad_digit")
    if not stream or envelope.sequence == "":
        raise BadWebhook("no_sequence")
    return WireDigit(pressed, identity(stream, envelope.sequence))


def identity(stream: str, sequence: str) -> str:
    """The stream's own number of this frame: what came twice has the same, the same key pressed twice has not."""
    return f"{stream}:{sequence}"


def quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def decode(decoder: msgspec.json.Decoder[T], frame: str | bytes) -> T:
    try:
        return decoder.decode(frame)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BadWebhook("bad_frame") from error


def decode_part(raw: msgspec.Raw | None, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw or b"", type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BadWebhook("bad_frame") from error
