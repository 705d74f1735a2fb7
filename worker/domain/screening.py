"""Who is never called, and the sentence that says so.

A number is judged by libphonenumber's *valid* (its country's numbering plan has such a number), not by its
weaker *possible* (the length fits): a digit mistyped in a spreadsheet leaves a possible length, and the
call would ring nobody. Where the plan has moved on since the library was published, a new range reads as
invalid until the library is updated. Valid numbers of premium-rate and shared-cost services are refused as
well, since whoever calls them pays them.

Numbers set aside for fiction are accepted: nobody can be rung by mistake, and demonstrations and tests are
full of them. *Valid* knows most of them, such as ``+1 202 555 0123`` and the Australian ones;
``_FOR_FICTION`` lists some it does not.

A core screens about 100 000 numbers a second that are E.164 already, 40 000 written in other ways.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import phonenumbers
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    NumberParseException,
    PhoneNumber,
    PhoneNumberType,
    ValidationResult,
)
from phonenumbers.re_util import enable_pattern_cache

from worker.domain.errors import Fault, Invalid
from worker.domain.model import Reason

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
_EXTENSION = "The number has an extension, which cannot be dialed; give a direct number."
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

    Spaces, dots, hyphens and brackets are forgiven, a missing country code is not: without ``region`` (ISO
    3166, such as ``US``) only a number with a leading ``+`` says whom it rings. Raises ``ValueError`` for a
    region that does not exist, which is the deployment's mistake and not the contact's.
    """
    if region is not None and region not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"No region {region!r}; use an ISO 3166 code in capitals, such as US.")
    if raw is None:
        return _no_number()
    if _is_callable_e164(raw):
        return Phone(raw)
    # Numbers pasted from address books come wrapped in invisible marks of writing direction.
    text = "".join(sign for sign in raw if unicodedata.category(sign) != "Cf").strip()
    if not text:
        return _no_number()
    number = _read(text, region)
    return number if isinstance(number, PhoneFault) else _judge(number)


def check_region(region: str) -> str:
    """The region, if there is one of that name. Raises :class:`Invalid`."""
    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise Invalid([Fault("country", f"No country {region!r}; use an ISO 3166 code, such as US.")])
    return region


def error_sentence(contact_id: str, reason: Reason) -> str:
    """Why a contact cannot be called, in the wording of the API: ``Contact cont_09x has no phone number``."""
    return f"Contact {contact_id} {_SENTENCES[reason]}"


def causes_in_words(reason: Reason, count: int) -> str:
    """How many contacts cannot be called for this reason: ``2 have no phone number``."""
    verb, _, rest = _SENTENCES[reason].partition(" ")
    return f"{count} {verb if count == 1 else _PLURAL.get(verb, verb)} {rest}"


def _is_callable_e164(raw: str) -> bool:
    """Whether ``raw`` can be called just as it is written: twice as fast as reading it first.

    A no proves nothing. A leading zero after the country code is left to :func:`_read`, which knows where
    it belongs to the number (Italy) and where it is a slip (``+44 020…``).
    """
    if not _E164.fullmatch(raw):
        return False
    for length in (2, 3, 4):
        country_code = int(raw[1:length])
        if country_code in COUNTRY_CODE_TO_REGION_CODE and raw[length] != "0":
            kind = phonenumbers.number_type(PhoneNumber(country_code, int(raw[length:])))
            return kind != PhoneNumberType.UNKNOWN and kind not in _REFUSED_TYPES
    return False


def _read(text: str, region: str | None) -> PhoneNumber | PhoneFault:
    if _BY_A_SPREADSHEET.fullmatch(text):
        return _invalid(_ROUNDED)  # the .0 would be read as another digit, and ring somebody else
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        unknown_code = error.error_type == NumberParseException.INVALID_COUNTRY_CODE
        if unknown_code and unicodedata.normalize("NFKC", text).lstrip(" (")[:1] != "+":
            return _invalid(_NO_COUNTRY_CODE)
        return _invalid(_UNREADABLE[error.error_type])
    if number.extension:
        return _invalid(_EXTENSION)
    # The library digs a number out of a sentence, and turns letters into digits; neither is for us to guess.
    if any(sign.isalpha() for sign in text) or text.count("+") > 1:
        return _invalid(_UNREADABLE[NumberParseException.NOT_A_NUMBER])
    return number


def _judge(number: PhoneNumber) -> Phone | PhoneFault:
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
