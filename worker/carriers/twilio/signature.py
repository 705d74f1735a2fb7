"""Whether a callback is Twilio's: the HMAC-SHA1 of the address it came to and of its fields, in ``X-Twilio-Signature``.

There is no instant in it, so a callback that was overheard can be sent again: what it says must change nothing the
second time.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

HEADER = "X-Twilio-Signature"
OVERRIDES = "#rc=5&rp=all"
"""Asks Twilio to send a callback again, up to five times, whatever went wrong; its own default is never. Behind the
``#`` it reaches no server, so that whether it was signed along cannot be seen from the request."""

_PORTS = {"https": 443, "http": 80}


def sign(token: str, url: str, fields: Iterable[tuple[str, str]]) -> str:
    """The signature of these fields at this address; a pair that is repeated counts once."""
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    return b64encode(hmac.digest(token.encode(), text.encode("utf-8", "surrogateescape"), "sha1")).decode()


def is_signed(tokens: Iterable[str], url: str, fields: Iterable[tuple[str, str]], given: str) -> bool:
    """Whether one of the tokens made the signature, for one way of writing the address."""
    pairs, proof = list(fields), given.encode("utf-8", "replace")
    written = list(_ways_to_write(url))
    return any(hmac.compare_digest(sign(token, one, pairs).encode(), proof) for token in tokens for one in written)


def _ways_to_write(url: str) -> Iterator[str]:
    """The address with and without its port: Twilio is not of one mind about which it signs."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    name = host.rpartition(":")[0] if parts.port else host
    port = parts.port or _PORTS.get(parts.scheme)
    for netloc in (name, f"{name}:{port}"):
        at = parts._replace(netloc=netloc).geturl()
        yield at
        yield at + OVERRIDES
