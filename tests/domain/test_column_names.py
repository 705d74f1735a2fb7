"""The names people give columns: one table, compared by letters and digits alone."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.column_names import NAMES, PHONES, field_of, phone_rank
from worker.domain.contact_columns import Columns, read_columns
from worker.domain.errors import Invalid
from worker.domain.letters import key_of, plainly_spaced, stripped

EVERY_NAME = [(name, field) for field, names in NAMES.items() for name in names]
EVERY_PHONE = [name for kind in PHONES for name in kind]
SIGNS = [
    "",
    " ",
    "_",
    "-",
    ".",
    "/",
    "\u00a0",
    "\u202f",
    "\u2009",
    "\u3000",
    "\u200b",
    "\u200d",
    "\ufeff",
    "\u2060",
    "?",
    "#",
    "*",
    ":",
]
UNSEEN = [chr(n) for n in range(sys.maxunicode + 1) if unicodedata.category(chr(n)) in ("Zs", "Zl", "Zp")]


def columns(*header: str) -> Columns:
    return read_columns(header)


def known(*header: str) -> dict[str, str]:
    """Which column each field is read from."""
    return {field: header[i] for field, i in columns(*header).known.items()}


def refused(*header: str) -> str:
    with pytest.raises(Invalid) as error:
        columns(*header)
    return str(error.value)


def dressed(draw: st.DataObject, name: str) -> str:
    """The name in other letters, with other signs between its words and around it."""
    sign = draw.draw(st.sampled_from(SIGNS))
    cases: list[Callable[[str], str]] = [str, str.upper, str.lower]
    text = draw.draw(st.sampled_from(cases))(name).replace(" ", sign or " ")
    around = draw.draw(st.lists(st.sampled_from(SIGNS), max_size=2))
    return "".join(around) + text + "".join(around)


@given(draw=st.data(), which=st.sampled_from(EVERY_NAME))
def test_a_field_is_known_by_its_names_in_any_letters_and_with_any_signs(
    draw: st.DataObject, which: tuple[str, str]
) -> None:
    name, field = which
    found = field_of(dressed(draw, name))
    assert found is not None
    assert found[0] == field


@given(draw=st.data(), name=st.sampled_from(EVERY_PHONE), nth=st.sampled_from(["", " 1", "2", " #3"]))
def test_a_column_of_phones_is_known_by_its_names_and_by_a_number_behind_them(
    draw: st.DataObject, name: str, nth: str
) -> None:
    assert phone_rank(dressed(draw, name + nth)) is not None


def test_no_name_stands_for_two_fields() -> None:
    fields: dict[str, set[str]] = {}
    for name, field in [*EVERY_NAME, *((name, "phone") for name in EVERY_PHONE)]:
        fields.setdefault(key_of(name), set()).add(field)
    assert [key for key, those in fields.items() if len(those) > 1] == []


@pytest.mark.parametrize(
    "space", [*UNSEEN, *SIGNS[6:14], "\t", "\u00ad", "\u180e", "\u200e", "\u202a", "\u2066", "\U000e0020"]
)
def test_every_space_of_unicode_and_every_sign_nobody_sees_is_a_space(space: str) -> None:
    assert stripped(f"{space}a{space} b{space}{space}") == f"a{space} b"
    assert stripped(space) == ""
    assert plainly_spaced(f"{space}202{space} 555{space}") == "202 555"
    assert key_of(f"{space}do{space}not {space}call") == "donotcall"


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("DNC (Y/N)", "do_not_call"), ("DNC [yes/no]", "do_not_call"), ("Is DNC?", "do_not_call"), ("isDNC",
        "do_not_call"),
        ("On DNC List", "do_not_call"), ("DNC Flag", "do_not_call"), ("dnc_status", "do_not_call"), ("DoNotCall__pc",
        "do_not_call"),
        ("Do Not Call (0/1)", "do_not_call"), ("Contact: Do Not Call", "do_not_call"), ("Opted-Out?", "do_not_call"),
        ("Full Name*", "full_name"), ("Contact Name", "full_name"), ("customer_name", "full_name"),
        ("Lead First Name", "first_name"),
        ("FirstName__c", "first_name"), ("E-mail 1 - Value", "email"), ("Contact E-mail", "email"), ("Time zone",
        "timezone"),
    ],
)  # fmt: skip
def test_a_name_is_known_with_what_people_put_around_it(header: str, field: str) -> None:
    assert (field_of(header) or ("", 0))[0] == field


@pytest.mark.parametrize(
    "header",
    [
        "Phone Type", "Phone 1 - Label", "Phone 1 - Type", "phone_code", "Phone Country", "Phone Status", "Fax",
        "Home Fax",
        "Assistant's Phone", "Emergency Contact Phone", "Spouse phone", "Company Main Phone", "Pager", "Callback",
        "Customer Number", "Member Number", "Order No.", "Account Phone", "Has phone", "Home", "Work",
        "Customer Status", "Customer value",
        "Address 2", "Phone 1234", "Email 2", "E-mail 2 - Value", "Title", "Company Name", "Nickname", "Time of day",
    ],
)  # fmt: skip
def test_a_name_that_only_looks_like_one_is_none(header: str) -> None:
    assert phone_rank(header) is None
    assert field_of(header) is None


EXPORTS = {
    "Salesforce": (
        "Salutation,First Name,Last Name,Title,Account Name,Mailing City,Phone,Mobile,Fax,Email,Do Not Call,"
        "Email Opt Out,Fax Opt Out",
        {"phone": "Phone", "first_name": "First Name", "last_name": "Last Name", "do_not_call": "Do Not Call",
        "email": "Email"},
        2,
    ),
    "Salesforce by names of fields": (
        "Id,FirstName,LastName,Phone,MobilePhone,HomePhone,OtherPhone,AssistantPhone,Email,DoNotCall,"
        "HasOptedOutOfEmail,HasOptedOutOfFax",
        {"phone": "Phone", "first_name": "FirstName", "last_name": "LastName", "do_not_call": "DoNotCall",
        "email": "Email"},
        4,
    ),
    "HubSpot": (
        "Record ID,First Name,Last Name,Email,Phone Number,Mobile Phone Number,Time Zone,Contact owner,Lead Status,"
        "Unsubscribed from all email,Marketing contact status",
        {"phone": "Phone Number", "first_name": "First Name", "last_name": "Last Name", "timezone": "Time Zone",
        "email": "Email"},
        2,
    ),
    "Google Contacts": (
        "First Name,Middle Name,Last Name,Phonetic First Name,Organization Name,Birthday,Notes,Photo,Labels,"
        "E-mail 1 - Label,"
        "E-mail 1 - Value,E-mail 2 - Label,E-mail 2 - Value,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,"
        "Phone 2 - Value",
        {"phone": "Phone 1 - Value", "first_name": "First Name", "last_name": "Last Name",
        "email": "E-mail 1 - Value", "tags": "Labels"},
        2,
    ),
    "Outlook": (
        "Title,First Name,Middle Name,Last Name,Suffix,Company,Assistant's Phone,Business Fax,Business Phone,"
        "Business Phone 2,"
        "Callback,Car Phone,Company Main Phone,Home Fax,Home Phone,Home Phone 2,Mobile Phone,Other Fax,"
        "Other Phone,Pager,"
        "Primary Phone,Categories,E-mail Address,E-mail 2 Address,Notes",
        {"phone": "Primary Phone", "first_name": "First Name", "last_name": "Last Name", "email": "E-mail Address",
        "tags": "Categories"},
        7,
    ),
    "VICIdial": (
        "vendor_lead_code,source_id,list_id,phone_code,phone_number,title,first_name,middle_initial,"
        "last_name,address1,city,state,"
        "postal_code,country_code,gender,date_of_birth,alt_phone,email,security_phrase,comments,rank,owner",
        {"phone": "phone_number", "first_name": "first_name", "last_name": "last_name", "email": "email",
         "country": "country_code", "region": "state", "postal_code": "postal_code"},
        2,
    ),
    "Pipedrive": (
        "Person - Name,Person - Organization,Person - Phone,Person - Email,Person - Owner",
        {"phone": "Person - Phone", "full_name": "Person - Name", "email": "Person - Email"},
        1,
    ),
    "by hand": (
        "Full Name,Tel.,Mobile #,E-Mail,DNC (Y/N),Notes",
        {"phone": "Tel.", "full_name": "Full Name", "email": "E-Mail", "do_not_call": "DNC (Y/N)"},
        2,
    ),
    "German": (
        "Vorname;Name;Rufnummer;Handynummer;E-Mail-Adresse;Ort",
        {"phone": "Rufnummer", "first_name": "Vorname", "last_name": "Name", "email": "E-Mail-Adresse"},
        2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("program", EXPORTS)
def test_the_files_of_other_programs_are_understood(program: str) -> None:
    header, fields, phones = EXPORTS[program]
    names = header.split(";" if ";" in header else ",")
    assert known(*names) == fields
    assert len(columns(*names).phones) == phones


def test_phones_are_wanted_by_their_kind_and_then_by_their_number() -> None:
    header = ("Other Phone", "Home Phone 2", "Home Phone", "Business Phone", "Cell", "Phone 2", "phone")
    found = [header[i] for i in columns(*header).phones]
    assert found == ["phone", "Phone 2", "Cell", "Home Phone", "Home Phone 2", "Business Phone", "Other Phone"]


def test_a_number_is_a_phone_only_where_no_other_column_is() -> None:
    assert known("Number", "Name") == {"phone": "Number", "full_name": "Name"}
    beside = columns("phone", "Number")
    assert (beside.phones, list(beside.custom)) == ((0,), ["number"])


def test_a_whole_name_is_split_only_where_there_is_no_part_of_it() -> None:
    assert list(columns("phone", "Name", "Last Name").custom) == ["name"]
    assert known("phone", "Name")["full_name"] == "Name"


def test_two_columns_of_zones_are_refused_and_two_of_bans_both_count() -> None:
    assert "could both be timezone" in refused("phone", "TZ", "Zone")
    assert known("phone", "Timezone", "Zone")["timezone"] == "Timezone"
    assert columns("phone", "DNC", "Opt out", "Do not call").bans == (1, 2, 3)


@pytest.mark.parametrize("header", ["Nicht anrufen", "Suppressed", "DNC reason", "Unsubscribed", "Never call", "TPS"])
def test_a_column_that_may_be_a_ban_and_is_not_known_refuses_the_file_and_says_what_to_do(header: str) -> None:
    said = refused("phone", header, "do_not_call")
    assert f"{header!r}" in said
    assert "rename it to do_not_call" in said
    assert read_columns(["phone", header], are_banned=True).bans == (), "of a file of bans it says nothing new"


def test_all_columns_that_may_be_bans_are_named_at_once() -> None:
    assert refused("phone", "Suppressed", "TPS").count("rename") == 2


def test_what_is_about_another_channel_or_a_consent_stays_a_custom_field() -> None:
    found = columns("phone", "Email opt out", "Do not mail", "Opt-in", "Consent date", "Stop date")
    assert list(found.custom) == ["email_opt_out", "do_not_mail", "opt_in", "consent_date", "stop_date"]
    assert [found.named[i] for i in found.consents] == ["opt_in"]


@pytest.mark.parametrize(
    "header",
    [("phone", *["c"] * 60_000), ("phone", "do x " * 26_000), ("phone", "x" * 301), ("phone", "(" * 130_000)],
    ids=["many columns", "many words", "a long name", "many signs"],
)
def test_a_first_line_beyond_all_measure_is_refused_before_it_is_looked_at(header: tuple[str, ...]) -> None:
    assert "at most 2000, each in at most 300 characters" in refused(*header)
