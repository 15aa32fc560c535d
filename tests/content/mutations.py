"""Files to break a decoder with: good ones that were damaged at random, and some that were made with intent."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Mapping
from functools import cache

from tests.content.bombs import cover, flac_of_silence, id3, picture_bomb, tag_frame
from tests.content.signals import ENCODERS, file, speech

File = tuple[str, bytes]  # suffix, content

_EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_NAMED_LENGTHS = (
    b"data",
    b"fmt ",
    b"COMM",
    b"SSND",
    b"moov",
    b"mdat",
    b"stsz",
    b"stco",
    b"stsc",
    b"esds",
    b"ID3",
    b"OggS",
)


@cache
def seeds() -> Mapping[str, bytes]:
    """One good file of each format, some with two sides."""
    return {suffix: file(speech(0.4, seed), suffix) for seed, suffix in enumerate(ENCODERS)}


def flip_bits(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 3, 10, 100))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def cut_short(content: bytearray, chance: random.Random) -> None:
    del content[chance.randrange(1, len(content) + 1) :]


def spoil_the_head(content: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 2, 8))):
        content[chance.randrange(min(len(content), 200))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))


def lie_about_a_length(content: bytearray, chance: random.Random) -> None:
    """An extreme number beside a name that has a length, or anywhere near the beginning."""
    places = [at for name in _NAMED_LENGTHS if (at := content.find(name)) >= 0]
    at = (
        chance.choice(places) + chance.choice((-4, 4, 8)) if places and chance.random() < 0.7 else chance.randrange(300)
    )
    width, order = chance.choice(("B", "H", "I")), chance.choice("<>")
    at = max(0, min(at, len(content) - 4))
    number = chance.choice((*_EXTREMES, len(content), len(content) + 1)) & (1 << 8 * struct.calcsize(width)) - 1
    struct.pack_into(order + width, content, at, number) if len(content) >= 4 else None


def repeat_a_stretch(content: bytearray, chance: random.Random) -> None:
    begin = chance.randrange(len(content))
    stretch = content[begin : begin + chance.choice((1, 16, 500))]
    content[begin:begin] = stretch * chance.choice((1, 5, 50))


def lose_a_stretch(content: bytearray, chance: random.Random) -> None:
    begin = chance.randrange(len(content))
    del content[begin : begin + chance.choice((1, 4, 16, 500))]


def splice_another_in(content: bytearray, chance: random.Random) -> None:
    other = seeds()[chance.choice(list(seeds()))]
    begin = chance.randrange(len(content))
    stretch = other[chance.randrange(len(other)) :][: chance.choice((16, 300, 3000))]
    content[begin : begin + chance.choice((0, len(stretch)))] = stretch


def scramble_a_stretch(content: bytearray, chance: random.Random) -> None:
    begin = chance.randrange(len(content))
    stretch = content[begin : begin + 64]
    content[begin : begin + 64] = chance.randbytes(len(stretch))


MUTATORS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    flip_bits,
    cut_short,
    spoil_the_head,
    lie_about_a_length,
    lie_about_a_length,
    repeat_a_stretch,
    lose_a_stretch,
    splice_another_in,
    scramble_a_stretch,
)


def mutated(chance: random.Random) -> File:
    suffix = chance.choice(list(seeds()))
    content = bytearray(seeds()[suffix])
    for _ in range(chance.choice((1, 1, 2, 4))):
        chance.choice(MUTATORS)(content, chance)
        content = content or bytearray(b"\x00")
    return suffix, bytes(content)


def crafted(canary: str, outside: str) -> Mapping[str, File]:
    """Files with intent: `canary` is a host and port that must not be called, `outside` a path that must not be touched."""
    address = f"http://{canary}/secret"
    good = seeds()
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{address}.ts\n#EXT-X-ENDLIST\n".encode()
    link = tag_frame(b"APIC", b"\x00-->\x00\x03\x00" + address.encode())
    form = struct.pack("<HHIIHHH", 1, 1, 8000, 16000, 2, 16, 0)
    return {
        "a playlist that poses as mp3": (".mp3", playlist),
        "a playlist behind a tag": (".mp3", id3(tag_frame(b"TIT2", b"\x00x")) + playlist),
        "a playlist that poses as aac": (".aac", playlist),
        "a playlist under its own name": (".m3u8", playlist),
        "a playlist of a local file": (".mp3", playlist.replace(address.encode(), b"file:///etc/passwd")),
        "concat of an address": (".mp3", f"concat:{address}|{address}".encode()),
        "concat script": (".mp3", f"ffconcat version 1.0\nfile {address}\n".encode()),
        "concat script of a local file": (".wav", f"ffconcat version 1.0\nfile {outside}\n".encode()),
        "subfile and pipe": (".ogg", f"subfile,,start,0,end,0,,:{address}".encode()),
        "a session description": (".aac", f"v=0\nc=IN IP4 {canary.split(':')[0]}\nm=audio 5004 RTP/AVP 0\n".encode()),
        "a manifest": (".m4a", f'<?xml version="1.0"?><MPD><BaseURL>{address}</BaseURL></MPD>'.encode()),
        "a reference to another file": (".m4a", _elsewhere(good[".m4a"], outside)),
        "a cover that is an address": (".mp3", id3(link) + good[".mp3"]),
        "a cover that swells": (".mp3", id3(cover(picture_bomb())) + good[".mp3"]),
        "a tag as large as can be claimed": (".mp3", id3(b"TIT2", claimed=(1 << 28) - 1) + good[".mp3"]),
        "a tag that is large": (".mp3", id3(tag_frame(b"PRIV", bytes(20 << 20))) + good[".mp3"]),
        "a thousand tags": (".mp3", id3(tag_frame(b"TXXX", b"\x00a\x00b")) * 1000 + good[".mp3"]),
        "ten hours of silence": (".flac", flac_of_silence(10)),
        "a wav of four gigabytes, it says": (".wav", _wav(form, 0xFFFFFFFF)),
        "a wav of no channels": (".wav", _wav(struct.pack("<HHIIHHH", 1, 0, 8000, 0, 0, 16, 0), 100)),
        "a wav of 65535 channels": (".wav", _wav(struct.pack("<HHIIHHH", 1, 65535, 8000, 0, 65535, 16, 0), 100)),
        "a wav at four billion hertz": (".wav", _wav(struct.pack("<HHIIHHH", 1, 1, 2**32 - 1, 0, 2, 16, 0), 100)),
        "a wav that holds another codec": (".wav", _wav(struct.pack("<HHIIHHH", 0x0161, 2, 44100, 0, 9, 16, 0), 100)),
        "atoms within atoms": (".m4a", _nested(5000)),
        "a picture alone": (".mp3", picture_bomb(3000)),
        "nothing but sync words": (".mp3", b"\xff\xfb\x90\x00" * 5000),
        "one byte": (".opus", b"O"),
        "zeros": (".ogg", b"OggS" + bytes(5000)),
    }


def _wav(form: bytes, claimed: int) -> bytes:
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", claimed) + bytes(16000)
    return b"RIFF" + struct.pack("<I", claimed) + body


def _nested(depth: int) -> bytes:
    brand = struct.pack(">I", 16) + b"ftypM4A \x00\x00\x00\x00"
    return brand + b"".join(struct.pack(">I", 8 * (depth - level)) + b"moov" for level in range(depth))


def _elsewhere(film: bytes, path: str) -> bytes:
    """With a data reference to another file in place of 'it is in here', and whole otherwise."""
    here = struct.pack(">I", 12) + b"url \x00\x00\x00\x01"
    place = film.index(here)
    there = b"url \x00\x00\x00\x00" + f"file://{path}".encode() + b"\x00"
    changed = bytearray(film.replace(here, struct.pack(">I", 4 + len(there)) + there))
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        at = film.rindex(parent, 0, place) - 4
        struct.pack_into(">I", changed, at, struct.unpack_from(">I", film, at)[0] + len(changed) - len(film))
    return bytes(changed)
