"""The names people give the columns of a contact file: one table, compared by letters and digits alone.

A name counts with what people put around it, too: ``Contact`` or ``Customer`` before it, ``__c`` (Salesforce),
``Value`` (Google Contacts), ``(Y/N)`` or a question mark behind it, and a number behind a phone (``Mobile 2``).
"""

from __future__ import annotations

import re
from functools import lru_cache

from worker.domain.letters import key_of

NAMES: dict[str, tuple[str, ...]] = {
    "first_name": (
        "First Name", "First", "Given Name", "Forename", "Vorname", "Prénom", "Nombre", "Nome", "Voornaam", "Förnamn",
        "Fornavn", "Imię", "Jméno", "Etunimi", "Имя", "Ім'я", "名",
    ),
    "last_name": (
        "Last Name", "Last", "Surname", "Family Name", "Nachname", "Familienname", "Nom", "Nom de famille", "Apellido",
        "Apellidos", "Cognome", "Sobrenome", "Apelido", "Achternaam", "Efternamn", "Etternavn", "Efternavn",
        "Nazwisko", "Příjmení", "Sukunimi", "Soyad", "Soyadı", "Фамилия", "Прізвище", "姓",
    ),
    "full_name": (
        "Full Name", "Name", "Display Name", "Complete Name", "Whole Name", "Nom complet",
        "Nombre completo", "Nome completo", "Volledige naam", "Naam", "Vollständiger Name", "Ansprechpartner", "Namn",
        "Navn", "Imię i nazwisko", "ФИО", "姓名", "氏名", "First and Last Name", "Name (First Last)",
    ),
    "phone_secondary": ("Phone Secondary", "Secondary Phone", "Secondary Phone Number"),
    "timezone": ("Timezone", "Time Zone", "TZ", "Zone", "IANA Timezone", "Zeitzone", "Fuseau horaire", "Zona horaria"),
    "timezone_confirmed": (
        "Timezone Confirmed", "Time Zone Confirmed", "Timezone Verified", "Time Zone Verified", "Zeitzone bestätigt",
        "Fuseau horaire confirmé", "Zona horaria confirmada", "Fuso horário confirmado",
    ),
    "country": (
        "Country", "Country/Region", "Country Name", "Land", "Pays", "País", "Paese", "Nation", "Mailing Country",
        "Home Country", "Home Country/Region", "Address 1 - Country", "Address Country", "Person Country",
        "Billing Country", "Shipping Country", "Business Country", "Business Country/Region", "Country Code",
    ),
    "region": (
        "State", "State/Province", "State or Province", "State Code", "State/Region", "Province", "Province/State",
        "Region", "Bundesland", "Estado", "Provincia", "Estado/Provincia", "UF", "Province/Région", "Région",
        "Mailing State", "Mailing State/Province", "Home State", "Address 1 - Region", "Address State", "Person State",
        "Province Code", "Billing State", "Billing State/Province", "Shipping State", "Shipping State/Province",
        "Business State",
    ),
    "postal_code": (
        "Zip", "Zip Code", "Zipcode", "Postal Code", "Postcode", "Post Code", "Zip/Postal Code", "Postal/Zip Code",
        "Zip Code 5", "PLZ", "Postleitzahl", "Code postal", "Código postal", "CEP", "Codice postale",
        "Mailing Zip", "Mailing Postal Code", "Mailing Zip/Postal Code", "Home Postal Code", "Address 1 - Postal Code",
        "Address Zip", "Billing Zip", "Billing Zip/Postal Code", "Billing Postal Code", "Shipping Zip",
        "Shipping Zip/Postal Code", "Shipping Postal Code", "Business Postal Code",
    ),
    "do_not_call": (
        "Do Not Call", "DNC", "Do Not Contact", "Opt Out", "Opted Out", "No Calls", "Do Not Phone", "Don't Call",
        "Do Not Call List", "On Do Not Call List", "DNC List", "On DNC List", "Do Not Call Date", "DNC Date",
    ),
    "email": (
        "Email", "E-Mail", "Mail", "Email Address", "E-mail 1", "E-mail 1 Address", "Email 1", "Primary Email",
        "Work Email", "Personal Email", "Email (Work)", "Email (Personal)", "Email (Home)", "E-Mail-Adresse",
        "Adresse e-mail", "Courriel", "Correo electrónico", "Correo", "Posta elettronica", "E-mailadres", "E-post",
        "Электронная почта",
    ),
    "tags": ("Tags", "Tag", "Labels", "Categories"),
    "external_id": ("External ID", "External Key", "External Reference"),
}  # fmt: skip
"""The fields of a contact a file may have columns for, each with the names it goes by; of several columns that are
there the one whose name stands first here is taken. ``full_name`` is split where there is no first or last name."""

