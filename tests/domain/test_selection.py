"""A filter in the place of ids: not both, and nothing that would mean everybody."""

from __future__ import annotations

from typing import Any

import pytest

from worker.domain.errors import Invalid
from worker.domain.selection import parse_filter


@pytest.mark.parametrize(
    ("body", "in_campaign", "faults"),
    [
        ({"filter": {}}, False, ["filter: It would mean everybody; give at least one of: tag, search, phone, email, "
                                 "companyId, externalId, doNotCall."]),
        ({"filter": None}, True, ["filter: Give an object."]),
        ({"filter": [], "contactIds": ["a"]}, True,
         ["contactIds: Give contactIds or filter, not both.", "filter: Give an object."]),
        ({"filter": {"tag": ""}, "x": 1}, True,
         ["x: Unknown field; known here are contactIds, filter.",
          "filter.tag: Give a text of 1 to 100 characters; this one is empty."]),
        ({"filter": {"status": "done"}}, True, ["filter.status: Give one of: "]),
        ({"filter": {"status": "failed"}}, False, ["filter.status: Unknown field; "]),
        ({"filter": {"tag": None}}, False, ["filter.tag: It cannot be null; give a text of 1 to 100 characters."]),
        ({"filter": {"doNotCall": "no"}}, False, ["filter.doNotCall: Give true or false."]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_all_at_once(body: dict[str, Any], in_campaign: bool, faults: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        parse_filter(body, in_campaign=in_campaign)
    found = [f"{fault.path}: {fault.message}" for fault in refused.value.faults]
    assert len(found) == len(faults)
    assert all(said.startswith(fault) for said, fault in zip(found, faults, strict=True)), found


def test_a_filter_is_read_by_column() -> None:
    chosen = parse_filter({"filter": {"status": "failed", "doNotCall": False}}, in_campaign=True)
    assert chosen == {"status": "failed", "do_not_call": False}
