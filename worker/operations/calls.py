"""The calls of a team, as they are read: listed by what they are of, and one with all its carrier said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from worker.carriers import registry, sip
from worker.domain.answers import CALL_EVENT, TEAM_CALL
from worker.domain.errors import Fault, Invalid, NotFound
from worker.domain.paging import Part
from worker.domain.whose_clock import clock_zone
from worker.flow.base import Dialer
from worker.operations.country import country_of_team, meant
from worker.operations.lists import Listed
from worker.operations.views import View, view
from worker.store.crm import records
from worker.store.database import once
from worker.store.reads import calls
from worker.store.reads.calls import CallEventRow, TeamCallRow, WantedCalls

MOST_EVENTS = 100
"""Of one call; a life has five."""


def list_calls(dialer: Dialer, team_id: str, wanted: WantedCalls, part: Part, *, region: str | None = None) -> Listed:
    """The team's calls, newest first, or those that have changed. A ``number`` without a country code is of the
    ``region``, or of the team's country. Raises :class:`Invalid` for an outcome without its campaign, whose word it
    is."""
    if wanted.outcome is not None and wanted.campaign_id is None:
        raise Invalid([Fault("outcome", "It is a word of one campaign's; name that too, as campaignId.")])

    def read(conn: Connection) -> Listed:
        number = wanted.number
        if number is not None:
            number = meant(conn, team_id, number, region or country_of_team(conn, team_id))
        at = records.read_at(conn)
        page = calls.page(conn, team_id, replace(wanted, number=number), part)
        is_full = len(page.rows) == part.limit
        behind = calls.key_of(page.rows[-1], changed=part.updated_since is not None) if is_full else None
        return Listed([call_view(row) for row in page.rows], page.count, None if behind is None else str(behind), at)

    return once(dialer.db, read)


def get_call(dialer: Dialer, team_id: str, call_id: str) -> tuple[View, list[View]]:
    """The team's call, and its events in the order in which they came. Raises :class:`NotFound`."""

    def read(conn: Connection) -> tuple[View, list[View]]:
        row = calls.one(conn, team_id, call_id)
        if row is None:
            raise NotFound("call", call_id)
        events = calls.events_of(conn, [row.token], most=MOST_EVENTS)[row.token]
        return call_view(row), [event_view(event) for event in events]

    return once(dialer.db, read)


def clocks_of(dialer: Dialer, team_id: str, call_ids: Sequence[str]) -> tuple[datetime, Mapping[str, str | None]]:
    """What time the server has, by which calls are noted, and by whose clock the callee of each of the team's calls was
    called (``None`` where there is none)."""

    def read(conn: Connection) -> tuple[datetime, Mapping[str, str | None]]:
        rows = calls.clocks(conn, team_id, call_ids)
        zones = {row.id: clock_zone(row.settings, row.zone, row.call_window_timezone or "") or None for row in rows}
        return records.now(conn), zones

    return once(dialer.db, read)


def call_view(row: TeamCallRow) -> View:
    """A call as lists of the team's show it."""
    return view(TEAM_CALL, row, cause_meaning=registry.meaning_of(row.carrier, row.cause))


def event_view(row: CallEventRow) -> View:
    """What a carrier said."""
    meaning = None if row.sip_code is None else sip.MEANINGS.get(f"{row.sip_code}{'+' if row.network_block else ''}")
    return view(CALL_EVENT, row, sip_meaning=meaning)