PHONES: tuple[tuple[str, ...], ...] = (
    (
        "Phone", "Phone Number", "Telephone", "Telephone Number", "Tel", "Tel. No.", "Tel. Number", "Phone No.",
        "Phone Nr", "Phone Num", "Telephone No.", "Ph", "Ph. No.", "Main Phone",
        "Primary Phone", "Primary Phone Number", "Contact Number", "Contact No.", "MSISDN", "Telefon", "Telefonnummer",
        "Rufnummer", "Téléphone", "Numéro de téléphone", "N° de téléphone", "Teléfono", "Número de teléfono",
        "Telefono", "Numero di telefono", "Telefone", "Número de telefone", "Telefoon", "Telefoonnummer",
        "Numer telefonu", "Telefonní číslo", "Puhelin", "Puhelinnumero", "No. Telepon", "No. Telp", "No. Tel",
        "Телефон", "Номер телефона", "电话", "電話番号", "전화번호", "Phone (Primary)",
    ),
    (
        "Mobile", "Mobile Number", "Mobile Phone", "Mobile Phone Number", "Mobile No.", "Mob", "Cell", "Cell Phone",
        "Cell Number", "Cell Phone Number", "Cellular", "Phone (Mobile)", "Phone (Cell)", "Mobile Telephone", "Handy",
        "Handynummer", "Mobil", "Mobilnummer", "Mobiltelefon", "Mobilfunk", "Portable", "Téléphone portable",
        "Téléphone mobile", "Móvil", "Teléfono móvil", "Celular", "Teléfono celular", "Cellulare", "Telemóvel", "GSM",
        "Mobiel", "Mobiele telefoon", "Mobilní telefon", "Komórka", "No. HP", "手机", "携帯電話",
        "Мобильный", "Мобильный телефон",
    ),
    (
        "Home Phone", "Home Telephone", "Home Phone Number", "Home Number", "Phone (Home)", "Tel (Home)", "Home Tel",
        "Private Phone", "Personal Phone", "Residential Phone", "Landline", "Festnetz", "Telefon privat", "Fixe",
        "Téléphone fixe",
    ),
    (
        "Work Phone", "Work Telephone", "Work Phone Number", "Work Number", "Phone (Work)", "Tel (Work)", "Work Tel",
        "Business Phone", "Business Phone Number", "Office Phone", "Office Number", "Phone (Office)",
        "Phone (Business)", "Direct Phone", "Direct Dial", "Direct Line", "Telefon geschäftlich", "Téléphone bureau",
    ),
    (
        "Other Phone", "Phone (Other)", "Alternate Phone", "Alternate Number", "Alternative Phone",
        "Alternative Number", "Alt Phone", "Alt Number", "Alternate Phone Number", "Second Phone", "Additional Phone",
        "Evening Phone", "Daytime Phone", "Day Phone", "Night Phone",
    ),
)  # fmt: skip
"""The columns of phone numbers, the most wanted first: the first of them with a number that can be called is ``phone``,
the next with something in it ``phone_secondary``, further ones are custom fields."""
ONLY_PHONES = ("Number", "Numbers", "Numero", "Nummer", "Num")
"""Phones where a file has no other column of them: beside one, they may number anything."""

ALSO_CUSTOM = frozenset({"country", "region", "postal_code"})
"""Fields whose columns are custom fields, too, as all were before these were fields: assistants may be sent them."""

KNOWN = ("phone", "phone_secondary", *(name for name in NAMES if name not in ("full_name", "phone_secondary")))
"""The fields themselves."""

_BEFORE = ("contact", "customer", "client", "lead", "person", "prospect", "patient", "member")
_VALUE = re.compile(r"(?<=[0-9])value$")
_ANSWERS = re.compile(
    r"(?<![\s\[({:=_-])[\s\[({:=_-]*\b(y\s*/\s*n|yes\s*/\s*no|true\s*/\s*false|0\s*/\s*1|1\s*/\s*0|x|j\s*/\s*n|o\s*/\s*n|s\s*/\s*n)"
    r"[\s?\])}]*$",
    re.IGNORECASE,
)
_FLAG = re.compile(r"^(?:is|has|on)(?=d|o)|(?:flag|indicator|status|checkbox|field|yn|yesno)$")


@lru_cache(maxsize=1024)
def names_of(header: str) -> tuple[str, ...]:
    """What a header may be called, by letters and digits alone: as it is, and without what people put around it."""
    found = [key_of(header), _VALUE.sub("", key_of(header))]
    found += [key.removeprefix(begin) for key in found for begin in _BEFORE]
    return tuple(key for key in dict.fromkeys(found) if key)


def field_of(header: str) -> tuple[str, int] | None:
    """The field of :data:`NAMES` this column holds, and how far down its name stands there."""
    return next((_FIELDS[key] for key in names_of(header) if key in _FIELDS), None) or _flag_of(header)


def _flag_of(header: str) -> tuple[str, int] | None:
    """``Is DNC``, ``DNC (Y/N)``, ``Do Not Call Flag``: what is a flag is often called one."""
    for name in names_of(_ANSWERS.sub("", header)):
        key = _FLAG.sub("", name)
        if _FIELDS.get(key, ("", 0))[0] == "do_not_call":
            return _FIELDS[key]
    return None


def phone_rank(header: str) -> int | None:
    """How much this column of phone numbers is wanted (0 most), or that it is none."""
    for key in names_of(header):
        for bare in (key, key.rstrip("0123456789")):
            if bare in _PHONES and len(key) - len(bare) <= 2:
                return _PHONES[bare] + int(key.removeprefix(bare) or 0)
    return None


def is_only_phone(header: str) -> bool:
    """Whether this column holds phone numbers if no other does."""
    return key_of(header) in _ONLY_PHONES


_FIELDS = {key_of(name): (field, at) for field, names in NAMES.items() for at, name in enumerate(names)}
_PHONES = {
    key_of(name): 1000 * kind + 100 * (at > 0) for kind, names in enumerate(PHONES) for at, name in enumerate(names)
}
_ONLY_PHONES = frozenset(map(key_of, ONLY_PHONES))
