"""What somebody who is to be erased is found by, in whatever is written of them.

A number is found however it is spelled: its national digits with up to three signs between any two. A text is found as
a word, whatever the case, also as JSON writes it with escapes. A first or last name by itself is a word of the language
as well: it is taken for the person's where it is all that a value says, and nobody's note of what may happen in May
loses its words. One pattern serves PostgreSQL and Python alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from phonenumbers import NumberParseException, national_significant_number, parse

from worker.domain.screening import Phone, normalize

ERASED = "erased"
"""What stands in the place of what was erased, where something must."""
ERASED_NUMBER = "This number is of somebody who was erased; it is not taken again."
SHORTEST_TEXT = 2
"""Of a single letter everything is full."""
_BETWEEN = "[^0-9A-Za-z]{0,3}"
_PLAIN = re.compile(r"[A-Za-z0-9_]|[^\x00-\x7f]")


@dataclass(frozen=True, slots=True)
class Signs:
    """The ``numbers`` (E.164) and ``texts`` (whole names, addresses, ids elsewhere) of a person, their first and last
    ``names``, and the ids of the ``contacts`` that they are. ``pattern`` finds any of these, ``certain`` what is
    nobody else's and no word."""

    numbers: Sequence[str] = ()
    texts: Sequence[str] = ()
    names: Sequence[str] = ()
    contacts: Sequence[str] = ()
    pattern: str = field(init=False, repr=False, default="")
    certain: str = field(init=False, repr=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", _pattern(self.numbers, [*self.texts, *self.names]))
        object.__setattr__(self, "certain", _pattern(self.numbers, self.texts))

    def as_json(self) -> dict[str, Any]:
        """What is kept of them until the person is erased."""
        return {
            "numbers": list(self.numbers), "texts": list(self.texts), "names": list(self.names),
            "contacts": list(self.contacts),
        }  # fmt: skip

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Signs:
        """The same, read again."""
        return cls(kept["numbers"], kept["texts"], kept["names"], kept["contacts"])


def signs_of(contacts: Iterable[Mapping[str, Any]], numbers: Iterable[str], region: str | None) -> Signs:
    """The signs of these contacts, rows of the table, and of numbers that are theirs."""
    found, texts, names, ids = list(numbers), list[str](), list[str](), list[str]()
    for contact in contacts:
        ids.append(contact["id"])
        found += [each for each in (contact["phone_e164"], _secondary(contact, region)) if each]
        both = [name.strip() for name in (contact["first_name"], contact["last_name"]) if name.strip()]
        names += both
        texts += [" ".join(both), " ".join(reversed(both))] if len(both) > 1 else []
        written = (contact["email"], contact["external_id"], contact["phone"], contact["phone_secondary"])
        texts += [text for text in written if text]
    found, texts, names = (list(dict.fromkeys(each)) for each in (found, texts, names))
    return Signs(found, texts, names, ids)


def _secondary(contact: Mapping[str, Any], region: str | None) -> str | None:
    read = normalize(contact["phone_secondary"], region)
    return read.e164 if isinstance(read, Phone) else None


def _pattern(numbers: Sequence[str], texts: Sequence[str]) -> str:
    """A regular expression, for PostgreSQL and Python, that finds any of them; ``""`` where there is none."""
    found = [f"(?<![0-9]){_digits(number)}(?![0-9])" for number in numbers]
    words = {text.strip() for text in texts if len(text.strip()) >= SHORTEST_TEXT}
    words |= {json.dumps(text)[1:-1] for text in words}
    found += [rf"(?<!\w){_literal(text)}(?!\w)" for text in sorted(words, key=lambda text: (-len(text), text))]
    return f"(?i)(?:{'|'.join(found)})" if found else ""


def _digits(number: str) -> str:
    """The number in any spelling: with its country code, however that begins, or without."""
    try:
        national = national_significant_number(parse(number))
    except NumberParseException:
        national = number.lstrip("+")
    code = number.lstrip("+")[: -len(national)]
    spelled = _BETWEEN.join(national)
    before = f"(?:(?:00|011)?{_BETWEEN}{_BETWEEN.join(code)}{_BETWEEN})?(?:0{_BETWEEN})?" if code else ""
    return f"{before}{spelled}"


def _literal(text: str) -> str:
    return "".join(sign if _PLAIN.fullmatch(sign) else f"\\{sign}" for sign in text)


def without(signs: Signs, value: Any) -> Any:
    """A JSON value, or a text, with ``erased`` in the place of every certain sign, and of a value that is a name."""
    names = {name.casefold() for name in signs.names}
    certain = re.compile(signs.certain or "(?!)")

    def text_without(text: str) -> str:
        return ERASED if text.strip().casefold() in names else certain.sub(ERASED, text)

    def cleared(value: Any) -> Any:
        match value:
            case str():
                return text_without(value)
            case dict():
                return {text_without(name): cleared(inner) for name, inner in value.items()}
            case list():
                return [cleared(inner) for inner in value]
            case int() if not isinstance(value, bool) and certain.search(str(value)):
                return ERASED
            case _:
                return value

    return cleared(value)


def mentions(signs: Signs, value: Any) -> bool:
    """Whether any sign, a name by itself among them, stands in a text, or in a value as JSON writes it."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    pattern = re.compile(signs.pattern or "(?!)")
    return pattern.search(text) is not None
