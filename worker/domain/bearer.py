"""Bearer keys as text: ``dlr_<id>_<secret>``.

The id finds the key's row, the secret proves that the bearer was given it. The secret is 256 random bits, so
its plain SHA-256 is as good as a slow hash: there is nothing to guess. Of what is stored nothing leads back to
it; the digests are compared in constant time.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass, field
from hashlib import sha256

from worker.domain import ids

PREFIX = "dlr"
_TEXT = re.compile(rf"{PREFIX}_([0-9a-z]{{26}})_([0-9a-f]{{64}})")


@dataclass(frozen=True, slots=True)
class BearerKey:
    """A key with its secret, as the bearer has it."""

    id: str
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """What is shown once, and sent as ``Authorization: Bearer …``."""
        return f"{PREFIX}_{self.id.removeprefix(f'{ids.KEY}_')}_{self.secret}"

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the secret: all that is stored of it."""
        return sha256(self.secret.encode()).digest()

    def proves(self, digest: bytes) -> bool:
        """Whether the secret is the one this digest was made of."""
        return hmac.compare_digest(self.digest, digest)


def new_key() -> BearerKey:
    """A key nobody else has."""
    return BearerKey(ids.new(ids.KEY), secrets.token_hex(32))


def read_key(text: str) -> BearerKey | None:
    """The key written so; ``None`` if this is no key of ours."""
    match = _TEXT.fullmatch(text)
    return None if match is None else BearerKey(f"{ids.KEY}_{match[1]}", match[2])
