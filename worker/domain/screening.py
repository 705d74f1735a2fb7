"""Who is never called, and the sentence that says so.

A number is checked by libphonenumber's *valid* (its country's numbering plan has such a number), not by its
weaker *possible* (the length fits): a digit mistyped in a spreadsheet leaves a possible length, and the
call would reach nobody. Where the plan has moved on since the library was published, a new range reads as
invalid until the library is updated. Valid numbers of premium-rate and shared-cost services are refused as
well, since whoever calls them pays them.

Numbers reserved for fiction are accepted: nobody can be rung by mistake, and demonstrations and tests are
full of them. *Valid* knows most of them, such as ``+1 202 555 0123`` and the Australian ones;
``_FOR_FICTION`` lists some it does not.

A core screens about 400 000 numbers a second that are E.164 already (:mod:`worker.domain.number_plans`), 40 000 written
in other ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    NumberParseException,
    PhoneNumber,
    PhoneNumberType,
    ValidationResult,
    country_code_for_region,
)
from phonenumbers.re_util import enable_pattern_cache

from worker.domain.errors import Fault, Invalid
from worker.domain.model import Reason
from worker.domain.number_plans import may_be_called
from worker.domain.number_text import OF_ONE_NUMBER, Beginning, beginnings, plain_number

# A list that spans the world needs more patterns than Python's own cache holds, and would compile them over
# and over: 7 000 numbers a second instead of 100 000.
enable_pattern_cache()

_EXAMPLE = "+12025550123"
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_FOR_FICTION = re.compile(
    r"\+(?:1555[0-9]{7}"  # North America: an area code that serves no subscribers
    r"|447700900[0-9]{3}"  # United Kingdom: Ofcom, mobile numbers for drama
    r"|3532091[0-9]{5}"  # Ireland: ComReg, numbers for drama
    r"|3363998[0-9]{4})"  # France: Arcep, mobile numbers for audiovisual works
)

_OF_THE_REGISTRY = re.compile(r"[2-9][0-9]{2},[2-9][0-9]{6}")
"""How the do-not-call registry of the United States writes a number: area code, comma, number."""
_PREFIX_OF_ELSEWHERE = re.compile(r"[+ ]*(00|011)")
_BY_A_SPREADSHEET = re.compile(r"[+-]?[0-9][.,]?[0-9]*E\+?[0-9]+|\+?[0-9]{7,}\.0+", re.IGNORECASE)

_UNREADABLE = {
    NumberParseException.NOT_A_NUMBER: f"This is not a phone number; write it like {_EXAMPLE}.",
    NumberParseException.TOO_SHORT_AFTER_IDD: "The number is too short; check for missing digits.",
    NumberParseException.TOO_SHORT_NSN: "The number is too short; check for missing digits.",
    NumberParseException.TOO_LONG: "The number is too long; check for extra digits.",
    NumberParseException.INVALID_COUNTRY_CODE: (
        "No country has the code this number begins with; check the digits after the +."
    ),
}
_NO_COUNTRY_CODE = f"The number has no country code; write it in international form with a leading +, like {_EXAMPLE}."
_ROUNDED = "A spreadsheet has turned the number into a quantity; format its column as text and write it in full."
_TWO = "It holds two numbers, or one with an extension, which cannot be dialed; give one alone, such as {e164}."
_ABROAD = "It starts with {prefix}, which stands for + in other countries; write it like {e164}."
_UNASSIGNED = "No such number exists in its country's numbering plan; check the digits."
_IMPOSSIBLE = {
    ValidationResult.TOO_SHORT: _UNREADABLE[NumberParseException.TOO_SHORT_NSN],
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "The number lacks its area code; write it in full.",
    ValidationResult.TOO_LONG: _UNREADABLE[NumberParseException.TOO_LONG],
}
_REFUSED_TYPES = {
    PhoneNumberType.PREMIUM_RATE: "This is a premium-rate number, which is never called; give another.",
    PhoneNumberType.SHARED_COST: "This is a shared-cost number, which is never called; give another.",
}

_SENTENCES = {
    Reason.NO_PHONE_NUMBER: "has no phone number",
    Reason.INVALID_NUMBER: "has an invalid phone number",
    Reason.DO_NOT_CALL: "is marked do-not-call",
    Reason.DUPLICATE_NUMBER: "has the same phone number as another contact of this campaign",
    Reason.BLOCKED: "has a phone number the carrier does not allow calls to",
    Reason.REJECTED: "declined the calls",
    Reason.FAX: "has a fax machine for a phone number",
    Reason.TECHNICAL: "could not be reached for technical reasons",
    Reason.NEVER_AGAIN: "is never to be called again, by the outcome of a call",
    Reason.CAMPAIGN_ENDED: "was still waiting when the campaign ended",
    Reason.NO_COMMON_HOUR: "has no hour at which all the places allow calls where it may be",
    Reason.NO_CONSENT: "has not given the consent that the rules of its place want for such calls",
    Reason.PROHIBITED: "is at a place whose rules forbid such calls",
    Reason.FREQUENCY: "has had as many calls as its number may have for now",
    Reason.REFUSED: "has refused calls, and is not called again",
}
_PLURAL = {"has": "have", "is": "are"}


@dataclass(frozen=True, slots=True)
class Phone:
    """A number that may be called, in E.164: ``+`` and 7 to 15 digits, nothing else."""

    e164: str


@dataclass(frozen=True, slots=True)
class PhoneFault:
    """Why there is no number to call: ``no_phone_number`` or ``invalid_number``, and one sentence."""

    reason: Reason
    message: str


def normalize(raw: str | None, region: str | None = None) -> Phone | PhoneFault:
    """The number in E.164, or what is wrong with it.

    What stands around and within a number is forgiven (:mod:`worker.domain.number_text`), a missing country code is
    not: without ``region`` (ISO 3166, such as ``US``) only a number with a leading ``+`` says whom it reaches. Two
    numbers, or one with an extension, are refused, for read as one they reach a stranger. Raises ``ValueError`` for a
    region that does not exist, which is the deployment's mistake and not the contact's.
    """
    if region is not None and region not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"No region {region!r}; use an ISO 3166 code in capitals, such as US.")
    if raw is None:
        return _no_number()
    if _is_callable_e164(raw):
        return Phone(raw)
    text = plain_number(raw)
    if not text:
        return _no_number()
    return _read(text, region)


def check_region(country: str) -> str:
    """The country in capitals, if there is one of that name. Raises :class:`Invalid`."""
    region = country.strip().upper()
    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise Invalid([Fault("country", f"No country {region!r}; use an ISO 3166 code, such as US.")])
    return region


def is_region(country: str) -> bool:
    """Whether numbers of a country (ISO 3166, in capitals) can be read without its code."""
    return country in phonenumbers.SUPPORTED_REGIONS


def country_of(e164: str) -> str | None:
    """The country (ISO 3166) a number belongs to; ``None`` for one that belongs to none, such as ``+800``."""
    if e164.startswith("+1"):  # area codes say which country of North America it is, and a list has few of them
        return _country_of_those(e164[:5], len(e164)) or _country(e164)
    return _country(e164)


@lru_cache(maxsize=1024)
def _country_of_those(beginning: str, length: int) -> str | None:
    return _country(beginning.ljust(length, "5"))


def _country(e164: str) -> str | None:
    region = phonenumbers.region_code_for_number(phonenumbers.parse(e164))
    return region if region in phonenumbers.SUPPORTED_REGIONS else None


def country_of_all(e164s: Iterable[str]) -> str | None:
    """The one country all the numbers belong to, if there is one."""
    countries = {country_of(e164) for e164 in e164s}
    return countries.pop() if len(countries) == 1 else None


def error_sentence(contact_id: str, reason: Reason) -> str:
    """Why a contact cannot be called, in the wording of the API: ``Contact cont_09x has no phone number``."""
    return f"Contact {contact_id} {_SENTENCES[reason]}"


def causes_in_words(reason: Reason, count: int) -> str:
    """How many contacts cannot be called for this reason: ``2 have no phone number``."""
    verb, _, rest = _SENTENCES[reason].partition(" ")
    return f"{count} {verb if count == 1 else _PLURAL.get(verb, verb)} {rest}"


def _is_callable_e164(raw: str) -> bool:
    """Whether ``raw`` can be called just as it is written: many times as fast as reading it first.

    A no proves nothing. A leading zero after the country code is left to :func:`_read`, which knows where
    it belongs to the number (Italy) and where it is a slip (``+44 020…``).
    """
    if not _E164.fullmatch(raw):
        return False
    for length in (2, 3, 4):
        country_code = int(raw[1:length])
        if country_code in COUNTRY_CODE_TO_REGION_CODE and raw[length] != "0":
            return may_be_called(country_code, raw[length:])
    return False


def _read(text: str, region: str | None) -> Phone | PhoneFault:
    if _BY_A_SPREADSHEET.fullmatch(text):
        return _invalid(_ROUNDED)  # the .0 would be read as another digit, and reach somebody else
    if _OF_THE_REGISTRY.fullmatch(text) and region is not None and country_code_for_region(region) == 1:
        text = text.replace(",", "")
    whole = _as_a_whole(text, region)
    for beginning in beginnings(text):
        alone = _as_a_whole(beginning.text, region)
        if isinstance(alone, Phone) and not (isinstance(whole, Phone) and _is_dialed_through(beginning, alone)):
            return _invalid(_TWO.format(e164=alone.e164))
    return whole


def _is_dialed_through(beginning: Beginning, phone: Phone) -> bool:
    """Whether what is joined to this is dialed with it: the extension behind the hyphen of a German or Austrian
    landline, which people there write so (DIN 5008)."""
    if beginning.joint != "-" or not beginning.rest.isdecimal() or not phone.e164.startswith(("+49", "+43")):
        return False
    return phonenumbers.number_type(phonenumbers.parse(phone.e164)) == PhoneNumberType.FIXED_LINE


def _as_a_whole(text: str, region: str | None) -> Phone | PhoneFault:
    """The text as one number, if it is nothing else."""
    # The library digs a number out of a sentence, and turns letters into digits; neither is for us to guess.
    if not OF_ONE_NUMBER.fullmatch(text):
        return _invalid(_UNREADABLE[NumberParseException.NOT_A_NUMBER])
    digits = re.sub(r"[^0-9+]", " ", text)
    read = _parsed(digits, region)
    prefix = _PREFIX_OF_ELSEWHERE.match(digits)
    return read if prefix is None else _from_elsewhere(prefix[1], digits[prefix.end() :], read, region)


def _from_elsewhere(prefix: str, rest: str, read: Phone | PhoneFault, region: str | None) -> Phone | PhoneFault:
    """A number that begins as one does that is dialed from abroad, in the countries of most people (00) or in North
    America (011). Where ``region`` dials otherwise, what it may mean is said and not guessed; a national number that
    happens to begin with 011 is one."""
    meant = _parsed(f"+{rest}", None)
    if isinstance(read, Phone) and (read == meant or prefix == "011" or isinstance(meant, PhoneFault)):
        return read
    if isinstance(meant, Phone) and (prefix == "00" or region is not None):
        return _invalid(_ABROAD.format(prefix=prefix, e164=meant.e164))
    if region is not None and _dials_abroad_with(prefix, region):
        return read
    return _invalid(_ABROAD.format(prefix=prefix, e164=_EXAMPLE))


def _dials_abroad_with(prefix: str, region: str) -> bool:
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    return metadata is not None and re.fullmatch(metadata.international_prefix or "", prefix) is not None


def _parsed(digits: str, region: str | None) -> Phone | PhoneFault:
    try:
        return _check(phonenumbers.parse(digits, region))
    except NumberParseException as error:
        is_national = error.error_type == NumberParseException.INVALID_COUNTRY_CODE and "+" not in digits
        return _invalid(_NO_COUNTRY_CODE if is_national else _UNREADABLE[error.error_type])


def _check(number: PhoneNumber) -> Phone | PhoneFault:
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not _E164.fullmatch(e164):
        # A few plans know numbers outside E.164's 15 digits (Japan), or so short (+98 9601) that they are
        # services, not people.
        too = ValidationResult.TOO_LONG if len(e164) > 16 else ValidationResult.TOO_SHORT
        return _invalid(_IMPOSSIBLE[too])
    kind = phonenumbers.number_type(number)
    if kind in _REFUSED_TYPES:
        return _invalid(_REFUSED_TYPES[kind])
    if kind != PhoneNumberType.UNKNOWN or _FOR_FICTION.fullmatch(e164):
        return Phone(e164)
    length = phonenumbers.is_possible_number_with_reason(number)
    return _invalid(_IMPOSSIBLE.get(length, _UNASSIGNED))


def _no_number() -> PhoneFault:
    return PhoneFault(Reason.NO_PHONE_NUMBER, f"There is no phone number; give one like {_EXAMPLE}.")


def _invalid(message: str) -> PhoneFault:
    return PhoneFault(Reason.INVALID_NUMBER, message)
