"""By which rules a campaign calls, and under what its contacts wait: said once, for every statement.

A campaign goes *by places* where rules bind it — it has a purpose of its own or its team's, and its law is not off — or
where its team's policy has ``zoneFromNumber``. A contact waits in it under its place then, where one is known; else,
and in every other campaign, under its own time zone, or '' for the campaign's (``campaign_contacts.zone``). What is
turned on or off later leaves contacts under the key that they had: a claim that comes upon one moves it, and
:func:`rekey` all of them.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

PURPOSE = "CASE WHEN c.law IS NULL THEN coalesce(c.purpose, t.policy ->> 'purpose') END"
"""What the calls of a campaign ``c`` of a team ``t`` are for, where the rules of that bind it."""
BY_PLACE = f"({PURPOSE} IS NOT NULL OR coalesce(t.policy ->> 'zoneFromNumber', '') = 'true')"
"""Whether a campaign ``c`` of a team ``t`` goes by places."""
RULES_OF_TEAM = f"""CASE WHEN {BY_PLACE} THEN jsonb_build_object(
                   'purpose', {PURPOSE}, 'unknownPlace', coalesce(t.policy ->> 'unknownPlace', 'hold'),
                   'country', t.country) END"""
"""By which rules a campaign ``c`` of a team ``t`` calls; NULL where it does not go by places."""
RULES = f"(SELECT {RULES_OF_TEAM} FROM teams t WHERE t.id = c.team_id) AS rules"
"""The column ``rules`` of a campaign ``c``, for :class:`worker.store.columns.CallWindowColumns`."""
BY_PLACE_OF = f"(SELECT {BY_PLACE} FROM campaigns c JOIN teams t ON t.id = c.team_id WHERE c.id = {{campaign}})"
"""Whether the ``campaign`` with this id goes by places."""

MOVED_AT_ONCE = 2000


def key(contact: str, by_place: str) -> str:
    """Under what a ``contact`` (a row's alias) waits in a campaign that goes ``by_place`` (an expression)."""
    return (
        f"CASE WHEN {by_place} AND {contact}.place <> '' THEN {contact}.place ELSE coalesce({contact}.timezone, '') END"
    )


# The campaign first, as everybody does who writes its contacts' zones; then the contacts in the order of their ids.
LOCK_STALE = text("SELECT id FROM campaigns WHERE id = :id AND keys_through IS NOT NULL FOR NO KEY UPDATE")
REKEY = text(f"""
WITH batch AS MATERIALIZED (
    SELECT cc.id, cc.campaign_id, cc.contact_id, cc.zone FROM campaign_contacts cc
    WHERE cc.campaign_id = :id AND cc.id > (SELECT keys_through FROM campaigns WHERE id = :id)
    ORDER BY cc.id LIMIT {MOVED_AT_ONCE}),
stale AS MATERIALIZED (
    SELECT s.campaign_id, s.contact_id, k.key
    FROM (SELECT {BY_PLACE_OF.format(campaign=":id")} AS by_place) AS g
    CROSS JOIN batch s
    CROSS JOIN LATERAL (SELECT {key("o", "g.by_place")} AS key FROM contacts o WHERE o.id = s.contact_id LIMIT 1) AS k
    WHERE k.key <> s.zone),
zones AS (
    INSERT INTO campaign_zones (campaign_id, zone) SELECT DISTINCT campaign_id, key FROM stale ON CONFLICT DO NOTHING),
moved AS (
    UPDATE campaign_contacts cc SET zone = s.key
    FROM stale s WHERE cc.contact_id = s.contact_id AND cc.campaign_id || '' = s.campaign_id)
UPDATE campaigns SET keys_through = CASE WHEN (SELECT count(*) FROM batch) = {MOVED_AT_ONCE}
                                         THEN (SELECT max(id) FROM batch) END
WHERE id = :id
RETURNING keys_through
""")

MARK_STALE = text("""
UPDATE campaigns
SET keys_through = 0, policy_version = policy_version + 1,
    next_wake_at = CASE WHEN status = 'running' THEN dialer_now() ELSE next_wake_at END
WHERE id = ANY(CAST(:ids AS text[]))
""")
OPEN_ALL = text("UPDATE campaign_zones SET shut_until = NULL WHERE campaign_id = ANY(:ids) AND shut_until IS NOT NULL")
OF_TEAM = text("SELECT id FROM campaigns WHERE team_id = :team AND id <> '' AND status <> 'cancelled' ORDER BY id")

RUNNING_UNBOUND = text(f"""
SELECT count(*) FROM campaigns c JOIN teams t ON t.id = c.team_id
WHERE c.team_id = :team AND c.status = 'running' AND c.deleted_at IS NULL AND c.law IS NULL AND {PURPOSE} IS NULL
""")


def rekey(conn: Connection, campaign_id: str) -> bool:
    """Move some more contacts of a campaign from the key it went by before to the one it goes by now; whether more may
    be left."""
    if conn.execute(LOCK_STALE, {"id": campaign_id}).first() is None:
        return False
    return conn.execute(REKEY, {"id": campaign_id}).scalar() is not None


def changed(conn: Connection, campaign_ids: list[str], *, keys: bool = True) -> None:
    """What decides about the contacts of these campaigns, locked, has changed: no place stays shut, and where the
    ``keys`` may be others, calls planned before are not dialed and contacts are moved from now on. The caller holds
    :func:`worker.store.gate.close_gate`."""
    if keys:
        conn.execute(MARK_STALE, {"ids": campaign_ids})
    conn.execute(OPEN_ALL, {"ids": campaign_ids})


def campaigns_of(conn: Connection, team_id: str) -> list[str]:
    """The campaigns of a team that may call somebody yet, in the order of their ids."""
    return [row.id for row in conn.execute(OF_TEAM, {"team": team_id})]


def running_unbound(conn: Connection, team_id: str) -> int:
    """How many campaigns of a team are running that no rules bind, though their law is not off."""
    return int(conn.execute(RUNNING_UNBOUND, {"team": team_id}).scalar_one())
