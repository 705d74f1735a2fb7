"""What the server needs of a protocol, and the reading that all protocols share."""

from __future__ import annotations

import hmac
import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from nacl.signing import SigningKey

from worker.simulator.calls import Call, CarrierProtocol, Request
from worker.simulator.exchange import Exchange
from worker.simulator.lives import Refusal

E164 = re.compile(r"\+[1-9][0-9]{1,14}")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """An HTTP request: the path without its query, split at the slashes."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, Sequence[str]]
    authorization: str
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP answer."""

    status: int
    document: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProtocolOptions:
    """What the simulator was started with, as far as a protocol may want it: the ``secret`` it shares with the dialer,
    and after how long a call is in lists. A spec's ``protocol`` (:class:`worker.carriers.spec.CarrierSpec`) is called
    with these and returns a :class:`ServedProtocol`."""

    secret: str
    list_lag_seconds: float = 0.0


class Malformed(Exception):
    """The request cannot be read: ``refusal`` says why in the words of a protocol, the message in ours."""

    def __init__(self, message: str, refusal: Refusal) -> None:
        super().__init__(message)
        self.refusal = refusal


class ServedProtocol(CarrierProtocol, Protocol):
    """A protocol that is served over HTTP."""

    root: str
    """The first part of its paths."""

    def is_authorized(self, http: HttpRequest) -> bool: ...

    def answer(self, http: HttpRequest, exchange: Exchange) -> HttpAnswer | Request | None:
        """The answer, or the request to place a call that this is; ``None`` where there is no such path. Raises
        :class:`Malformed`."""

    def accepted(self, calls: Sequence[Call]) -> HttpAnswer:
        """The answer to a request whose call was placed."""

    def without_id(self) -> HttpAnswer:
        """The same, unusable."""

    def refused(self, refusal: Refusal, message: str = "", request: Request | None = None) -> HttpAnswer:
        """The answer to what is refused; ``request`` where that was a call."""


class BearerProtocol:
    """What protocols share whose requests are authorized by ``Bearer {secret}``."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    @classmethod
    def from_options(cls, options: ProtocolOptions) -> Self:
        return cls(options.secret)

    def is_authorized(self, http: HttpRequest) -> bool:
        expected = f"Bearer {self._secret}".encode()
        return hmac.compare_digest(http.authorization.encode("latin-1", "replace"), expected)


def signing_key(secret: str) -> SigningKey:
    """What protocols that sign by Ed25519 sign with: made of the secret, so that it is the same after a restart."""
    return SigningKey(sha256(b"telnyx " + secret.encode()).digest())


def public_key(secret: str) -> str:
    """What verifies that, in base64."""
    return b64encode(bytes(signing_key(secret).verify_key)).decode()


def read_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in the body; ``None`` if it is none."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def is_number(value: object) -> bool:
    return isinstance(value, str) and E164.fullmatch(value) is not None


def is_web_address(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def parties(request: Request | None) -> dict[str, str]:
    """What a sentence about a refused call may name."""
    if request is None:
        return {"to_number": "", "from_number": "", "account": ""}
    return {"to_number": request.to_number, "from_number": request.from_number, "account": request.account}


def token_of(url: str) -> str:
    """The token of a call, by which the ledger is checked: the last part of the path its callbacks go to."""
    return urlsplit(url).path.rpartition("/")[2]


def retry_after(refusal: Refusal) -> dict[str, str]:
    pause = refusal.retry_after_seconds
    return {} if pause is None else {"Retry-After": f"{pause:g}"}
