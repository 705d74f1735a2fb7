"""Teams: who owns everything else. They are made and edited by the deployment's operators, not by the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import Connection

from worker.domain import ids
from worker.domain.errors import Conflict, Fault, Invalid, NotFound, Refused
from worker.domain.resources import parse_team
from worker.domain.team_policy import COLUMN, FREQUENCY, PURPOSE
from worker.flow.base import Dialer, Fill, Step
from worker.flow.frequency import put_back_capped
from worker.store import audit, campaigns, gate, rules, tables
from worker.store.crm import records, teams
from worker.store.crm.teams import TeamRow
from worker.store.database import once, transact

log = structlog.get_logger()

DECIDES = (COLUMN, "country")
"""What of a team decides by which rules, and where, its campaigns call."""
MOST_NAMED = 20
"""How many teams are named to one who must choose."""


def choose_team(dialer: Dialer, named: str | None) -> TeamRow:
    """The team with this id or slug; with ``None`` the only one. Raises :class:`NotFound`, or :class:`Refused`
    where there is none or more than one to choose from."""
    if named is not None:
        row = once(dialer.db, lambda conn: teams.named(conn, named))
        if row is None:
            raise NotFound("team", named, remedy="dialer teams list shows the ids and slugs there are")
        return row
    count, rows = once(dialer.db, lambda conn: teams.page(conn, limit=MOST_NAMED, offset=0))
    if count == 1:
        return rows[0]
    if not rows:
        raise Refused("There is no team yet; make one with: dialer teams add --slug my-team --name 'My team'")
    slugs = ", ".join(row.slug for row in rows)
    raise Refused(f"There are {count} teams; say which with --team: {slugs}{', …' if count > len(rows) else ''}.")


def create_team(dialer: Dialer, body: Mapping[str, Any], *, actor: str) -> TeamRow:
    """Create a team. Raises :class:`Invalid` with every fault, :class:`Conflict` for a slug that is taken."""
    new = parse_team(body)

    def work(conn: Connection) -> TeamRow:
        row = records.add(conn, tables.teams, {"id": ids.new(ids.TEAM), **new})
        if row is None:
            raise Conflict(f"There is a team with the slug {new['slug']} already; choose another.")
        audit.note(conn, row.id, actor, "create_team", row.id)
        return row

    row = transact(dialer.db, work)
    log.info("team_created", team_id=row.id)
    return row


def list_teams(dialer: Dialer, *, limit: int, offset: int) -> tuple[int, Sequence[TeamRow]]:
    """How many teams there are, and a page of them, newest first."""
    return once(dialer.db, lambda conn: teams.page(conn, limit=limit, offset=offset))


def released(dialer: Dialer, was: TeamRow, row: TeamRow) -> str | None:
    """A warning where an edit of a team's policy has taken the purpose from campaigns that are running; no rules bind
    them any more."""
    if not was.policy.get(PURPOSE) or row.policy.get(PURPOSE):
        return None
    count = once(dialer.db, lambda conn: rules.running_unbound(conn, row.id))
    if not count:
        return None
    some, name = ("1 running campaign", "names") if count == 1 else (f"{count} running campaigns", "name")
    return (
        f"{some} of the team {name} no purpose: by their windows alone they call from now on, whatever the rules of "
        "the callees' places. Pause them, or give them a purpose."
    )


def edit_team(dialer: Dialer, team_id: str, body: Mapping[str, Any], *, actor: str) -> tuple[TeamRow, list[Step]]:
    """Change the name, the country of its numbers without a country code, how many simultaneous calls the team may
    have, or its policy. Lowering the limit cuts no live call, the next claim reads it; raising it may have made room.
    By another policy no call is dialed that was planned before this has returned. Raises :class:`Invalid`,
    :class:`NotFound`."""
    changes = parse_team(body, is_new=False)
    if not changes:
        raise Invalid([Fault("body", "Say what to change.")])

    def work(conn: Connection) -> TeamRow:
        decides = not changes.keys().isdisjoint(DECIDES)
        if decides:
            gate.close_gate(conn, team_id)
        row = teams.edit(conn, team_id, changes)
        if row is None:
            raise NotFound("team", team_id)
        if decides and (row.policy or COLUMN in changes):
            own = rules.campaigns_of(conn, team_id)
            campaigns.lock_all(conn, own)
            rules.changed(conn, own)
        audit.note(conn, team_id, actor, "edit_team", team_id, changes)
        return row

    row = transact(dialer.db, work)
    freed = put_back_capped(dialer, team_id) if FREQUENCY in changes.get(COLUMN, ()) else []
    log.info("team_edited", team_id=team_id, fields=sorted(changes))
    return row, [Fill(team_id, tuple(freed))] if changes.keys() & {"max_concurrent_calls", COLUMN} else []
