from __future__ import annotations

import csv
import io
import random
import tracemalloc
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.contact_columns import DELIMITERS
from worker.domain.contact_file import ContactFile, ContactLine, number_file, read_contacts
from worker.domain.csv_text import LONGEST_RECORD
from worker.domain.errors import Fault, Invalid
from worker.domain.letters import stripped

HEADER = ["phone", "first_name", "last_name", "phone_secondary", "timezone", "do_not_call", "email", "tags", "plan"]
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)
ONE_LINE = TEXT.map(lambda text: " ".join(text.split()))


def read(text: str) -> list[ContactLine | Fault]:
    """The file's records, read from lines as an open file gives them."""
    return list(read_contacts(io.StringIO(text, newline="")))


def people(text: str) -> list[ContactLine]:
    found = read(text)
    assert not [it for it in found if isinstance(it, Fault)]
    return [it for it in found if isinstance(it, ContactLine)]


def faults(text: str) -> list[str]:
    return [f"{it.path}: {it.message}" for it in read(text) if isinstance(it, Fault)]


def refused(text: str) -> str:
    with pytest.raises(Invalid) as error:
        read(text)
    return str(error.value)


def written(rows: Sequence[Sequence[str]], ending: str = "\r\n") -> str:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator=ending, quoting=csv.QUOTE_ALL).writerows(rows)
    return file.getvalue()


TAG = ONE_LINE.map(lambda text: stripped(text.replace(";", ""))).filter(bool)
contacts = st.builds(
    ContactLine,
    line=st.just(0),
    phone=st.sampled_from(["+12025550123", "0171 123", "no phone 12", "+44 20 7946 0000"]),
    first_name=TEXT.map(stripped),
    last_name=TEXT.map(stripped),
    phone_secondary=TEXT.map(lambda text: stripped(text) or None),
    timezone=st.sampled_from([None, "America/New_York", "Australia/Lord_Howe"]),
    do_not_call=st.booleans(),
    email=TEXT.map(lambda text: stripped(text) or None),
    tags=st.lists(ONE_LINE.map(lambda text: stripped(text.replace(";", ""))).filter(bool), max_size=3, unique=True).map(
        tuple
    ),
    custom_fields=TEXT.map(lambda text: {"plan": stripped(text)} if stripped(text) else {}),
)


def cells(contact: ContactLine) -> dict[str, str]:
    """A contact as somebody would write it down."""
    return {
        "phone": contact.phone or "",
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "phone_secondary": contact.phone_secondary or "",
        "timezone": contact.timezone or "",
        "do_not_call": "true" if contact.do_not_call else "",
        "email": contact.email or "",
        "tags": ";".join(contact.tags),
        "plan": contact.custom_fields.get("plan", ""),
    }


@given(
    expected=st.lists(contacts, max_size=3),
    order=st.permutations(HEADER),
    ending=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from(["", "\ufeff"]),
)
def test_what_was_written_is_read_whatever_the_order_of_its_columns(
    expected: list[ContactLine], order: list[str], ending: str, mark: str
) -> None:
    rows = [order, *([cells(contact)[name] for name in order] for contact in expected)]
    found = people(mark + written(rows, ending))
    assert [cells(contact) for contact in found] == [cells(contact) for contact in expected]


@given(st.text(max_size=200))
def test_any_text_is_contacts_and_faults_or_refused_in_a_sentence(text: str) -> None:
    for content in (text, "phone,x\n" + text):
        try:
            found = read(content)
        except Invalid as error:
            found = list(error.faults)
        lines = [it.line if isinstance(it, ContactLine) else int(it.path.removeprefix("line ")) for it in found]
        assert lines == sorted(set(lines)), "each record is reported once, by the line it begins on"
        assert all(it.message.endswith(".") for it in found if isinstance(it, Fault))


@given(st.binary(max_size=200))
def test_any_bytes_are_contacts_and_faults(content: bytes) -> None:
    lines = io.TextIOWrapper(io.BytesIO(b"phone\n" + content), "utf-8", "surrogateescape", newline="")
    for found in read_contacts(lines):
        if isinstance(found, ContactLine):
            (found.phone or "").encode()


