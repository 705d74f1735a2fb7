"""The time zone of a line of a file, by its IANA name."""

from __future__ import annotations

from dataclasses import replace

from worker.domain.contact import countries_of
from worker.domain.contact_file import ContactLine, LineFault, line_fault
from worker.domain.errors import Invalid
from worker.domain.screening import Phone, PhoneFault
from worker.domain.zone_words import read_zone


def in_zone(line: ContactLine | LineFault, phone: Phone | PhoneFault, region: str | None) -> ContactLine | LineFault:
    """The line with its time zone read with the countries it may belong to: that of its number, and the file's. Who is
    not to be called needs none, and is not lost for one that cannot be read; that is reported."""
    if isinstance(line, LineFault) or line.timezone is None:
        return line
    e164 = phone.e164 if isinstance(phone, Phone) else None
    try:
        zone = read_zone(line.timezone, countries=lambda: countries_of(e164, region))
    except Invalid as error:
        said = f"timezone: {error.faults[0].message}"
        if not line.do_not_call:
            return line_fault(line.line, said)
        notice = line.notice or LineFault(f"line {line.line}", f"{said} It is left out.", line.line, "no_zone")
        return replace(line, timezone=None, notice=notice)
    return line if zone == line.timezone else replace(line, timezone=zone)
