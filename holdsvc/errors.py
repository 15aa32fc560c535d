"""Everything that can go wrong, in one tree.

HoldsvcError
  ConfigError             500   the service refuses to start, and names the key
    InUse                       another process works with the same data
  Unverified              403   the sender could not prove who it is; no detail in the reply
  BadWebhook              400   genuine but not understood; the caller still hears something
  StaleSession            409   somebody else wrote first: decide again
  StoreUnavailable        503   nothing was kept; the sender may retry
    Unkeepable                  this one record can never be kept
  OutboundFailed          502   .retryable
  Unheard                 503   what a caller said found no ear: keys work
  BadContent              422   a file that no caller will hear, with the reason
  CallbackRefused         409   a call-back that somebody else has, or that is over; with a sentence
  UnknownCall             404   no such call, queue or item
"""

from __future__ import annotations

from http import HTTPStatus


class HoldsvcError(Exception):
    status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR


class ConfigError(HoldsvcError):
    """The service refuses to start; `key` names the setting at fault."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}" if key else message)
        self.key = key


class InUse(ConfigError):
    """Another process works with the same data."""


class Unverified(HoldsvcError):
    """`reason` comes from a closed set of words, for the metric; it never leaves the house."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BadWebhook(HoldsvcError):
    """`reason` comes from a closed set of words, for the metric."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason


class StaleSession(HoldsvcError):
    status = HTTPStatus.CONFLICT


class StoreUnavailable(HoldsvcError):
    status = HTTPStatus.SERVICE_UNAVAILABLE


class Unkeepable(StoreUnavailable):
    """This one record can never be written: trying again is of no use, and it must not keep others waiting."""


class OutboundFailed(HoldsvcError):
    status = HTTPStatus.BAD_GATEWAY

    """`why` comes from a closed set of words: url scheme user port address name connection slow large redirects status
    encoding room broken. The message never holds the URL, which may hold a secret."""

    def __init__(self, message: str, *, retryable: bool = True, why: str = "broken", after: float = 0.0) -> None:
        """`after`: seconds for which we were asked not to come again."""
        super().__init__(message)
        self.retryable = retryable
        self.why = why
        self.after = after


class Unheard(HoldsvcError):
    """`why` comes from a closed set of words, for the metric: absent busy late broken."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, why: str, detail: str = "") -> None:
        super().__init__(detail or why)
        self.why = why


class BadContent(HoldsvcError):
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class CallbackRefused(HoldsvcError):
    status = HTTPStatus.CONFLICT


class UnknownCall(HoldsvcError):
    status = HTTPStatus.NOT_FOUND