@pytest.mark.parametrize(
    "header",
    [
        "phone,firstName,lastName,phoneSecondary,timezone,doNotCall",
        "Phone,First Name,Last Name,Phone Secondary,Timezone,Do Not Call",
        "PHONE,FIRST_NAME,LAST_NAME,PHONE_SECONDARY,TIMEZONE,DO_NOT_CALL",
        " phone , first-name , last-name , phone-secondary , timezone , do-not-call ",
        '\ufeff"phone","first_name","last_name","phone_secondary","timezone","do_not_call"',
    ],
)
def test_columns_go_by_the_names_people_give_them(header: str) -> None:
    (found,) = people(f"{header}\n+12025550123, Ada ,Byron,+12025550124,Europe/London,YES\n")
    assert found == ContactLine(
        2, "+12025550123", "Ada", "Byron", "+12025550124", timezone="Europe/London", do_not_call=True
    )


def test_unknown_columns_become_custom_fields_where_they_say_something() -> None:
    found = people("phone,favouriteColour,Plan B\n+12025550123,green,\n+12025550124,,gold\n")
    assert [contact.custom_fields for contact in found] == [{"favourite_colour": "green"}, {"plan_b": "gold"}]


@pytest.mark.parametrize(("flag", "meaning"), [("true", True), ("X", True), ("1", True), ("No", False), ("", False)])
def test_do_not_call_is_read_in_the_usual_words(flag: str, meaning: bool) -> None:
    assert people(f"phone,do_not_call\n+12025550123,{flag}\n")[0].do_not_call is meaning


def test_a_do_not_call_in_doubt_binds_and_is_said() -> None:
    bound, *others = people("phone,do_not_call\n+12025550121,maybe\n+12025550122,yes\n+12025550123,\n+12025550124,no\n")
    assert (bound.do_not_call, [other.do_not_call for other in others]) == (True, [True, False, False])
    assert bound.notice is not None
    assert (bound.notice.path, bound.notice.outcome) == ("line 2", "unreadable")
    assert "'maybe'" in bound.notice.message
    assert [other.notice for other in others] == [None] * 3


def numbered(*cells: str) -> str:
    return "".join(f"+1202555{n:04d},{cell}\n" for n, cell in enumerate(cells))


@pytest.mark.parametrize(
    ("cells", "count"),
    [
        (("prefers mornings", "Bob", "yes"), "Of the 3 cells that say something in the column 'DNC', 2 are"),
        (("a", "b"), "Of the 2 cells"),
        (("", "", "a", "", "b", ""), "Of the 2 cells"),
        (
            tuple("a" if n % 3 else "no" for n in range(3000)),
            "Of the 3000 cells that say something in the column 'DNC', 2000",
        ),
    ],
)
def test_a_column_of_bans_that_mostly_cannot_be_read_is_another_column(cells: tuple[str, ...], count: str) -> None:
    assert count in refused("phone,DNC\n" + numbered(*cells))


@pytest.mark.parametrize("cells", [("maybe",), ("maybe", "yes"), ("a", "b", "yes", "no"), ("", "maybe", "")])
def test_a_column_of_which_half_can_be_read_is_one_of_bans(cells: tuple[str, ...]) -> None:
    people("phone,DNC\n" + numbered(*cells))


def test_of_several_columns_of_bans_any_binds_and_each_must_be_readable() -> None:
    found = people("phone,DNC,Opt Out\n+12025550101,no,yes\n+12025550102,2024-05-01,\n+12025550103,,no\n")
    assert [contact.do_not_call for contact in found] == [True, True, False]
    assert "'Opt Out'" in refused("phone,DNC,Opt Out\n" + numbered("no,Bob", "no,Ann", "no,Cy", "yes,", "yes,"))


@pytest.mark.parametrize("column", ["Status", "last_result", "Notes", "tags", "Lead State"])
@pytest.mark.parametrize(
    "cell",
    ["DNC", "dnc", "D.N.C.", "DNCL", "Do Not Call", "DO-NOT-CALL", "don\u2019t call", "Do not contact!", "[DNC]",
     "never call again", "No more calls", "On DNC list", "opted out of calls", "do\u00a0not\u202fphone", "vip;DNC"],
)  # fmt: skip
def test_what_can_mean_nothing_else_binds_in_any_column_and_is_shown(column: str, cell: str) -> None:
    (banned,) = people(f"phone,{column}\n" + numbered(cell))
    assert banned.do_not_call
    assert banned.notice is not None
    assert banned.notice.outcome == "do_not_call"


