"""Whether a number may be called by its country's numbering plan, as libphonenumber has it, in a tenth of its time.

The library tries the patterns of a plan one by one, for every kind of number, and twice. Here those of a plan are
joined into two expressions when its country code is first seen: one says whether the number is of the plan, the other
whether it is of a kind that is called. They are made of the library's own data and by its own order of kinds
(``number_type``), so that the answer is the same for every number; a test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumberDesc

REGION_OF_NO_COUNTRY = "001"
_NEVER = "(?!)"
_ORDINARY = ("mobile", "fixed_line", "voip", "personal_number", "pager", "uan", "voicemail")
"""Kinds that are called; which of them a number is makes no difference."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """The plan of one of the countries that share a country code: whether a number is of it, and may be called."""

    claims: re.Pattern[str]
    allows: re.Pattern[str]


def may_be_called(country_code: int, national: str) -> bool:
    """Whether the plan has the number, of a kind that costs the caller no more than a call. ``national`` are the digits
    behind the country code, without a leading zero."""
    for plan in _plans_of(country_code):
        if plan.claims.match(national):
            return plan.allows.match(national) is not None
    return False


@cache
def _plans_of(country_code: int) -> tuple[_Plan, ...]:
    """The plans of the countries with this code, in the order in which a number's country is looked for."""
    regions = COUNTRY_CODE_TO_REGION_CODE.get(country_code, ())
    made = []
    for region in regions:
        data = (
            PhoneMetadata.metadata_for_nongeo_region(country_code)
            if region == REGION_OF_NO_COUNTRY
            else PhoneMetadata.metadata_for_region(region)
        )
        if data is not None:
            made.append(_plan(data, is_alone=len(regions) == 1))
    return tuple(made)


def _plan(data: PhoneMetadata, *, is_alone: bool) -> _Plan:
    general, premium, shared = _whole(data.general_desc), _whole(data.premium_rate), _whole(data.shared_cost)
    kinds = _ORDINARY[1:] if data.same_mobile_and_fixed_line_pattern else _ORDINARY
    free, ordinary = _whole(data.toll_free), _any(_whole(getattr(data, kind)) for kind in kinds)
    is_known = f"(?={general}){_any((ordinary, free, premium, shared))}"
    if is_alone:
        claims = ""
    elif data.leading_digits is not None:
        claims = data.leading_digits
    else:
        claims = is_known
    # Free of charge is looked for before shared cost, and a premium rate before everything.
    allows = f"(?={general})(?!{premium})(?:{free}|(?!{shared}){ordinary})"
    return _Plan(re.compile(claims), re.compile(allows))


def _any(patterns: Iterable[str]) -> str:
    return f"(?:{'|'.join(dict.fromkeys(patterns))})"


def _whole(desc: PhoneNumberDesc | None) -> str:
    """What matches the whole of a number of this kind, and no other."""
    if desc is None or not desc.national_number_pattern:
        return _NEVER
    lengths: Sequence[int] = desc.possible_length
    length = f"(?={_any(f'[0-9]{{{n}}}$' for n in lengths if n > 0)})" if lengths else ""
    return f"(?:{length}(?:{desc.national_number_pattern})$)"
