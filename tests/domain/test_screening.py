from __future__ import annotations

import itertools
import re
import unicodedata

import phonenumbers
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from worker.domain.model import Reason
from worker.domain.screening import Phone, PhoneFault, country_of, country_of_all, error_sentence, normalize

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
CHARGED = {phonenumbers.PhoneNumberType.PREMIUM_RATE, phonenumbers.PhoneNumberType.SHARED_COST}


@pytest.mark.parametrize(
    ("raw", "e164"),
    [
        ("+12025550123", "+12025550123"),
        (" +1 (202) 555-0123 ", "+12025550123"),
        ("+1.202.555.0123", "+12025550123"),
        ("\u202a+12025550123\u202c", "+12025550123"),
        ("\uff0b12025550123", "+12025550123"),
        ("tel:+1-202-555-0123", "+12025550123"),
        ("tel:555-0123;phone-context=+1-202", "+12025550123"),
        ("tel:%2B12025550123;isub=", "+12025550123"),
        ("tel://+12025550123", "+12025550123"),
        ("callto:+12025550123", "+12025550123"),
        ("whatsapp:+12025550123", "+12025550123"),
        ("p:+12025550123", "+12025550123"),
        ("Tel.: +1 202 555 0123", "+12025550123"),
        ("+1 202 555 0123 (mobile)", "+12025550123"),
        ("'+12025550123", "+12025550123"),
        ("\u2019+12025550123", "+12025550123"),
        ('="+12025550123"', "+12025550123"),
        ("=+12025550123", "+12025550123"),
        ("\u2795\uff11 \u0662\u0660\u0662 \u096b\u096b\u096b 0123", "+12025550123"),
        ("(+44) 20 7946 0123", "+442079460123"),
        ("+44 (0)20 7946 0123", "+442079460123"),
        ("+4402079460123", "+442079460123"),
        ("+39 06 12345678", "+390612345678"),
        ("+80012345678", "+80012345678"),
    ],
)
def test_a_number_with_its_country_code_becomes_e164(raw: str, e164: str) -> None:
    assert normalize(raw) == Phone(e164)


@pytest.mark.parametrize(
    "fictional",
    [
        "+12025550123",
        "+15551234567",
        "+15555550100",
        "+447700900123",
        "+442079460123",
        "+353209123456",
        "+33639980123",
        "+61491570156",
        "+61255501234",
    ],
)
def test_numbers_set_aside_for_fiction_are_accepted(fictional: str) -> None:
    assert normalize(fictional) == Phone(fictional)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ("2025550123", "no country code"),
        ("(202) 555-0123", "no country code"),
        ("0044 20 7946 0123", "starts with 00, which stands for + in other countries; write it like +442079460123."),
        ("0011 44 20 7946 0123", "starts with 00"),
        ("011 44 20 7946 0123", "starts with 011"),
        ("+1202555012", "too short"),
        ("+911", "too short"),
        ("+98 9601", "too short"),
        ("+120255501234", "too long"),
        ("+1202555012345678901234", "too long"),
        ("+" + "5" * 300, "too long"),
        ("+1 555 0123", "lacks its area code"),
        ("+999123456789", "No country has the code"),
        ("+1 123 456 7890", "numbering plan"),
        ("+1 900 555 1234", "premium-rate"),
        ("+44 909 8790123", "premium-rate"),
        ("+49 1805 123456", "shared-cost"),
        ("+1 202 555 0123 ext. 4", "extension"),
        ("+1 202 555 0123,4", "extension"),
        ("+12025550123 #5", "extension"),
        ("tel:+1-202-555-0123;ext=4", "extension"),
        ("+1 202 555 0123\u00b2", "not a phone number"),
        ("sip:+12025550123@example.com", "not a phone number"),
        ("+1 202 555 0123 (do not call)", "not a phone number"),
        ("Fax +1 202 555 0123", "not a phone number"),
        ("202,5550101", "not a phone number"),
        ("none", "not a phone number"),
        ("+", "not a phone number"),
        ("+0", "not a phone number"),
        ("+1-800-FLOWERS", "not a phone number"),
        ("call +12025550123", "not a phone number"),
        ("+12025550123 or +12025550124", "two numbers"),
        ("++12025550123", "not a phone number"),
        ("+12025550123p55", "extension"),
    ],
)
def test_each_fault_of_a_number_has_its_own_sentence(raw: str, sentence: str) -> None:
    fault = normalize(raw)
    assert isinstance(fault, PhoneFault)
    assert fault.reason is Reason.INVALID_NUMBER
    assert sentence in fault.message
    assert fault.message.endswith(".")


@pytest.mark.parametrize("raw", [None, "", "  ", "\u200b", "\u202a\u202c"])
def test_nothing_is_no_phone_number(raw: str | None) -> None:
    fault = normalize(raw)
    assert isinstance(fault, PhoneFault)
    assert fault.reason is Reason.NO_PHONE_NUMBER