@pytest.mark.parametrize(
    "cell",
    ["No contact", "Not contacted", "Never called", "No call yet", "Called", "Call back", "Do not qualify", "Duncan",
     "Dr. Call", "no answer", "opt-in", "DNS", "DNC Corp", "Contacted", "don't know", "Dial tone", "unsubscribed"],
)  # fmt: skip
def test_what_speaks_of_attempts_is_no_ban(cell: str) -> None:
    (contact,) = people("phone,status,tags\n" + numbered(f"{cell},{cell}"))
    assert (contact.do_not_call, contact.custom_fields) == (False, {"status": cell})


@pytest.mark.parametrize("column", ["Marketing calls", "Phone Calls", "Calls", "Phone marketing", "Telefonwerbung"])
def test_a_plain_no_to_calls_binds_and_a_number_of_calls_does_not(column: str) -> None:
    found = people(f"phone,{column}\n" + numbered("no", "No", "nein", "0", "3", "yes", "", "no answer"))
    assert [contact.do_not_call for contact in found] == [True] * 3 + [False] * 5


def test_a_ban_on_e_mail_is_none_on_calls() -> None:
    (contact,) = people("phone,Email Status\n" + numbered("Do not contact"))
    assert not contact.do_not_call


def test_a_plain_no_in_a_column_of_consents_binds_and_stays_a_custom_field() -> None:
    refusal, given_, silent = people("phone,OK to call\n" + numbered("No", "web form 2024", ""))
    assert (refusal.do_not_call, refusal.custom_fields) == (True, {"ok_to_call": "No"})
    assert refusal.notice is not None
    assert refusal.notice.outcome == "no_consent"
    assert (given_.do_not_call, given_.custom_fields, silent.do_not_call) == (
        False,
        {"ok_to_call": "web form 2024"},
        False,
    )


def test_in_a_file_of_bans_other_columns_of_bans_refuse_nothing() -> None:
    found = list(number_file(io.StringIO("phone,DNC,Suppressed\n" + numbered("Bob,x", "Ann,y", "Cy,z"), newline="")))
    assert [it.phone for it in found if isinstance(it, ContactLine)] == ["+12025550000", "+12025550001", "+12025550002"]


def test_a_line_with_fewer_fields_than_columns_leaves_the_rest_empty() -> None:
    assert people("first_name,phone,email\nAda\n") == [ContactLine(2, None, "Ada")]


def test_a_quoted_field_may_hold_line_breaks_commas_and_quotes() -> None:
    first, second = people('phone,note\n+12025550123,"two\nlines, and a ""quote"""\n+12025550124,one\n')
    assert (first.line, first.custom_fields) == (2, {"note": 'two\nlines, and a "quote"'})
    assert (second.line, second.custom_fields) == (4, {"note": "one"})


def test_blank_lines_and_lines_of_commas_are_nobody() -> None:
    assert [contact.line for contact in people("phone,email\n\n,\n+12025550123,\n  , \n")] == [4]


def test_a_bad_line_is_shown_and_the_others_go_on() -> None:
    text = (
        "phone,timezone\n+12025550102,as written\n+12025550103,,surplus\n+1202555\x000104,\n+12025550105,Asia/Tokyo\n"
    )
    assert [found.timezone for found in read(text) if isinstance(found, ContactLine)] == ["as written", "Asia/Tokyo"]
    assert faults(text) == [
        "line 3: It has 3 fields, but the header names 2.",
        "line 4: It contains a NUL character, or bytes that are not text in this encoding; save the file as UTF-8.",
    ]


def test_bytes_of_another_encoding_cost_their_own_line_alone() -> None:
    content = "phone,first_name\n+12025550101,Ren\n+12025550102,René\n+12025550103,Rita\n".encode("latin-1")
    found = list(read_contacts(io.TextIOWrapper(io.BytesIO(content), "utf-8", "surrogateescape")))
    assert [it.path if isinstance(it, Fault) else it.first_name for it in found] == ["Ren", "line 3", "Rita"]


def test_a_value_below_no_name_is_a_fault_and_empty_columns_are_not() -> None:
    assert people("phone,,\n+12025550101,,\n") == [ContactLine(2, "+12025550101")]
    assert faults("phone,,\n+12025550101,,lost\n") == ["line 2: It has a value in a column without a name."]


def test_a_quote_that_never_closes_is_shown_where_it_opens() -> None:
    assert faults('phone,note\n+12025550101,"open\n+12025550102,x\n') == [
        "line 2: A quote opens in this record and never closes; lines 2 to 3 are passed over."
    ]


