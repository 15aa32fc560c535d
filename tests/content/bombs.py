"""Small files that ask for much: hours of silence, a picture that swells, a tag that claims the whole memory."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

_LONGEST_BLOCK = 65535  # samples a FLAC frame may stand for


def flac_of_silence(hours: float, rate: int = 8000) -> bytes:
    """About 14 bytes for eight seconds: each frame says that all its samples are zero."""
    samples = round(hours * 3600 * rate)
    frames = -(-samples // _LONGEST_BLOCK)
    sizes = struct.pack(">HH", _LONGEST_BLOCK, _LONGEST_BLOCK) + bytes(6)
    layout = rate << 44 | 0 << 41 | 15 << 36 | frames * _LONGEST_BLOCK  # rate, channels - 1, bits - 1, samples
    info = sizes + layout.to_bytes(8, "big") + bytes(16)
    head = b"fLaC" + b"\x80" + len(info).to_bytes(3, "big") + info
    return head + b"".join(_silent_frame(number) for number in range(frames))


def _silent_frame(number: int) -> bytes:
    head = b"\xff\xf8" + bytes((0x70, 0x08)) + _coded(number) + struct.pack(">H", _LONGEST_BLOCK - 1)
    head += bytes((_crc(head, 0x07, 8),))
    body = head + b"\x00\x00\x00"  # one constant subframe: zero
    return body + _crc(body, 0x8005, 16).to_bytes(2, "big")


def _coded(number: int) -> bytes:
    """As UTF-8 writes a character, also where there is no such character."""
    return chr(number).encode("utf-8", "surrogatepass")


def _crc(words: Iterable[int], polynomial: int, width: int) -> int:
    value, top, all_bits = 0, 1 << (width - 1), (1 << width) - 1
    for byte in words:
        value ^= byte << (width - 8)
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value & top else 0)) & all_bits
    return value


def picture_bomb(side: int = 30000) -> bytes:
    """A PNG of nearly a gigapixel, all of one colour: about a thousandth of what it becomes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    squeeze = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    rows = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    shape = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", shape) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def id3(*frames: bytes, claimed: int | None = None) -> bytes:
    """A tag in front of an mp3; `claimed` is the length that it says it has."""
    body = b"".join(frames)
    length = len(body) if claimed is None else claimed
    return b"ID3\x03\x00\x00" + bytes(length >> shift & 0x7F for shift in (21, 14, 7, 0)) + body


def tag_frame(kind: bytes, content: bytes, claimed: int | None = None) -> bytes:
    return kind + struct.pack(">I", len(content) if claimed is None else claimed) + b"\x00\x00" + content


def cover(picture: bytes) -> bytes:
    return tag_frame(b"APIC", b"\x00image/png\x00\x03\x00" + picture)
