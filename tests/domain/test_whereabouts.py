"""What a contact says of where it lives: a state is one of its country, a confirmation is of a zone."""

from __future__ import annotations

from typing import Any

import pytest

from worker.domain.address_vocabulary import COUNTRIES, POSTAL_CODES, STATES
from worker.domain.address_words import read_country, read_postal_code, read_region
from worker.domain.contact import parse_contact
from worker.domain.contact_file import ContactLine, read_contacts
from worker.domain.errors import Invalid
from worker.domain.line_place import locate_line
from worker.domain.screening import normalize

IN_INDIANA = {"country": "US", "region": "IN", "postal_code": "46307"}
BERLIN, CHICAGO = "+493023125012", "+13125550123"


def faults_of(body: dict[str, Any], **options: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        parse_contact(body, **options)
    return {fault.path: fault.message for fault in refused.value.faults}


def columns(body: dict[str, Any], **options: Any) -> dict[str, Any]:
    read = parse_contact(body, **options)
    return {name: read[name] for name in ("country", "region", "postal_code", "timezone_confirmed") if name in read}


@pytest.mark.parametrize(
    ("written", "code"),
    [("US", "US"), ("us", "US"), ("USA", "US"), (" United  States ", "US"), ("Deutschland", "DE"), ("Allemagne", "DE"),
     ("Reino Unido", "GB"), ("Brasil", "BR"), ("Côte d'Ivoire", "CI"), ("república dominicana", None), ("1", None),
     ("Mars", None), ("ZZ", None), ("U", None)],
)  # fmt: skip
def test_a_country_is_read_by_its_code_or_by_what_people_call_it(written: str, code: str | None) -> None:
    if code is not None:
        assert read_country(written) == code
        return
    with pytest.raises(Invalid, match="ISO 3166"):
        read_country(written)


def test_every_word_of_the_tables_is_read_as_what_it_stands_for_and_none_stands_for_two() -> None:
    for code, words in COUNTRIES.items():
        assert {read_country(word) for word in (code, code.lower(), *words)} == {code}
    for country, states in STATES.items():
        for code, names in states.items():
            written = (code, code.lower(), f"{country}-{code}", *names)
            assert {read_region(word, country) for word in written} == {code}, written


@pytest.mark.parametrize(
    ("body", "region", "read"),
    [
        ({"country": "USA", "region": "indiana", "postalCode": "46307"}, None, IN_INDIANA),
        ({"phone": CHICAGO, "region": "IN", "postalCode": "46307"}, None, IN_INDIANA),
        ({"region": "IN", "postalCode": "46307"}, "US", IN_INDIANA),
        ({"phone": BERLIN, "region": "IN", "postalCode": "46307-1234"}, "US",
         {**IN_INDIANA, "postal_code": "46307-1234"}),
        ({"phone": BERLIN, "postalCode": "10115"}, "US", {"country": "DE", "postal_code": "10115"}),
        ({"country": "GB", "region": "Kent", "postalCode": "sw1a 1aa"}, "US",
         {"country": "GB", "region": "Kent", "postal_code": "SW1A 1AA"}),
        ({"country": None}, None, {"country": None}),
        ({"country": "JP", "postalCode": "100-0001"}, None, {"country": "JP", "postal_code": "100-0001"}),
        ({"timezone": "Europe/London", "timezoneConfirmed": True}, None, {"timezone_confirmed": True}),
    ],
)  # fmt: skip
def test_a_state_and_a_postal_code_are_read_with_the_country_they_may_be_of(
    body: dict[str, Any], region: str | None, read: dict[str, Any]
) -> None:
    assert columns(body, region=region) == read


WRONG: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"country": "Mars"}, {"country": "ISO 3166"}),
    ({"country": ""}, {"country": "empty"}),
    ({"country": 7}, {"country": "text"}),
    ({"region": "IN"}, {"region": "Give the country"}),
    ({"postalCode": "46307"}, {"postalCode": "Give the country"}),
    ({"country": None, "region": "IN"}, {"region": "Give the country"}),
    ({"country": "US", "region": "Ontario"}, {"region": "it is one of CA"}),
    ({"country": "US", "region": "Atlantis"}, {"region": "US has no state 'Atlantis'"}),
    ({"phone": CHICAGO, "region": "QLD"}, {"region": "it is one of AU"}),
    ({"country": "US", "postalCode": "SW1A 1AA"}, {"postalCode": "of GB"}),
    ({"country": "US", "postalCode": "K1A0B1"}, {"postalCode": "of CA"}),
    ({"country": "GB", "postalCode": "46307"}, {"postalCode": "cannot be a postal code of GB"}),
    ({"country": "US", "postalCode": "00000"}, {"postalCode": "Nobody knows where"}),
    ({"country": "US", "postalCode": "\u200b"}, {"postalCode": "holds no postal code"}),
    ({"country": "US", "postalCode": "2116"}, {"postalCode": "five digits"}),
    ({"country": "US", "region": "XX", "postalCode": "abc"}, {"region": "no state", "postalCode": "cannot be"}),
    ({"timezoneConfirmed": True}, {"timezoneConfirmed": "Give the timezone"}),
    ({"timezone": None, "timezoneConfirmed": True}, {"timezoneConfirmed": "Give the timezone"}),
    ({"timezoneConfirmed": "yes"}, {"timezoneConfirmed": "true or false"}),
    ({"timezoneConfirmed": None}, {"timezoneConfirmed": "cannot be null"}),
    ({"country": "US", "region": "x" * 101}, {"region": "at most 100|1 to 100"}),
    ({"country": "US", "postalCode": "1" * 17}, {"postalCode": "1 to 16"}),
    ({"country": "US", "region": "I\x00N"}, {"region": "not text"}),
    ({"place": "US-IN"}, {"place": "Unknown field"}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "said"), WRONG)
