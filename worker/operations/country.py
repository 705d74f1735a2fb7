"""Where a team's numbers without a country code belong, and which number an operator means by one as it is shown."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from worker.domain.screening import Phone, check_region, country_of_all, normalize
from worker.flow.base import Dialer
from worker.store.crm import contact_list, teams
from worker.store.database import once


def country_of_team(conn: Connection, team_id: str) -> str | None:
    """The team's country: the one it was given, else the one all its caller IDs belong to, if they do."""
    given = teams.country(conn, team_id)
    return given or country_of_all(teams.caller_ids(conn, team_id))


def region_of(dialer: Dialer, team_id: str, named: str | None = None) -> str | None:
    """The country ``named``, else the team's. Raises :class:`Invalid` for one that does not exist."""
    return check_region(named) if named else once(dialer.db, lambda conn: country_of_team(conn, team_id))


def meant(conn: Connection, team_id: str, written: str, region: str | None) -> str:
    """The number in E.164 that is meant by a text: one that can be called, or the one number that contacts have who are
    shown with this text; else the text itself."""
    read = normalize(written, region)
    if isinstance(read, Phone):
        return read.e164
    shown = shown_as(conn, team_id, [written]).get(written, [])
    return shown[0] if len(shown) == 1 else written


def shown_as(conn: Connection, team_id: str, texts: Collection[object]) -> dict[str, list[str]]:
    """The numbers of contacts who are shown with these texts, by text. One with a + says itself what it is."""
    national = [each for each in texts if isinstance(each, str) and each.strip()[:1] not in ("", "+")]
    return contact_list.shown_as(conn, team_id, national) if national else {}
