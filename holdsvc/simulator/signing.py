"""How Twilio signs what it sends, written from its public description and nothing else.

Pages: "Security" and "Media Streams: authentication", read 2026-03. Known vectors stand in the tests.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable

HEADER = "X-Twilio-Signature"


def sign(token: str, url: str, fields: Iterable[tuple[str, str]] = ()) -> str:
    """The signature of a form POST to `url`; of a GET or a websocket handshake when there are no fields.

    `url` is what goes over the wire, still percent-encoded; a fragment is an instruction to the carrier and not signed.
    Equal fields count once; different values of one name are all taken, in order.
    """
    text = url.partition("#")[0] + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