def test_a_region_reads_national_numbers_and_leaves_international_ones_alone() -> None:
    assert normalize("(202) 555-0123", "US") == Phone("+12025550123")
    assert normalize("020 7946 0123", "GB") == Phone("+442079460123")
    assert normalize("+442079460123", "US") == Phone("+442079460123")
    assert isinstance(normalize("555-0123", "US"), PhoneFault)


def test_a_region_that_does_not_exist_is_the_deployments_mistake() -> None:
    with pytest.raises(ValueError, match="'us'"):
        normalize("+12025550123", "us")


@st.composite
def near_numbers(draw: st.DrawFn) -> str:
    """Some country's example number in E.164, as it is or with digits changed, added or lost."""
    kind = draw(st.sampled_from(list(phonenumbers.PhoneNumberType.values())))
    region = draw(st.sampled_from(REGIONS))
    example = phonenumbers.example_number_for_type(region, kind) or phonenumbers.example_number(region)
    digits = list(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)[1:])
    for _ in range(draw(st.integers(0, 2))):
        digits[draw(st.integers(1, len(digits) - 1))] = draw(st.sampled_from("0123456789"))
    tail = draw(st.sampled_from(["", "", "", "0", "77"]))
    return "+" + "".join(digits) + tail


def as_the_plan_has_it(raw: str) -> str | None:
    """The number in E.164 if its country has such a number and charges nothing unusual for it."""
    try:
        number = phonenumbers.parse(raw, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) in CHARGED:
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return e164 if E164.fullmatch(e164) else None


@settings(max_examples=600, deadline=None)
@given(near_numbers())
def test_a_number_is_accepted_exactly_if_its_countrys_plan_has_it_and_it_costs_the_usual(raw: str) -> None:
    """Also where the quick way and the thorough one meet: written with a space it takes the thorough one."""
    assume(not re.match(r"\+(1555|447700900|3532091|3363998)", raw))
    verdict = normalize(raw)
    assert normalize(f"{raw[:3]} {raw[3:]}") == verdict
    expected = as_the_plan_has_it(raw)
    assert (verdict.e164 if isinstance(verdict, Phone) else None) == expected


@settings(deadline=None)
@given(st.text(max_size=40) | st.text("+0123456789 ()-.x#", max_size=25))
def test_whatever_is_written_the_answer_is_e164_or_a_fault(raw: str) -> None:
    verdict = normalize(raw)
    if isinstance(verdict, Phone):
        assert E164.fullmatch(verdict.e164)
        assert normalize(verdict.e164) == verdict
    else:
        assert verdict.reason in {Reason.NO_PHONE_NUMBER, Reason.INVALID_NUMBER}


def test_a_contact_that_cannot_be_called_is_named_in_the_documents_words() -> None:
    assert error_sentence("cont_09x", Reason.NO_PHONE_NUMBER) == "Contact cont_09x has no phone number"
    assert error_sentence("cont_10y", Reason.DO_NOT_CALL) == "Contact cont_10y is marked do-not-call"


def test_every_reason_has_its_own_sentence() -> None:
    sentences = {error_sentence("cont_1", reason) for reason in Reason}
    assert len(sentences) == len(Reason)
    assert all(sentence.startswith("Contact cont_1 ") for sentence in sentences)


@pytest.mark.parametrize("raw", ["1.20255E+10", "1,20255E+10", "12025550123.0", "+491711234567.00", "1E10"])
def test_a_number_a_spreadsheet_has_made_a_quantity_of_is_shown_for_what_it_is(raw: str) -> None:
    for region in (None, "US", "DE"):
        assert "spreadsheet" in getattr(normalize(raw, region), "message", "")


# ---------------------------------------------------------------------------------------------- more than one number

FIXED, MOBILE = phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE
EXAMPLES = [
    (region, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), form)
    for region in REGIONS
    for kind in (FIXED, MOBILE)
    if (number := phonenumbers.example_number_for_type(region, kind)) is not None
    for form in (
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL),
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL),
    )
    if normalize(form, region) == Phone(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
]
"""Numbers of every country, as E.164 and as its people write them."""
JOINTS = ("/", " / ", "\\", ";", ",", ", ", " or ", " oder ", " und ", "&", "+", "\n", "\r\n", "|", " x", " ext. ",
          " Durchwahl ", "#", " (", "[", "*", "~", "\u2044", " - ", "-", " ::: ")  # fmt: skip
TAILS = ("1", "13", "100", "13/14", "13-14", "2345678")
DIAL_THROUGH = ("+49", "+43")


def test_a_number_with_a_second_one_or_an_extension_behind_it_rings_nobody() -> None:
    """In every country; with every joint where the digits together would be somebody else's number, else with one. But
    for Germany's and Austria's hyphen, behind which stand digits that are dialed with the others."""
    assert len({region for region, _, _ in EXAMPLES}) > 240
    joints = itertools.cycle(JOINTS)
    for region, e164, form in EXAMPLES:
        for tail in TAILS:
            is_somebodys = isinstance(normalize(e164 + re.sub(r"\D", "", tail)), Phone)
            for joint in JOINTS if is_somebodys else [next(joints)]:
                _rings_nobody_else(region, e164, form, joint, tail)


