"""What a stated country, state and postal code say of where somebody is; and what is wrong with them, in words."""

from __future__ import annotations

import re

import phonenumbers

from worker.domain.errors import Fault, Invalid
from worker.law.tables import names_of_states, postal_states, postal_zones, renamed, zones_of_states

_FORMS = {
    "US": (re.compile("[0-9]{5}(?:-?[0-9]{4})?"), "five digits, such as 86515"),
    "AU": (re.compile("[0-9]{4}"), "four digits, such as 6000"),
    "BR": (re.compile("[0-9]{5}-?[0-9]{3}"), "eight digits, such as 01310-100"),
    "CA": (re.compile("[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]"), "such as K1A 0B1"),
    "ES": (re.compile("[0-9]{5}"), "five digits, such as 35001"),
    **{each: (re.compile("[0-9]{5}"), "five digits") for each in ("DE", "FI", "FR", "IT", "MX")},
    **{each: (re.compile("[0-9]{4}"), "four digits") for each in ("AT", "BE", "CH", "DK", "NO", "NZ", "ZA")},
    "GB": (re.compile("[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}"), "such as SW1A 1AA"),
    "IN": (re.compile("[0-9]{3} ?[0-9]{3}"), "six digits, such as 110001"),
    "JP": (re.compile("[0-9]{3}-?[0-9]{4}"), "seven digits, such as 100-0001"),
    "NL": (re.compile("[0-9]{4} ?[A-Z]{2}"), "such as 1011 AB"),
    "PL": (re.compile("[0-9]{2}-?[0-9]{3}"), "such as 00-001"),
    "PT": (re.compile("[0-9]{4}(?:-?[0-9]{3})?"), "such as 9500-321"),
}
"""What a postal code looks like, where that shows one of another country, or the code says where somebody is."""


def state_of(country: str, region: str) -> str | None:
    """The state that is meant, by its letters or its name: ``IN``, ``US-IN``, ``Indiana``; ``None`` where there is none
    in this country."""
    said = region.strip().upper()
    own = renamed().get(country, "")
    for state, name in names_of_states().items():
        if state.startswith(f"{country}-") and said in (state, state[3:], name.upper()):
            return state
        if state == own:
            return state
    return None


def postal_place(country: str, postal_code: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The areas and the zones of a postal code; ``None`` where it is none of this country, or says nothing there."""
    code = _in_form(country, postal_code)
    if code is None:
        return None
    states = postal_states(country)
    beginnings = [code[:n] for n in range(len(code), 0, -1)]
    state = next((states[each] for each in beginnings if each in states), None)
    if state is None:
        return None
    of_state = zones_of_states()[state]
    zones = next((zones for each in beginnings if (zones := postal_zones(country).get(each))), of_state)
    return (state,), zones if set(zones) <= set(of_state) else of_state


def read_address(
    country: str | None, region: str | None, postal_code: str | None, *, of_number: str | None = None
) -> tuple[str | None, str | None, str | None]:
    """Country, state and postal code as they are kept; ``of_number`` is the country of the number, for want of a stated
    one. Raises :class:`Invalid` with a fault for each that nobody can read."""
    faults: list[Fault] = []
    code = country.strip().upper() if country and country.strip() else None
    if code and code not in phonenumbers.SUPPORTED_REGIONS:
        faults.append(Fault("country", f"Unknown country {country!r}; write its two letters, such as US or FR."))
        code = None
    where = code or of_number
    if region and region.strip() and where and _has_states(where) and state_of(where, region) is None:
        faults.append(Fault("region", f"{where} has no state {region!r}; write its letters, such as {_like(where)}."))
    if postal_code and postal_code.strip() and where in _FORMS and not _is_of(where, postal_code):
        form = _FORMS[where][1]
        faults.append(
            Fault("postalCode", f"{postal_code!r} is no postal code of {where}; write {form}, or its country.")
        )
    if faults:
        raise Invalid(faults)
    return code, region.strip() if region else None, postal_code.strip() if postal_code else None


def _is_of(country: str, postal_code: str) -> bool:
    """Whether it may be a postal code of this country."""
    is_in_form = _in_form(country, postal_code) is not None
    return is_in_form and (not postal_states(country) or postal_place(country, postal_code) is not None)


def _has_states(country: str) -> bool:
    return any(state.startswith(f"{country}-") for state in names_of_states())


def _like(country: str) -> str:
    return next(state.partition("-")[2] for state in names_of_states() if state.startswith(f"{country}-"))


def _in_form(country: str, postal_code: str) -> str | None:
    if country not in _FORMS:
        return None
    code = postal_code.strip().upper()
    return code.replace(" ", "").replace("-", "") if _FORMS[country][0].fullmatch(code) else None
