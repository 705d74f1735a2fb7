"""Whether a shared secret could be guessed.

Whoever knows the secret a carrier signs with decides what became of calls. A secret that a program makes is long and
has no pattern; what people type for the moment, or copy from an example, has one. This distinguishes them; it is no
measure of strength, and what it lets pass is still the operator's choice.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

SHORTEST = 16
"""Sixteen characters of hexadecimal digits are 64 bits, more than can be tried over a network."""
FEWEST_DIFFERENT = 6
FEWEST_BESIDE_WORDS = 8

_WORDS = [
    "simulator",
    "simulated",
    "simulation",
    "carrier",
    "campaign",
    "dialer",
    "dialler",
    "secret",
    "shared",
    "password",
    "passphrase",
    "passwd",
    "changeme",
    "change",
    "please",
    "default",
    "example",
    "sample",
    "test",
    "testing",
    "demo",
    "development",
    "local",
    "localhost",
    "admin",
    "token",
    "letmein",
    "welcome",
    "qwerty",
    "qwertz",
    "azerty",
    "asdfgh",
    "zxcvbn",
    "the",
    "my",
    "this",
    "is",
    "me",
    "it",
    "not",
    "for",
    "of",
    "your",
    "our",
    "very",
    "some",
    "long",
]


def why_guessable(secret: str, also: Iterable[str] = ()) -> str | None:
    """What is wrong with the secret, as the second half of a sentence; ``None`` when nothing is. ``also`` are words
    that anybody would try here, such as names of carriers."""
    if len(secret) < SHORTEST:
        return f"is shorter than {SHORTEST} characters"
    if secret in (secret + secret)[1:-1]:
        return "says the same again and again"
    if len(set(secret)) < FEWEST_DIFFERENT:
        return "has too few different characters"
    steps = [ord(after) - ord(before) for before, after in pairwise(secret)]
    if sum(step in (-1, 0, 1) for step in steps) > len(steps) / 2:
        return "is a row of characters one after the other"
    rest = "".join(filter(str.isalnum, secret.lower()))
    for word in sorted([*_WORDS, *also], key=len, reverse=True):
        rest = rest.replace(word, "")
    if len(rest) < FEWEST_BESIDE_WORDS:
        return "is made of words anybody would try"
    return None
