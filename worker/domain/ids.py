"""Ids: opaque text with a prefix that says what they name, sorted by the time they were made (TypeID)."""

from __future__ import annotations

import secrets
import uuid

from typeid import TypeID, base32

TEAM, CAMPAIGN, CONTACT, ASSISTANT, COMPANY = "team", "camp", "cont", "asst", "comp"
NUMBER, RUN, CALL, KEY, ACCOUNT, IMPORT, ERASURE = "pn", "run", "call", "key", "acct", "imp", "ers"


def new(prefix: str) -> str:
    """A new id, such as ``camp_01k9…``; a later one sorts after an earlier one of the same process."""
    return str(TypeID(prefix=prefix))


def derived(prefix: str, text: str) -> str:
    """The id that belongs to this text: the same one each time."""
    return str(TypeID(prefix=prefix, suffix=base32.encode(uuid.uuid5(uuid.NAMESPACE_OID, text).bytes)))


def new_token() -> str:
    """128 random bits in hex: the secret in a call's callback address."""
    return secrets.token_hex(16)