def test_a_field_beyond_all_measure_costs_its_own_record_alone() -> None:
    found = read(f"phone,note\n+12025550101,{'x' * 200_000}\n+12025550102,y\n")
    assert [it.path if isinstance(it, Fault) else it.phone for it in found] == ["line 2", "+12025550102"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "one must be phone"),
        ("\n", "one must be phone"),
        ("name,address\n", "one must be phone; these are name, address."),
        ("+12025550123,Ada\n", "This is a contact already"),
        ("phone,Phone\n", "Two columns have the name phone"),
        ("phone,first name,firstName\n", "Two columns have the name first_name"),
        ("phone,a\x00b\n", "NUL"),
        ("phone,\udcff\n", "not text in this encoding"),
        ('phone,"open\n', "A quote opens in this record and never closes."),
        ('phone,"open" \n', "This is not CSV"),
        (f"phone,{'x' * 200_000}\n", "more than 131072 characters"),
    ],
)
def test_a_header_that_cannot_be_understood_refuses_the_file(text: str, message: str) -> None:
    assert refused(text).startswith("line 1: ")
    assert message in refused(text)


def test_only_as_much_is_read_as_is_asked_for() -> None:
    def endless() -> object:
        yield "phone\n"
        while True:
            yield f"+1202555{random.randrange(10_000):04d}\n"

    reading = read_contacts(endless())
    assert [next(reading).line for _ in range(3)] == [2, 3, 4]


@pytest.mark.parametrize(
    "header",
    ["number,first,surname,tz,dnc,e-mail", "Mobile,Given Name,Family Name,Time Zone,Opt out,Mail"],
)
def test_a_column_by_another_name_stands_in_for_the_field_that_has_none(header: str) -> None:
    columns = ContactFile([f"{header}\n"]).columns
    assert list(columns.known) == ["phone", "first_name", "last_name", "timezone", "do_not_call", "email"]
    assert columns.custom == {}


@pytest.mark.parametrize(
    ("cells", "phone", "secondary", "custom"),
    [
        ("+12025550101,,", "+12025550101", None, {}),
        (",+12025550102,", "+12025550102", None, {}),
        (",,+12025550103", "+12025550103", None, {}),
        ("+12025550101,+12025550102,", "+12025550101", "+12025550102", {}),
        ("12,+12025550102,", "+12025550102", "12", {}),
        ("12,34,", "12", "34", {}),
        ("+12025550101,+12025550101,", "+12025550101", None, {}),
        ("+12025550101,+12025550102,+12025550103", "+12025550101", "+12025550102", {"home_phone": "+12025550103"}),
        ("n/a,,+12025550103", "+12025550103", "n/a", {}),
    ],
)
def test_the_first_number_that_can_be_called_is_the_phone_and_no_other_is_lost(
    cells: str, phone: str, secondary: str | None, custom: dict[str, str]
) -> None:
    (found,) = people(f"Phone,Mobile,Home Phone\n{cells}\n")
    assert (found.phone, found.phone_secondary, found.custom_fields) == (phone, secondary, custom)


def test_which_number_can_be_called_depends_on_the_country() -> None:
    lines = ["phone,mobile\n", "202 555 0101,+12025550102\n"]
    assert [next(iter(read_contacts(lines, region=region))).phone for region in (None, "US")] == [
        "+12025550102", "202 555 0101",
    ]  # fmt: skip


def test_a_secondary_phone_by_its_own_name_is_never_taken_for_the_phone() -> None:
    (found,) = people("phone,phone_secondary,first_name\n,+12025550102,Ada\n")
    assert (found.phone, found.phone_secondary) == (None, "+12025550102")


@pytest.mark.parametrize("space", ["\u00a0", "\u202f", "\u2009", "\u3000", "\u2007"])
def test_every_space_within_a_number_is_a_space(space: str) -> None:
    (found,) = people(f"phone\n+1{space}202{space}555{space}0123\n")
    assert found.phone == "+1 202 555 0123"


@pytest.mark.parametrize(
    "row",
    [
        "Total,,,",
        "Grand total: 12,,,",
        "---,,,",
        ",,,gold",
        ",n/a,,",
        ",Total,,",
        "Total,4981,,",
        "Page 1 of 2,,,",
        ",,n/a,",
    ],
)
def test_a_row_with_nothing_of_a_person_is_refused(row: str) -> None:
    (said,) = faults(f"name,phone,email,plan\n{row}\n")
    assert "person" in said