def test_what_nobody_can_place_is_refused_and_named(body: dict[str, Any], said: dict[str, str]) -> None:
    faults = faults_of(body)
    assert faults.keys() == said.keys()
    for path, words in said.items():
        assert any(word in faults[path] for word in words.split("|")), faults[path]


def test_an_edit_is_read_with_what_the_contact_says_already() -> None:
    stored = {**IN_INDIANA, "timezone": "America/Chicago", "timezone_confirmed": True, "phone_e164": CHICAGO}

    def edited(**body: Any) -> dict[str, Any]:
        return columns(body, is_new=False, stored=lambda: stored)

    assert edited(firstName="Ada") == {}
    assert edited(region="Ohio") == {"country": "US", "region": "OH"}
    assert edited(country="US") == {"country": "US"}
    assert edited(country="CA") == {"country": "CA", "region": None, "postal_code": None}
    assert edited(country="CA", region="ON") == {"country": "CA", "region": "ON", "postal_code": None}
    assert edited(country=None) == {"country": None, "region": None, "postal_code": None}
    assert edited(timezone="America/Chicago") == {}, "the same zone stays confirmed"
    assert edited(timezone="America/Denver") == {"timezone_confirmed": False}
    assert edited(timezone=None) == {"timezone_confirmed": False}
    assert edited(timezone="America/Denver", timezoneConfirmed=True) == {"timezone_confirmed": True}
    assert edited(timezoneConfirmed=True) == {"timezone_confirmed": True}
    assert list(faults_of({"region": "ON"}, is_new=False, stored=lambda: stored)) == ["region"]
    assert list(faults_of({"timezone": None, "timezoneConfirmed": True}, is_new=False, stored=lambda: stored)) == [
        "timezoneConfirmed"
    ]


def test_a_number_without_a_country_code_is_of_the_country_that_is_named() -> None:
    assert parse_contact({"phone": "030 23125012", "country": "Germany"}, region="US")["phone_e164"] == BERLIN
    assert parse_contact({"phone": "312 555 0123", "country": None}, region="US")["phone_e164"]


