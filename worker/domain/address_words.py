"""The country, the state and the postal code of a person, as people write them in forms and files.

A country is kept by its ISO 3166 code, a state by that of ISO 3166-2 without its country where its country is one whose
states decide something (``STATES``), and as it is written elsewhere. Nothing is guessed: what is no state or no postal
code of the country is refused with what would be one, and so is what says nothing without its country.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

import phonenumbers
import pytz

from worker.domain.address_vocabulary import COUNTRIES, POSTAL_CODES, STATES
from worker.domain.addresses import postal_place
from worker.domain.errors import Fault, Invalid
from worker.domain.letters import key_of, plainly_spaced

LONGEST_COUNTRY, LONGEST_REGION, LONGEST_POSTAL_CODE = 64, 100, 16
_SHOWN = 40
_TABLES = frozenset({"US", "CA"})
"""Countries of which it is known where each postal code is."""
_CODE = re.compile("[A-Z]{2}")


def read_country(written: str, path: str = "country") -> str:
    """The ISO 3166 code of a country: from that code in any case, or from what people call it. Raises
    :class:`Invalid`."""
    word = plainly_spaced(written)
    code = word.upper()
    if _CODE.fullmatch(code) and code in _codes():
        return code
    found = _country_words().get(key_of(word))
    if found is None:
        raise Invalid([Fault(path, f"No country {word[:_SHOWN]!r}; use an ISO 3166 code, such as US.")])
    return found


def read_region(written: str, country: str, path: str = "region") -> str:
    """The code of a state of the country, from its code or its name; where the states of the country decide nothing,
    what is written. Raises :class:`Invalid` for what is no state of it."""
    word = plainly_spaced(written)
    states = STATES.get(country)
    if not word:
        raise Invalid([Fault(path, "It names no state; give its code or name.")])
    if states is None:
        return word
    key = key_of(word)
    found = _state_words(country).get(key) or _state_words(country).get(key.removeprefix(country.lower()))
    if found is None:
        example = next(iter(states))
        also = [other for other in STATES if key in _state_words(other)]
        there = f"; it is one of {' and of '.join(also)}" if also else ""
        raise Invalid(
            [Fault(path, f"{country} has no state {word[:_SHOWN]!r}{there}; use its code, such as {example}, or name.")]
        )
    return found


def read_postal_code(written: str, country: str, path: str = "postalCode") -> str:
    """The postal code, in capitals; where it is known how those of the country look, only one that does, and where it
    is known where each is, only one that is somewhere. Raises :class:`Invalid`, naming the country it may be of."""
    code = plainly_spaced(written).upper()
    form = POSTAL_CODES.get(country)
    if not code:
        raise Invalid([Fault(path, "It holds no postal code; give one, or null.")])
    if form is None:
        return code
    if form.pattern.fullmatch(code):
        if country in _TABLES and postal_place(country, code) is None:
            raise Invalid(
                [Fault(path, f"Nobody knows where the postal code {code} of {country} is; check its digits.")]
            )
        return code
    of = [other for other, its in POSTAL_CODES.items() if its.is_telling and its.pattern.fullmatch(code)]
    there = f", but of {' or '.join(of)}" if of else ""
    raise Invalid(
        [Fault(path, f'"{code[:_SHOWN]}" cannot be a postal code of {country}{there}; that has {form.words}.')]
    )


@cache
def _codes() -> frozenset[str]:
    return frozenset({*pytz.country_names} | phonenumbers.SUPPORTED_REGIONS)


@cache
def _country_words() -> Mapping[str, str]:
    named = {key_of(name): code for code, name in pytz.country_names.items()}
    return named | {key_of(word): code for code, words in COUNTRIES.items() for word in words}


@cache
def _state_words(country: str) -> Mapping[str, str]:
    states = STATES[country]
    return {key_of(word): code for code, names in states.items() for word in (code, *names)}
