"""Every platform, ready to be tested: one entry each."""

from __future__ import annotations

from urllib.parse import parse_qsl

from msgspec.structs import replace
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from holdsvc.platforms.twilio import Twilio
from holdsvc.ports import WebhookRequest

from .bench import Bench

TWILIO_TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"


def signed_by_twilio(request: WebhookRequest, token: str = TWILIO_TOKEN) -> WebhookRequest:
    """With the vendor's own code."""
    form = MultiDict(parse_qsl(request.body.decode(), keep_blank_values=True))
    signature = RequestValidator(token).compute_signature(request.url, form)
    return replace(request, headers={**request.headers, "x-twilio-signature": signature})


BENCHES = (Bench(Twilio((TWILIO_TOKEN,)), Twilio(), signed_by_twilio),)
