"""The manual's table of refusals names every code of the carriers' tables, in the row of what the dialer does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from worker.carriers.base import Action
from worker.carriers.codes import Code
from worker.carriers.telnyx import codes as telnyx
from worker.carriers.twilio import codes as twilio

MANUAL = Path(__file__).parents[2] / "worker" / "manual" / "carriers.md"
HEAD = "| you see | it was | do |"
ROWS = {
    Action.STOP_ACCOUNT: "`pause_reason: account_stopped",
    Action.RETIRE_NUMBER: "`pause_reason: no_caller_id",
    Action.REST_NUMBER: "number with `resting_until`",
    Action.BACK_OFF: "account with `resting_until` (",
    Action.CHANNELS: "account with `resting_until`, ",
    Action.MALFORMED: "`pause_reason: request_malformed",
    Action.INVALID_NUMBER: "contact `failed: invalid_number`",
    Action.UNREACHABLE: "contact `failed: invalid_number`",
    Action.BLOCKED: "contact `failed: blocked`",
    Action.LATER: "contact `failed: technical`",
}
TRIAL = "the same, and `cause` of its call speaks of a trial account"
LINES = {("twilio", code): line for code, line in twilio.CODES.items()}
LINES |= {("telnyx", code): line for code, line in telnyx.CODES.items()}
CODE = re.compile(r"\b(D[0-9]{1,2}|[0-9]{5,6})\b")


def rows() -> dict[str, set[tuple[str, str]]]:
    """What one sees, and the codes that stand beside it: Twilio's, and behind its name Telnyx's."""
    _, _, table = MANUAL.read_text().partition(HEAD)
    found: dict[str, set[tuple[str, str]]] = {}
    for cell in (line.split("|")[1].strip() for line in table.partition("\n\n")[0].splitlines()[2:]):
        of_twilio, _, of_telnyx = cell.partition("Telnyx")
        found[cell] = {("twilio", code) for code in CODE.findall(of_twilio)}
        found[cell] |= {("telnyx", code) for code in CODE.findall(of_telnyx)}
    return found


def row_of(line: Code) -> str:
    return TRIAL if line.says else ROWS[line.action]


@pytest.mark.parametrize("which", LINES, ids="-".join)
def test_a_code_stands_in_the_row_of_what_is_done_about_it_and_in_no_other(which: tuple[str, str]) -> None:
    naming = [cell for cell, codes in rows().items() if which in codes]
    assert len(naming) == 1, naming
    assert naming[0].startswith(row_of(LINES[which]))


def test_no_row_names_a_code_that_is_in_no_table() -> None:
    assert {code for codes in rows().values() for code in codes} == LINES.keys()
