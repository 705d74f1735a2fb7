"""What is left of people's words when only letters and digits count, and what counts as a space.

Names of columns and short answers are written in a hundred ways (``Do_Not_Call__c``, ``DO NOT CALL?``, one with a
no-break space), which differ in signs, in case, in accents, and in characters nobody sees. Compared by
:func:`key_of` they are one.
"""

from __future__ import annotations

import re
import unicodedata

# Of category Cf, all that nothing is drawn for; the signs of Arabic that stand before a number are seen.
_UNSEEN = (
    "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
_UNSEEN_SIGN = re.compile(f"[{_UNSEEN}]")
_SPACES = "".join(sign for sign in map(chr, range(0x3001)) if sign.isspace())
_BLANK = _SPACES + "".join(
    chr(n) for begin, end in re.findall("(.)(?:-(.))?", _UNSEEN) for n in range(ord(begin), ord(end or begin) + 1)
)
_APOSTROPHES = re.compile("['’‘ʼ´`]")
_HUMP = re.compile(r"(?<=[a-zà-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])|(?<=[A-Z])(?=[A-Z][a-z])")
_OF_SALESFORCE = re.compile(r"__p?c\W*$", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_BARE = str.maketrans("ıłøđ", "ilod")
"""Letters whose accent is part of them."""


def word_set(text: str) -> frozenset[str]:
    """The words of a table."""
    return frozenset(text.split())


def stripped(text: str) -> str:
    """The text without spaces around it: whatever Unicode takes for one, and characters that are not seen."""
    text = text.strip()
    return text if text.isascii() else text.strip(_BLANK)


def plainly_spaced(text: str) -> str:
    """The same, and every run of spaces inside it is one plain space."""
    words = text.split()
    return " ".join(words if text.isascii() else filter(None, (word.strip(_BLANK) for word in words)))


def seen(text: str) -> str:
    """The text without characters that are not seen."""
    return text if text.isascii() else _UNSEEN_SIGN.sub("", text)


def words_of(text: str) -> list[str]:
    """The words, in small letters without accents: ``DoNotCall``, ``do not call?`` and ``Do_Not_Call__c`` are ``do``,
    ``not``, ``call``; ``don't`` is one word."""
    text = _OF_SALESFORCE.sub("", unicodedata.normalize("NFKC", seen(text)))
    small = _APOSTROPHES.sub("", _HUMP.sub(" ", text)).casefold().translate(_BARE)
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", small) if not unicodedata.combining(sign))
    return _WORD.findall(unicodedata.normalize("NFC", bare))


def key_of(text: str) -> str:
    """All letters and digits of the text, in small letters without accents; what names are compared by."""
    return "".join(words_of(text))
