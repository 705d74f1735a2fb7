"""A phone number as people and programs write it, on the way to being one: what is wrapped around it is taken off, and
what may be a second number in it is shown.

Nothing here knows numbering plans; :mod:`worker.domain.screening` asks them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

_QUOTES = "'\"`´‘’“”„"
_DASHES = dict.fromkeys("−⁃ー￫ｰ➖", "-")
_SLASHES = dict.fromkeys("⁄∕⧸＼", "/")
_PLUSES = dict.fromkeys("➕", "+")
_LINE_ENDS = "\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029"

_SCHEME = re.compile(r"(?:tel|callto|whatsapp)\s*+:\s*+(?://\s*+)?", re.IGNORECASE)
_LABEL = re.compile(
    r"(?:(?:tele?(?:fon|phone)?|phone|ph|mob(?:il|ile)?|cell|handy|home|work|office|direct)\b(?: ?(?:no|nr|number))?"
    r"|[cdhmoptw](?=[.:]))[ .:]*(?=[+(\d])",
    re.IGNORECASE,
)
_NOTE = re.compile(
    r"[(\[]\s*(?:tel|phone|mob(?:il|ile)?|cell|handy|home|work|office|main|direct|business|private|privat|personal"
    r"|b(?:ü|ue)ro|gesch(?:ä|ae)ftlich|dienstlich|zentrale|[cdhmow])\.?\s*[)\]]\s*\.?\s*",
    re.IGNORECASE,
)
"""Words in brackets that say which phone it is. Others are not passed over: they may say that nobody is to call."""
_FORMULA = re.compile(r"=\s*(?=[+\"'\d])")

OF_ONE_NUMBER = re.compile(r"[(\[ ]*+\+?[0-9 ()\[\]./\\\n-]*")
"""The signs within a number: digits, what groups them, and a plus before them. A slash and a line's end may also stand
between two."""
_JOINTS = re.compile(r"[/\\\n(\[]")
_HAS_DIGITS = re.compile(r"[0-9]")
_GROUP = re.compile(r"([0-9]+)([^0-9]*)")


def plain_number(raw: str) -> str:
    """The text with every blank a space, every dash a hyphen, every decimal digit one of ours, and without marks of
    writing direction, quotes, the ``=`` of a formula, the scheme of an address (``tel:``), a label before the number
    (``Tel.``) and a note behind it (``(mobile)``)."""
    text = raw if raw.isascii() and raw.isprintable() else "".join(map(_plain_sign, raw))
    text = _FORMULA.sub("", text.strip(), count=1) if text.lstrip().startswith("=") else text
    text = text.strip().strip(_QUOTES).strip()
    if not text or (text[0] in "+(0123456789" and text[-1] not in ")]."):
        return text
    scheme = _SCHEME.match(text)
    text = _of_address(text[scheme.end() :]) if scheme else _LABEL.sub("", text, count=1)
    note = next((found for found in _NOTE.finditer(text) if found.end() == len(text)), None)
    return (text[: note.start()] if note else text).strip()


def _plain_sign(sign: str) -> str:
    category = unicodedata.category(sign)
    if category == "Zs" or sign == "\t":
        return " "
    if sign in _LINE_ENDS:
        return "\n"
    if category in ("Cf", "Cc"):
        return ""
    if category == "Pd" or sign in _DASHES:
        return "-"
    if category == "Nd":
        return str(unicodedata.decimal(sign))
    if category != "No":  # a raised 2 is a footnote, not a digit
        sign = _SLASHES.get(sign) or _PLUSES.get(sign) or unicodedata.normalize("NFKC", sign)
    return sign


def _of_address(address: str) -> str:
    """The number of an address by RFC 3966: with its context before it, its extension behind it."""
    number, *parameters = unquote(address).split(";")
    given = {name.strip().lower(): value for name, _, value in (each.partition("=") for each in parameters)}
    context = given.get("phone-context", "").strip()
    if context.startswith("+") and not number.lstrip().startswith("+"):
        number = f"{context} {number}"
    extension = given.get("ext") or given.get("isub") or given.get("postd")
    return f"{number} ext {extension}" if extension else number


@dataclass(frozen=True, slots=True)
class Beginning:
    """What could be a number of its own, what joins the ``rest`` to it, and that: ``030 23125012``, ``/``, ``13``."""

    text: str
    joint: str
    rest: str


def beginnings(text: str) -> Iterator[Beginning]:
    """The beginnings of a text; where one is a number, the text is two, or one with an extension."""
    end = OF_ONE_NUMBER.match(text).end()  # type: ignore[union-attr]  # it matches nothing at least
    within, without = text[:end], text[end:]
    if _HAS_DIGITS.search(without):
        yield Beginning(within, without[0], without[1:])
    for joint in _JOINTS.finditer(within):
        if _HAS_DIGITS.search(within, joint.end()):
            yield Beginning(within[: joint.start()], joint[0], within[joint.end() :])
    yield from _before_tails(within)


def _before_tails(text: str) -> Iterator[Beginning]:
    """What stands before a hyphen or point that groups no digits as those before it do: ``5550123-13``."""
    earlier: re.Match[str] | None = None
    before: re.Match[str] | None = None
    for group in _GROUP.finditer(text):
        if before is not None and before[2].strip() in ("-", "."):
            is_alike = earlier is None or earlier[2] == before[2] or len(group[1]) >= 4
            if not is_alike or len(group[1]) < len(before[1]):
                yield Beginning(text[: before.end(1)], before[2].strip(), text[group.start() :])
        earlier, before = before, group
