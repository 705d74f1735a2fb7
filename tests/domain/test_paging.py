"""Where a page begins: what an answer says is read again as it was, and nothing else is taken for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.errors import Invalid
from worker.domain.paging import Key, read_key, read_number, read_since

INSTANTS = st.datetimes(timezones=st.just(UTC))


@given(at=st.none() | INSTANTS, row_id=st.text(st.characters(codec="ascii"), min_size=1, max_size=200))
def test_a_place_is_read_as_it_was_written(at: datetime | None, row_id: str) -> None:
    assert read_key(str(Key(at, row_id))) == Key(at, row_id)


@pytest.mark.parametrize(
    "text",
    ["", ".", "1", "1.", ".x", "x.y", "none", "none.", "²3.x", f"{10**30}.x", "1." + "x" * 300, "--1.x"],
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="after: It is not what `next` of an answer said"):
        read_key(text)


@pytest.mark.parametrize("text", ["", "-1", "x", "1.0", "²", "9223372036854775808", "9" * 5000])
def test_what_is_no_number_of_a_row_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="after: It is not what `next` of an answer said"):
        read_number(text)
    assert read_number("9223372036854775807") == 2**63 - 1


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2027-03-01", "2027-03-01T09:00:00", "2027-02-30T09:00:00Z", "0001-01-01T00:00:00+23:59"]
)
def test_an_instant_has_an_offset(text: str) -> None:
    with pytest.raises(Invalid, match="updatedSince: "):
        read_since(text, "updatedSince")
    east = timezone(timedelta(hours=2))
    assert read_since("2027-03-01T09:00:00+02:00", "from") == datetime(2027, 3, 1, 9, tzinfo=east)
