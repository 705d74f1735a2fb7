"""What is declared to be shown of a row is in the row, and comes in the order of the declaration."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from worker.domain.answers import BANNED, CALL, CAMPAIGN_CONTACT, KEY, RUN
from worker.domain.fields import Field
from worker.domain.resources import TEAM
from worker.operations.views import view
from worker.store.crm.campaign_contacts import CampaignContactRow
from worker.store.crm.do_not_call import BannedRow
from worker.store.crm.keys import KeyRow
from worker.store.crm.teams import TeamRow
from worker.store.reads.campaign_calls import CallRow
from worker.store.runs import RunRow

MADE = {"next_call_at"}
"""What is shown and is no column."""


@pytest.mark.parametrize(
    ("fields", "row"),
    [(BANNED, BannedRow), (CALL, CallRow), (CAMPAIGN_CONTACT, CampaignContactRow), (KEY, KeyRow), (RUN, RunRow),
     (TEAM.fields, TeamRow)],
)  # fmt: skip
def test_what_is_shown_is_a_column_of_the_row(fields: Sequence[Field], row: type) -> None:
    columns = {name for base in row.__mro__ for name in getattr(base, "__annotations__", {})}
    assert {field.column for field in fields} - MADE <= columns


def test_what_is_given_stands_in_the_place_of_the_column() -> None:
    row = dict.fromkeys((field.column for field in CAMPAIGN_CONTACT), 1)
    shown = view(CAMPAIGN_CONTACT, row, due_at=None)
    assert list(shown) == [field.shown for field in CAMPAIGN_CONTACT]
    assert [name for name, value in shown.items() if value is None] == ["due_at"]
