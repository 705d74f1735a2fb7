"""The token of a call, ``dct_…``: by it the assistant that was connected speaks for this call and for no other.

It is the HMAC-SHA256 of the call's id under a secret of the deployment that stands in the database alone. So nothing is
written for it when a call is placed, whoever answers the carrier's question a minute later can say it again, and it can
be made neither of the call's id nor of the token in its callback address, which proxies and carriers see.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode

PREFIX = "dct"


def call_token(secret: bytes, call_id: str) -> str:
    """The token of this call."""
    digest = hmac.digest(secret, b"call token " + call_id.encode(), "sha256")
    return f"{PREFIX}_{urlsafe_b64encode(digest).decode().rstrip('=')}"


def is_call_token(text: str) -> bool:
    """Whether this is written as one, and no key of a team."""
    return text.startswith(f"{PREFIX}_")


def proves(secret: bytes, call_id: str, text: str) -> bool:
    """Whether this is the token of the call; compared in constant time."""
    return hmac.compare_digest(call_token(secret, call_id).encode(), text.encode("utf-8", "replace"))
