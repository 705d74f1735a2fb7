"""What decided whether a call may be placed, change by change, in the order of the commits.

The product's audit says who did what and not to which number, and some of what stops a call (a caller ID its carrier
refused, a number its callee's network reported) is no operator's deed. So a trial's own database writes down, by
triggers that are put into it before anything starts, every change of the columns a commit of ``dialing`` rests on,
and every step of a call from ``reserved`` to ``dialing``.

**Before and after.** A line is numbered by a sequence within the transaction that makes the change. A stop takes the
team's advisory lock exclusively, a commit of ``dialing`` takes it shared, and each holds it until it is committed: of
two such transactions one has ended before the other's statements begin, so their numbers are in the order of their
commits, and a call numbered after a stop was committed after it. There is no tolerance, and no clock: one that is set
back or forward moves ``at``, which only says by how much. What undoes a stop (resume, unban, enable, restore) takes no
lock, and need not: a commit can see it only when it was committed, and then is numbered after it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from tests.chaos.evidence import Change

WATCHED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "campaigns": ("id", ("team_id", "status", "run_id", "deleted_at", "call_window_start", "call_window_end",
                         "call_window_timezone", "call_windows", "scheduled_end_at", "closing_at", "settings",
                         "purpose", "law")),
    "teams": ("id", ("policy",)),
    "campaign_contacts": ("contact_id", ("campaign_id", "callback_at")),
    "campaign_numbers": ("campaign_id", ("number_id",)),
    "contacts": ("id", ("team_id", "phone_e164", "phone_secondary", "timezone", "do_not_call", "place")),
    "do_not_call": ("team_id", ("number",)),
    "phone_numbers": ("id", ("enabled",)),
    "carrier_accounts": ("id", ("enabled",)),
    "calls": ("id", ("state", "team_id", "campaign_id", "run_id", "contact_id", "number_id", "account_id", "to_number",
                     "zone", "secondary", "dialing_at", "dialed_at", "law")),
}  # fmt: skip
"""Table → the column that names its subject, and those a change of which is written down."""

TABLE = """
CREATE TABLE chaos_history (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid     bigint NOT NULL DEFAULT txid_current(),
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    "table" text NOT NULL,
    subject text NOT NULL,
    was     jsonb,
    became  jsonb
);
CREATE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was jsonb; became jsonb;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        SELECT jsonb_object_agg(key, value) INTO was FROM jsonb_each(to_jsonb(OLD))
        WHERE key = ANY(string_to_array(TG_ARGV[1], ' '));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        SELECT jsonb_object_agg(key, value) INTO became FROM jsonb_each(to_jsonb(NEW))
        WHERE key = ANY(string_to_array(TG_ARGV[1], ' '));
    END IF;
    IF was IS DISTINCT FROM became THEN
        INSERT INTO chaos_history ("table", subject, was, became)
        VALUES (TG_TABLE_NAME, coalesce(to_jsonb(NEW), to_jsonb(OLD)) ->> TG_ARGV[0], was, became);
    END IF;
    RETURN NULL;
END $$;
"""
TRIGGER = """
CREATE TRIGGER chaos_note AFTER INSERT OR DELETE OR UPDATE OF {columns} ON {table}
    FOR EACH ROW EXECUTE FUNCTION chaos_note('{subject}', '{names}')
"""
READ = """
SELECT id, xid, extract(epoch FROM at)::float AS at, "table", subject, was, became FROM chaos_history ORDER BY id
"""


def install(database_url: str) -> None:
    """Have this database keep its history from here on."""
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(TABLE)
        for table, (subject, columns) in WATCHED.items():
            values = {"table": table, "subject": subject, "columns": ", ".join(columns), "names": " ".join(columns)}
            admin.execute(TRIGGER.format(**values))


def changes(rows: Sequence[Any]) -> list[Change]:
    """The rows of :data:`READ`, as the judgements read them."""
    return [
        Change(row.id, row.xid, row.at, row.table, row.subject, _values(row.was), _values(row.became)) for row in rows
    ]


def _values(given: Any) -> Mapping[str, Any] | None:
    return json.loads(given) if isinstance(given, str) else given