@pytest.mark.parametrize(
    "row", ["Ada,,,", ",12,,", ",,ada@example.com,", "Total,+12025550123,,", "Total,,t@example.com,"]
)
def test_a_row_with_a_name_a_number_or_an_address_is_somebody(row: str) -> None:
    assert len(people(f"name,phone,email,plan\n{row}\n")) == 1


@pytest.mark.parametrize("blank", ["\u00a0", "\u200b", "\ufeff \u2060", "\u3000"])
def test_a_cell_of_spaces_nobody_sees_is_empty(blank: str) -> None:
    assert people(f"phone,first_name\n{blank},{blank}\n") == []
    assert [contact.first_name for contact in people(f"phone,first_name\n12,{blank}Ada{blank}\n")] == ["Ada"]


@given(expected=st.lists(contacts, max_size=3), delimiter=st.sampled_from(DELIMITERS))
def test_the_delimiter_is_found_by_the_names(expected: list[ContactLine], delimiter: str) -> None:
    file = io.StringIO(newline="")
    rows = [HEADER, *([cells(contact)[name] for name in HEADER] for contact in expected)]
    csv.writer(file, delimiter=delimiter).writerows(rows)
    read = ContactFile(io.StringIO(file.getvalue(), newline=""))
    assert read.delimiter == delimiter
    assert [cells(it) for it in read if isinstance(it, ContactLine)] == [cells(contact) for contact in expected]


def test_a_delimiter_that_is_said_is_taken_as_said() -> None:
    (found,) = ContactFile(["phone:a,b\n", "+12025550101:x\n"], ":")
    assert isinstance(found, ContactLine)
    assert found.custom_fields == {"a,b": "x"}


def test_a_field_of_a_contact_is_no_longer_than_the_api_lets_it_be() -> None:
    assert faults(f"phone,first_name\n+12025550101,{'x' * 201}\n+12025550101,{'x' * 200}\n") == [
        "line 2: first_name: Give a text of at most 200 characters."
    ]


def test_tags_are_as_many_and_as_long_as_the_api_lets_them_be() -> None:
    (contact,) = people(f"phone,tags\n+12025550101,a; b;;a;{'x' * 100}\n")
    assert contact.tags == ("a", "b", "x" * 100)
    assert faults(f"phone,tags\n+12025550101,a;{'x' * 101}\n") == [
        "line 2: tags[1]: Give a text of 1 to 100 characters; this one has 101."
    ]


def test_a_quoted_text_beyond_all_measure_is_passed_over_to_its_end_whatever_its_lines_look_like() -> None:
    text = 'phone,note\n+12025550101,"' + "+12025550102,x\n" * 20_000 + '"\n+12025550103,y\n'
    found = read(text)
    assert [it.line if isinstance(it, ContactLine) else it.path for it in found] == ["line 2", 20_003]
    assert "lines 2 to 20002 are passed over" in str(found[0])


def test_of_a_line_without_end_no_more_is_held_than_may_be() -> None:
    def endless() -> Iterator[str]:
        yield "phone,note\n"
        yield "+12025550101," + "x" * LONGEST_RECORD
        for _ in range(1000):
            yield "y" * (LONGEST_RECORD + 1)
        yield "z\n"
        yield "+12025550102,x\n"

    tracemalloc.start()
    found = list(read_contacts(endless()))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [it.line if isinstance(it, ContactLine) else it.path for it in found] == ["line 2", 3]
    assert most < 10 * LONGEST_RECORD


def test_a_last_line_that_breaks_off_is_refused_and_one_that_is_whole_is_not() -> None:
    assert faults("phone,name\n+12025550101,Ada\n+1202555") == [
        "line 3: The file breaks off in this line; give the rest of it, or end the line."
    ]
    whole = ContactFile(["phone,name\n", "+12025550101,Ada"])
    assert len(list(whole)) == 1
    assert whole.is_cut


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("+12025550101\n202 555 0102\nx\n", ["+12025550101", "202 555 0102", "x"]),
        ("asked,+12025550101\n,+12025550102\n", ["+12025550101", "+12025550102"]),
        ("Number;reason\n+12025550101;asked\n", ["+12025550101"]),
    ],
)
def test_a_file_of_numbers_may_be_a_mere_list(text: str, numbers: list[str]) -> None:
    found = list(number_file(io.StringIO(text, newline=""), region="US"))
    assert [it.phone for it in found if isinstance(it, ContactLine)] == numbers
    assert next(it.line for it in found if isinstance(it, ContactLine)) == (2 if "Number" in text else 1)
