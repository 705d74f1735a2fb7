"""The page of names that are understood, made of the tables that understand them; a sample that people can keep."""

from __future__ import annotations

from collections.abc import Iterator

from worker.domain.column_names import NAMES, ONLY_PHONES, PHONES

_KINDS = ("first choice", "mobiles", "at home", "at work", "others")
_SAYS = {
    "first_name": "what the person is called",
    "last_name": "the family name",
    "full_name": "both in one; split where neither of the two is there (`Ann Lee`, `Lee, Ann`, `Jan van der Berg`)",
    "phone_secondary": "kept beside the phone; of several phones the second one",
    "timezone": "where the person is, such as `America/New_York`",
    "timezone_confirmed": "whether the person is known to be in `timezone`, whatever the number says; yes or no",
    "country": "where the person lives; a custom field, too",
    "region": "the state or province, of the country or else of the number's; a custom field, too",
    "postal_code": "the postal code, likewise",
    "do_not_call": "who must not be called; of several columns each one binds",
    "email": "an e-mail address",
    "tags": "words to find people by, separated by semicolons",
    "external_id": "what another system of yours calls the person; people are found by it before their number",
}


def column_page() -> str:
    """The page, in Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Columns of a contact file"
    yield ""
    yield (
        "The first line names the columns, in any order. Names are compared by letters and digits alone: `Phone "
        "No.`, `PHONE_NO` and `phoneNo` are one, and so is a name with `Contact`, `Customer`, `Client`, `Lead` "
        "or `Person` before it, or with `__c`, `(Y/N)` or a question mark behind it."
    )
    yield ""
    yield "## Phone numbers (one column must be there)"
    yield ""
    yield (
        "The first of these with a number that can be called is the phone, the next one that is filled "
        "`phone_secondary`; further ones become custom fields. A digit may follow (`Mobile 2`)."
    )
    yield ""
    for kind, names in zip(_KINDS, PHONES, strict=True):
        yield f"* {kind}: {', '.join(names)}"
    yield f"* where there is none of these: {', '.join(ONLY_PHONES)}"
    for field, names in NAMES.items():
        yield ""
        yield f"## {field}: {_SAYS[field]}"
        yield ""
        yield ", ".join(names)
    yield ""
    yield "## What do_not_call understands"
    yield ""
    yield (
        "`yes`, `true`, `1`, `x`, ✓ or a date, a *yes* in many languages, and words such as `Do Not Call`, "
        "`opt-out`, `DNC`: not to be called. An empty cell, `no`, `false`, `0`, `n/a`, `-`, `OK to call`: may be "
        "called. Whatever else stands there is taken for do-not-call, and reported; where that is most of a "
        "column, nothing is imported."
    )
    yield ""
    yield "## Other columns"
    yield ""
    yield (
        "They become custom fields under their own names. A column that looks as if it said who must not be "
        "called and has none of the names above (`Suppressed`, `TPS`, `Nicht anrufen`) refuses the file: rename "
        "it to `do_not_call`, or to something else. What is plainly about e-mail, text messages, letters or fax "
        "(`Email opt out`) is a custom field; so is a consent (`Opt-in`, `OK to call`), but a plain *no* in it "
        "is taken for do-not-call."
    )
