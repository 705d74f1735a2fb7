"""The do-not-call registry of the United States as telemarketers download it: a line ``202,5550101`` for each number,
its area code before the comma, without a first line that names columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from phonenumbers import country_code_for_region

_NUMBER = re.compile(r'\s*"?([2-9][0-9]{2})"?,"?([2-9][0-9]{6})"?\s*')
_NORTH_AMERICA = 1


REGISTRY_PURPOSE, REGISTRY_SOURCE = "telemarketing", "US national do-not-call registry"
"""What the registry stops, and what its numbers are said to come from."""


def is_of_registry(line: str, region: str | None) -> bool:
    """Whether a file that begins with this line is one of the registry's."""
    is_possible = region is None or country_code_for_region(region) == _NORTH_AMERICA
    return is_possible and _NUMBER.fullmatch(line) is not None


def numbers_of_registry(lines: Iterable[str], region: str | None) -> Iterator[str]:
    """The lines of a file of numbers; where the first is one of the registry's, each such line as a number in E.164.

    Nobody else writes numbers so, and a number too many on such a list calls nobody: so where ``region`` is not known
    they are taken for what they look like. With one outside North America they are left as they are.
    """
    rest = iter(lines)
    first = next(rest, "")
    if not is_of_registry(first, region):
        yield first
        yield from rest
        return
    yield _in_e164(first)
    yield from map(_in_e164, rest)


def _in_e164(line: str) -> str:
    match = _NUMBER.fullmatch(line)
    return f"+1{match[1]}{match[2]}\n" if match else line