def lines(*rows: str, header: str) -> list[Any]:
    return list(read_contacts([f"{header}\n", *(f"{row}\n" for row in rows)]))


@pytest.mark.parametrize(
    ("header", "row", "read", "left_out"),
    [
        ("phone,state,zip", f"{CHICAGO},IN,46307", IN_INDIANA, []),
        ("phone,State/Province,Zip Code,Country", f"{CHICAGO},Indiana,46307,United States", IN_INDIANA, []),
        ("phone,Bundesland,PLZ,Land", f"{BERLIN},Bayern,80331,Deutschland",
         {"country": "DE", "region": "Bayern", "postal_code": "80331"}, []),
        ("phone,estado,cep,país", "+5511987654321,São Paulo,01310-100,Brasil",
         {"country": "BR", "region": "SP", "postal_code": "01310-100"}, []),
        ("phone,code postal,pays", "+33123456789,75001,France",
         {"country": "FR", "region": None, "postal_code": "75001"}, []),
        ("phone,código postal,provincia,país", "+34911234567,28001,Madrid,España",
         {"country": "ES", "region": "Madrid", "postal_code": "28001"}, []),
        ("phone,state", f"{CHICAGO},open", {"country": None, "region": None, "postal_code": None}, ["region"]),
        ("phone,state,zip", f"{CHICAGO},IN,SW1A 1AA", {**IN_INDIANA, "postal_code": None}, ["postal_code"]),
        ("phone,country", f"{CHICAGO},Mars", {"country": None, "region": None, "postal_code": None}, ["country"]),
        ("phone,country code", f"{CHICAGO},+1", {"country": None, "region": None, "postal_code": None}, []),
        ("phone,state", "12,IN", {"country": None, "region": None, "postal_code": None}, ["region"]),
        ("phone,timezone_confirmed", f"{CHICAGO},yes", {"timezone_confirmed": False}, ["timezone_confirmed"]),
        ("phone,timezone,timezone_confirmed", f"{CHICAGO},America/Chicago,yes", {"timezone_confirmed": True}, []),
        ("phone,timezone,timezone_confirmed", f"{CHICAGO},America/Chicago,no", {"timezone_confirmed": False}, []),
        ("phone,timezone,timezone_confirmed", f"{CHICAGO},America/Chicago,perhaps", {"timezone_confirmed": False},
         ["timezone_confirmed"]),
    ],
)  # fmt: skip
def test_a_line_loses_only_what_cannot_be_read_of_where_its_person_lives(
    header: str, row: str, read: dict[str, Any], left_out: list[str]
) -> None:
    (line,) = lines(row, header=header)
    assert isinstance(line, ContactLine)
    found = locate_line(line, normalize(line.phone), None)
    assert {name: found.columns[name] for name in read} == read
    assert [fault.message.partition(":")[0] for fault in found.faults] == left_out
    assert all(fault.outcome == "no_place" and fault.line == 2 for fault in found.faults)


def test_what_says_where_somebody_lives_stays_a_custom_field() -> None:
    (line,) = lines(f"{CHICAGO},IN,46307,US", header="phone,State,Zip,Country")
    assert line.custom_fields == {"state": "IN", "zip": "46307", "country": "US"}
    (line,) = lines(f"{CHICAGO},IN,Midwest", header="phone,State,Region")
    assert (line.region, line.custom_fields) == ("IN", {"state": "IN", "region": "Midwest"})
    (line,) = lines(f"{CHICAGO},{'x' * 500}", header="phone,State")
    assert isinstance(line, ContactLine), "a long text in such a column refuses no line"


def test_the_forms_of_postal_codes_have_the_example_they_speak_of() -> None:
    for country, form in POSTAL_CODES.items():
        example = form.words.rpartition("such as ")[2].rpartition("the form ")[2]
        assert read_postal_code(example, country) == example
