"""How Twilio proves that a request is its own. Works on bytes from end to end, so that no decoding can change what was signed.

Page: "Security: validating signatures", read 2026-03. What is signed: the URL as it was requested, without its fragment, and for a
form each name and value behind it, sorted, equal pairs once. The vectors of the tests were made with the vendor's own code.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from holdsvc.errors import Unverified
from holdsvc.ports import WebhookRequest

SIGNATURE = "x-twilio-signature"
SETTINGS = "x-twilio-webhooks-signature-settings"  # says that a shared key signed, and which one
FORM = "application/x-www-form-urlencoded"
HANDSHAKE = "media"  # the step whose request opens a websocket
MOST_PAIRS = 2000  # Twilio sends under a hundred; more is an attempt to keep us busy

DEFAULT_PORTS = {"https": "443", "wss": "443", "http": "80", "ws": "80"}
SOCKET_SCHEMES = {"https": "wss", "http": "ws"}
# userinfo, host (an IPv6 address stands in brackets and holds colons), port
AUTHORITY = re.compile(r"^((?:.*@)?)(\[[^\]]*\]|[^:]*)(?::(\d*))?$", re.DOTALL)
URL = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^#]*)", re.DOTALL)
ENCODED = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")

Pairs = tuple[tuple[bytes, bytes], ...]


class Secret(NamedTuple):
    key: bytes
    digest: str  # hashlib's name


def check(request: WebhookRequest, tokens: Iterable[str], shared_keys: Mapping[str, str]) -> Pairs:
    """The form's pairs if somebody with one of our secrets signed this request; else raise `Unverified`.

    Several tokens are valid at once while they are being rotated. What a signature does not cover is refused, not ignored.
    """
    secrets = chosen(request, [token for token in tokens if token], shared_keys)
    given = request.headers.get(SIGNATURE, "")
    if not given:
        raise Unverified("missing_signature")
    told = form_of(request)
    if told is None:
        raise Unverified("bad_signature")
    tail = b"".join(name + value for name, value in sorted(set(told)))
    signed = [wire_bytes(url) + tail for url in spellings(request)]
    # Every candidate is computed and compared, so that time does not tell which one came near.
    matches = [same(given, sign(secret, text)) for secret in secrets for text in signed]
    if not any(matches):
        raise Unverified("bad_signature")
    if has_loose_body(request) and not same(hashlib.sha256(request.body).hexdigest(), told_hash(request)):
        raise Unverified("bad_body_hash")
    return told


def chosen(request: WebhookRequest, tokens: list[str], shared_keys: Mapping[str, str]) -> list[Secret]:
    """The secrets that may have signed. An empty one is none: anybody could sign with it."""
    keys = {name: secret for name, secret in shared_keys.items() if secret}
    if not tokens and not keys:
        raise Unverified("no_secret")
    told = request.headers.get(SETTINGS)
    if told is None:
        return [Secret(wire_bytes(token), "sha1") for token in tokens]
    settings = dict(part.strip().partition("=")[::2] for part in told.split(","))
    if settings.get("algorithm") != "HMAC_SHA256":
        raise Unverified("unknown_algorithm")
    secret = keys.get(settings.get("key", ""))
    return [Secret(wire_bytes(secret), "sha256")] if secret else []


def sign(secret: Secret, text: bytes) -> str:
    return base64.b64encode(hmac.digest(secret.key, text, secret.digest)).decode("ascii")


def same(one: str, other: str) -> bool:
    return hmac.compare_digest(wire_bytes(one), wire_bytes(other))


def wire_bytes(text: str) -> bytes:
    """UTF-8, and never an exception: a lone surrogate is merely a wrong signature."""
    return text.encode("utf-8", "surrogatepass")


# --- the form ---------------------------------------------------------------------------------------------------------


def form_of(request: WebhookRequest) -> Pairs | None:
    return form(request.body) if has_form(request) else ()


def query_fields(request: WebhookRequest) -> tuple[tuple[str, str], ...]:
    """What the URL carries. It was signed as it stands, so anything goes that a settings page lets people write."""
    return readable(pairs(wire_bytes(request.query)) or ())


def readable(pairs: Pairs) -> tuple[tuple[str, str], ...]:
    """As text, once the bytes are verified. Broken UTF-8 is read as far as it goes."""
    return tuple((name.decode("utf-8", "replace"), value.decode("utf-8", "replace")) for name, value in pairs)


def has_form(request: WebhookRequest) -> bool:
    """A GET has its parameters in the URL; whatever body it carries is not signed and not looked at."""
    return request.method == "POST" and media_type(request) in (FORM, "")


def has_loose_body(request: WebhookRequest) -> bool:
    """A body that the signature covers only by its hash in the URL."""
    return request.method != "GET" and not has_form(request) and (bool(request.body) or bool(told_hash(request)))


def told_hash(request: WebhookRequest) -> str:
    return dict(reversed(query_fields(request))).get("bodySHA256", "")


def media_type(request: WebhookRequest) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def form(text: bytes) -> Pairs | None:
    """The decoded pairs in their order, blanks kept; None for what no Twilio ever wrote.

    A pair without "=" is refused: the same text would be signed for `a=b` and for `ab`.
    """
    pieces = pairs(text)
    return pieces if pieces is not None and all(b"=" in piece for piece in text.split(b"&") if piece) else None


def pairs(text: bytes) -> Pairs | None:
    if text.count(b"&") > MOST_PAIRS:
        return None
    halves = [piece.partition(b"=") for piece in text.split(b"&") if piece]
    return tuple((decoded(name), decoded(value)) for name, _, value in halves)


def decoded(text: bytes) -> bytes:
    """Percent signs that encode nothing stay. A whole run is decoded at once: speech in other scripts is hardly anything else."""
    return ENCODED.sub(lambda run: bytes.fromhex(run[0].decode("ascii").replace("%", "")), text.replace(b"+", b" "))


# --- the URL ----------------------------------------------------------------------------------------------------------


def spellings(request: WebhookRequest) -> list[str]:
    """The ways in which Twilio may have written the URL before it signed: with or without the port.

    For a websocket's handshake also with or without a final slash (seen in reports, not in the documentation).
    """
    match = URL.match(request.url)
    if match is None:
        return [request.url.partition("#")[0]]
    scheme, authority, rest = match[1], match[2], match[3]
    if request.step == HANDSHAKE:
        scheme = SOCKET_SCHEMES.get(scheme.lower(), scheme)
    rests = slash_variants(rest) if request.step == HANDSHAKE else (rest,)
    return [f"{scheme}://{place}{ending}" for place in port_variants(scheme, authority) for ending in rests]


def port_variants(scheme: str, authority: str) -> tuple[str, ...]:
    match = AUTHORITY.match(authority)
    if match is None:
        return (authority,)
    user, host, port = match[1], match[2], match[3]
    port = port or DEFAULT_PORTS.get(scheme.lower(), "")
    return (f"{user}{host}", f"{user}{host}:{port}") if port else (authority,)


def slash_variants(rest: str) -> tuple[str, ...]:
    path, mark, query = rest.partition("?")
    bare = path.removesuffix("/")
    return (f"{bare}{mark}{query}", f"{bare}/{mark}{query}")
