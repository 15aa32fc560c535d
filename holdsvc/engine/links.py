"""URLs that a platform may fetch. Sound is named by its hash and signed: the same address, the same bytes, for all callers."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from holdsvc.calls.model import ContentId, PromptId


class SignedLinks:
    """`base` is the public URL without a slash at its end, or "" for relative addresses."""

    def __init__(
        self,
        base: str,
        key: bytes,
        content_hash: Callable[[ContentId], str],
        prompt_hash: Callable[[str, PromptId], str],
    ) -> None:
        self._base, self._key = base, key
        self._content_hash, self._prompt_hash = content_hash, prompt_hash

    def hook(self, platform: str, step: str, query: Mapping[str, str]) -> str:
        return f"{self._base}/hooks/{platform}/{step}?{urlencode(query)}"

    def content(self, content: ContentId, from_second: float, until_second: float, gain: float) -> str:
        louder = f"@{gain:+.0f}" if gain else ""
        return self._sound(f"{self._content_hash(content)}/{from_second:g}-{until_second:.2f}{louder}.wav")

    def prompt(self, language: str, prompt: PromptId) -> str:
        return self._sound(f"{self._prompt_hash(language, prompt)}/all.wav")

    def media(self, platform: str, token: str) -> str:
        return f"{self._base.replace('http', 'ws', 1)}/media/{platform}/{token}"

    def _sound(self, path: str) -> str:
        return f"{self._base}/audio/{self.signature(path)}/{path}"

    def signature(self, path: str) -> str:
        """128 bits over the path: nobody else can name a stretch of sound for us to cut."""
        digest = hmac.digest(self._key, path.encode(), hashlib.sha256)[:16]
        return urlsafe_b64encode(digest).decode().rstrip("=")

    def genuine(self, signature: str, path: str) -> bool:
        return hmac.compare_digest(signature.encode(), self.signature(path).encode())