def _rings_nobody_else(region: str, e164: str, form: str, joint: str, tail: str) -> None:
    verdict = normalize(f"{form}{joint}{tail}", region)
    case = (region, form, joint, tail, verdict)
    if isinstance(verdict, Phone):
        is_one_more_group = joint == form[-4] == "-" and len(tail) == 3  # 0812-345-678-100
        assert joint.strip() == "-", case
        assert e164.startswith(DIAL_THROUGH) or is_one_more_group, case
        assert verdict.e164 == e164 + tail, case
    else:
        assert "two numbers" in verdict.message or joint in ("-", " - "), case


def test_a_number_that_is_written_twice_rings_nobody() -> None:
    for region, _, form in EXAMPLES[::2]:
        for joint in ("/", ";", ", ", " or ", "\n", " ", "  ", "-", " ("):
            assert not isinstance(normalize(f"{form}{joint}{form}", region), Phone), (region, form, joint)


@pytest.mark.parametrize(
    ("raw", "region", "e164"),
    [
        ("030/23125012", "DE", "+493023125012"),
        ("0043/1/5123456", "DE", "+4315123456"),
        ("030\\23125012", "DE", "+493023125012"),
        ("030 23125012-13", "DE", "+49302312501213"),
        ("030 23125012-0", "DE", "+4930231250120"),
        ("011/323-4567", "RS", "+381113234567"),
        ("27-12-34-56", "LU", "+35227123456"),
        ("202-555-0123", "US", "+12025550123"),
        ("(202)/555.0123", "US", "+12025550123"),
        ("1/202/555/0123", "US", "+12025550123"),
        ("02 1234-5678", "IT", "+390212345678"),
        ("03\u30fc1234\u30fc5678", "JP", "+81312345678"),
        ("202,5550101", "US", "+12025550101"),
        ("202,5550101", "CA", "+12025550101"),
        ("011 4321-5678", "AR", "+541143215678"),
        ("011 2345 6789", "IN", "+911123456789"),
        ("011 44 20 7946 0123", "CA", "+442079460123"),
    ],
)
def test_a_separator_within_one_number_is_none_between_two(raw: str, region: str, e164: str) -> None:
    assert normalize(raw, region) == Phone(e164)


SPACES = [chr(i) for i in range(0x110000) if unicodedata.category(chr(i)) == "Zs"] + ["\t", "\u200b", "\ufeff", "\x00"]
DASHES = [chr(i) for i in range(0x110000) if unicodedata.category(chr(i)) == "Pd"] + ["\u2212", "\u30fc", "\u2043"]
ZEROS = [chr(i) for i in range(0x110000) if unicodedata.category(chr(i)) == "Nd" and unicodedata.decimal(chr(i)) == 0]


def test_every_space_dash_and_digit_there_is_is_one() -> None:
    for sign in SPACES:
        assert normalize(f"{sign}+1{sign}202{sign}555{sign}0123{sign}") == Phone("+12025550123"), hex(ord(sign))
    for sign in DASHES:
        assert normalize(f"202{sign}555{sign}0123", "US") == Phone("+12025550123"), hex(ord(sign))
    for zero in ZEROS:
        other = "".join(chr(ord(zero) + int(digit)) for digit in "12025550123")
        assert normalize(f"+{other}") == Phone("+12025550123"), hex(ord(zero))


def test_a_number_with_the_prefix_of_another_country_is_shown_with_a_plus_and_never_guessed() -> None:
    """Wherever 00 is not what is dialed before a country code, and where no country is known."""
    abroad = "+442079460123"
    for region in [None, *REGIONS]:
        for prefix in ("00", "011"):
            verdict = normalize(f"{prefix} {abroad[1:]}", region)
            if isinstance(verdict, Phone):
                assert verdict.e164 == abroad, (region, prefix)
            else:
                assert f"starts with {prefix}" in verdict.message, (region, prefix, verdict)
                assert abroad in verdict.message or (region is None and prefix == "011")
    assert normalize("0044 20 7946 0123", "GB") == normalize("011 44 20 7946 0123", "US") == Phone(abroad)


def test_what_is_printed_for_a_number_is_read_back_as_it() -> None:
    """In its country: E.164, and whatever form somebody gave it in."""
    for region, e164, form in EXAMPLES:
        for written in (e164, form, f"tel:{e164}", f"'{e164}", form.replace(" ", "\u202f")):
            assert normalize(written, region) == Phone(e164)


def test_the_country_of_a_number_is_the_one_the_library_says() -> None:
    for region in REGIONS:
        for kind in phonenumbers.PhoneNumberType.values():
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None:
                e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
                assert country_of(e164) == phonenumbers.region_code_for_number(number)
    assert country_of("+80012345678") is None
    assert country_of_all(["+12025550123", "+12125550123"]) == "US"
    assert country_of_all(["+12025550123", "+14165550123"]) is country_of_all([]) is None
