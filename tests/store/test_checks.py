"""Every CHECK of the schema refuses what it is there to refuse; one without an example here fails the last test. Those
of the fields that clients set are held against the bounds these are declared with, from both sides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from tests.store.rows import call, ended, furnish
from worker.domain.campaign import CAMPAIGN, Windows, WindowText
from worker.domain.contact import CONTACT, Zone
from worker.domain.fields import Field, Kind
from worker.domain.frequency import FrequencyRules
from worker.domain.future_instant import Start
from worker.domain.kinds import (
    UNBOUNDED,
    Country,
    Flag,
    Freeform,
    Id,
    Ids,
    Number,
    Number164,
    OneOf,
    Slug,
    Text,
    Texts,
    Url,
    Whole,
)
from worker.domain.resources import BAN, NAME, PLAIN, TEAM, Carrier
from worker.domain.run_request import RUN
from worker.domain.window import H_MM
from worker.store import tables

DECLARED: list[tuple[str, Field]] = [
    (resource.table, field)
    for resource in (TEAM, *PLAIN, CONTACT, CAMPAIGN)
    for field in resource.settable(is_new=True)
    if not field.key  # several share a column
] + [
    (table, field)
    for table, fields in {"api_keys": [NAME], "do_not_call": BAN, "runs": RUN}.items()
    for field in fields
    if field.column in tables.metadata.tables[table].c
]  # fmt: skip
"""Every field that clients set and that is stored in a column of its own."""
UNCHECKED = {
    "api_keys.name", "carrier_accounts.name", "assistants.stream_url", "assistants.answer_url", "contacts.tags",
    "campaigns.scheduled_start_at", "campaigns.scheduled_end_at", "do_not_call.purpose", "do_not_call.source",
    "do_not_call.evidence",
}  # fmt: skip
"""Columns with no CHECK of their own, for anything they can hold does no harm. Neither does a text longer than we take,
so no CHECK says how long one may be."""
LOOSER: dict[str, list[Any]] = {
    "carrier_accounts.calls_per_second": [0, -1],
    "phone_numbers.calls_per_second": [0, -1],
    "runs.max_calls": [0, -1],
}
"""Columns whose CHECK refuses only what nothing could be done with, which is less than what is refused of a client; and
that."""
ELSEWHERE = (Id, Ids, Carrier, Flag)
"""Kinds that a foreign key, an enum or the column's type keeps."""


def within(kind: Kind) -> list[Any]:
    """What is just allowed."""
    match kind:
        case Whole(least, most) | Number(least, most):
            return [least, most]
        case Id() | Ids() | Carrier() | Windows() | FrequencyRules():
            return []
        case Flag():
            return [True, False]
        case Start():
            return ["1970-01-01T00:00:00Z", "2037-12-31T23:59:59Z"]
        case Texts(most, each):
            return ["{}", "{" + ",".join(["x" * each.most] * most) + "}"]
        case WindowText(hours=None) | Zone():
            return ["UTC", "America/Argentina/ComodRivadavia"]
        case WindowText(hours=hours):
            return ["00:00", "23:59", "19:30"] if hours == H_MM else ["00:00", "23:59", "24:00"]
        case Number164():
            return ["+123456", "+123456789012345"]
        case Slug():
            return ["a", "0-a", "a" * 63]
        case Country():
            return ["US", "DE"]
        case Url(most):
            return ["ws://a", "w" * most]
        case OneOf(choices):
            return list(choices)
        case Text(most, least):
            return ["x" * least, "x" * most] if most < UNBOUNDED else []
        case Freeform():
            return [{}, {"a": [1]}]
    raise AssertionError(f"Say what a column of {kind} may hold.")


def beyond(kind: Kind) -> list[Any]:
    """What is just not allowed, and must not get into the database by any way."""
    match kind:
        case Whole(least, most):
            return [least - 1, most + 1]
        case Number(least, most):
            return [least * 0.99, most * 1.01]
        case WindowText(hours=None) | Zone():
            return [""]
        case WindowText(hours=hours):
            return ["", "9:00", "24:01", "25:00", "12:60", *(["24:00"] if hours == H_MM else [])]
        case Number164():
            return NUMBERS
        case Slug():
            return ["", "Upper", "-a", "a_b", "a" * 64]
        case Country():
            return ["", "us", "USA", "1A"]
        case Text(least=1) | OneOf():
            return [""]
        case Freeform():
            return [[]]
        case Windows() | FrequencyRules():
            return [{}]
    return []


def is_any_text(kind: Kind) -> bool:
    """Whether there is nothing that a column of it must not hold: it may be empty."""
    return type(kind) is Text and not kind.least


WITH_ID = ("api_keys", "calls", "campaigns", "contacts", "runs", "teams", *(each.table for each in PLAIN))
E164 = ("contacts.phone_e164", "do_not_call.number")
NUMBERS = ["12025550100", "+02025550100", "+12345", "+1234567890123456", "+1202555010O", ""]


def _split(name: str) -> tuple[str, str]:
    table, _, column = name.partition(".")
    return table, column


def _set(table: str, column: str, value: Any) -> str:
    written = json.dumps(value) if isinstance(value, dict | list) else str(value).replace("'", "''")
    return f"UPDATE {table} SET {column} = '{written}'"


def _declared() -> Iterator[tuple[str, str]]:
    for table, field in DECLARED:
        name = f"{table}.{field.column}"
        if name not in UNCHECKED and not isinstance(field.kind, ELSEWHERE):
            values = LOOSER.get(name, beyond(field.kind))
            assert values or is_any_text(field.kind), f"Say what {name} must not hold, or that nothing checks it."
            yield from ((f"{table}_{field.column}_check", _set(table, field.column, value)) for value in values)


REFUSED: list[tuple[str, str]] = [
    *_declared(),
    *((f"{table}_id_check", f"UPDATE {table} SET id = ''") for table in WITH_ID),
    *(
        (name.replace(".", "_") + "_check", "UPDATE {} SET {} = '{}'".format(*_split(name), number))
        for name in E164
        for number in NUMBERS
    ),
    ("api_keys_role_check", "UPDATE api_keys SET role = 'owner'"),
    ("api_keys_secret_sha256_check", r"UPDATE api_keys SET secret_sha256 = '\x00'"),
    *(
        ("carrier_accounts_recent_results_check", f"UPDATE carrier_accounts SET recent_results = '{results}'")
        for results in (".x", "xo", "x. ")
    ),
    ("carrier_accounts_slowed_times_check", "UPDATE carrier_accounts SET slowed_times = -1, slowed_at = now()"),
    ("carrier_accounts_slowed_times_check", "UPDATE carrier_accounts SET slowed_times = 11, slowed_at = now()"),
    ("carrier_accounts_check", "UPDATE carrier_accounts SET breaker_probe = 'call_1'"),
    ("carrier_accounts_check1", "UPDATE carrier_accounts SET slowed_times = 1"),
    ("carrier_accounts_channels_check", "UPDATE carrier_accounts SET channels = -1"),
    ("carrier_accounts_check2", "UPDATE carrier_accounts SET channel_refusals = 1"),
    (
        "do_not_call_imports_import_id_check",
        "INSERT INTO do_not_call_imports (team_id, import_id, contact_id) VALUES ('team_a', '', 'cont_1')",
    ),
    ("assistants_telnyx_assistant_id_check", "UPDATE assistants SET telnyx_assistant_id = ''"),
    ("assistants_carrier_ids_check", "UPDATE assistants SET carrier_ids = '[]'"),
    ("contacts_timezone_check", "UPDATE contacts SET timezone = ''"),
    ("contacts_check", "UPDATE contacts SET phone_fault = 'invalid_number'"),
    ("contacts_country_check", "UPDATE contacts SET country = 'usa'"),
    ("contacts_region_check", "UPDATE contacts SET region = ''"),
    ("contacts_postal_code_check", "UPDATE contacts SET postal_code = ''"),
    ("contacts_place_check", "UPDATE contacts SET place = repeat('x', 101)"),
    ("teams_policy_check", "UPDATE teams SET policy = '[]'"),
    ("clock_only_row_check", "INSERT INTO clock VALUES (false, clock_timestamp(), clock_timestamp(), 1)"),
    ("clock_speed_check", "INSERT INTO clock VALUES (true, clock_timestamp(), clock_timestamp(), -1)"),
    ("slot_generation_only_row_check", "INSERT INTO slot_generation VALUES (false, 2)"),
    ("place_tables_only_row_check", "INSERT INTO place_tables VALUES (false, 'x')"),
    ("place_tables_version_check", "INSERT INTO place_tables VALUES (true, '')"),
    ("idempotency_keys_key_check", "UPDATE idempotency_keys SET key = ''"),
    ("idempotency_keys_key_check", "UPDATE idempotency_keys SET key = repeat('k', 256)"),
    ("idempotency_keys_check", "UPDATE idempotency_keys SET status = 200"),
    ("idempotency_keys_check", "UPDATE idempotency_keys SET response = '{}'"),
    ("idempotency_keys_body_sha256_check", r"UPDATE idempotency_keys SET body_sha256 = '\x00'"),
    # the campaign
    *(
        (f"campaigns_call_window_{bound}_check", f"UPDATE campaigns SET call_window_{bound} = '{at}'")
        for bound, ats in {"start": ("9:00", "24:00", "25:00", "09:60"), "end": ("9:00", "24:01", "09:00\n")}.items()
        for at in ats
    ),
    *(
        ("campaigns_window_whole", f"UPDATE campaigns SET {part}")
        for part in (
            "call_window_start = '09:00'",
            "call_window_timezone = 'UTC'",
            "call_window_start = '09:00', call_window_end = '17:00'",
        )
    ),
    (
        "campaigns_window_not_empty",
        "UPDATE campaigns SET call_window_start = '09:00', call_window_end = '09:00', call_window_timezone = 'UTC'",
    ),
    ("campaigns_window_not_empty", "UPDATE campaigns SET call_windows = '[]'"),
    ("campaigns_scheduled_has_instant", "UPDATE campaigns SET status = 'scheduled'"),
    ("campaigns_running_has_run", "UPDATE campaigns SET run_id = NULL"),
    ("campaigns_running_has_run", "UPDATE campaigns SET next_wake_at = NULL"),
    ("campaigns_deleted_is_not_running", "UPDATE campaigns SET deleted_at = clock_timestamp()"),
    ("campaigns_stopped_has_instant", "UPDATE campaigns SET status = 'cancelled'"),
    ("campaigns_stopped_has_instant", "UPDATE campaigns SET status = 'paused', pause_reason = 'requested'"),
    ("campaigns_paused_has_reason", "UPDATE campaigns SET status = 'paused', stopped_at = clock_timestamp()"),
    ("campaigns_paused_has_reason", "UPDATE campaigns SET pause_reason = 'a running campaign has none'"),
    ("campaigns_completed_has_instant", "UPDATE campaigns SET status = 'completed'"),
    ("campaign_numbers_position_check", "UPDATE campaign_numbers SET position = -1"),
    # a contact in it
    ("campaign_contacts_attempts_check", "UPDATE campaign_contacts SET attempts = -1"),
    ("campaign_contacts_attempts_check", "UPDATE campaign_contacts SET attempts = 22"),
    ("campaign_contacts_priority_check", "UPDATE campaign_contacts SET priority = 0, rank = 0"),
    ("campaign_contacts_priority_check", "UPDATE campaign_contacts SET priority = 10, rank = 10"),
    ("campaign_contacts_callbacks_used_check", "UPDATE campaign_contacts SET callbacks_used = 2"),
    ("campaign_contacts_callbacks_used_check", "UPDATE campaign_contacts SET callbacks_used = -1"),
    ("campaign_contacts_ranked", "UPDATE campaign_contacts SET rank = 4"),
    ("campaign_contacts_ranked", "UPDATE campaign_contacts SET callback_at = now()"),
    ("campaign_contacts_ranked", "UPDATE campaign_contacts SET rank = 0"),
    ("campaign_contacts_check", "UPDATE campaign_contacts SET status = 'skipped'"),
    ("campaign_contacts_check", "UPDATE campaign_contacts SET status = 'failed'"),
    ("campaign_contacts_check1", "UPDATE campaign_contacts SET status = 'completed'"),
    # a run
    ("runs_opened_by_check", "UPDATE runs SET opened_by = 'nobody'"),
    ("runs_calls_used_check", "UPDATE runs SET calls_used = -1"),
    ("runs_within_budget", "UPDATE runs SET max_calls = 2, calls_used = 3"),
    ("runs_check", "UPDATE runs SET state = 'ended'"),
    ("runs_check", "UPDATE runs SET ended_at = clock_timestamp()"),
    # a call
    ("calls_token_check", "UPDATE calls SET token = upper(token) || 'A'"),
    ("calls_token_check", "UPDATE calls SET token = left(token, 31)"),
    ("calls_ended_whole", "UPDATE calls SET state = 'ended'"),
    ("calls_ended_whole", "UPDATE calls SET state = 'ended', disposition = 'busy'"),
    ("calls_ended_whole", "UPDATE calls SET state = 'ended', ended_at = clock_timestamp()"),
    ("calls_ended_whole", "UPDATE calls SET disposition = 'busy'"),
    ("calls_ended_whole", "UPDATE calls SET ended_at = clock_timestamp()"),
    ("calls_within_attempts", "UPDATE calls SET attempt = max_attempts + 1"),
    ("calls_callback_in_time", "UPDATE calls SET callback_at = dialed_at + interval '1 second'"),
    ("calls_extra_is_callback", "UPDATE calls SET is_extra = true"),
    ("callees_recent_check", "UPDATE callees SET recent = array_fill(now(), ARRAY[33])"),
    ("calls_dialed_in_time", "UPDATE calls SET dialed_at = valid_until"),
    ("calls_frequency_check", "UPDATE calls SET frequency = '{}'"),
    ("calls_law_check", "UPDATE calls SET law = '[]'"),
    *(
        ("calls_dialing_has_bound", f"UPDATE calls SET {column} = NULL")
        for column in ("attempt", "max_attempts", "dialing_at", "dialed_at", "valid_until", "provable_end_at")
    ),
    # what came of a conversation
    ("call_secret_only_row_check", "INSERT INTO call_secret VALUES (false, sha256(''))"),
    ("call_secret_secret_check", r"UPDATE call_secret SET secret = '\x00'"),
    *(
        (
            f"call_outcomes_{check}",
            f"INSERT INTO call_outcomes (call_id, campaign_id, {columns}) "
            f"SELECT id, campaign_id, {values} FROM calls LIMIT 1",
        )
        for check, columns, values in (
            ("next_check", "next", "'again'"),
            ("retry_minutes_check", "next, retry_minutes", "'retry', -1"),
            ("retry_minutes_check", "next, retry_minutes", "'retry', 43201"),
            ("data_check", "data", "'[]'"),
            ("reports_check", "reports", "'[]'"),
            ("check", "next", "'retry'"),
            ("check", "next, retry_minutes", "'done', 1"),
            ("check1", "waits_until", "clock_timestamp()"),
            ("check1", "waits_since, waits_until, decided_at", "clock_timestamp(), clock_timestamp(), 'epoch'"),
        )
    ),
    # what persons may ask for
    ("do_not_call_everywhere_number_check", "INSERT INTO do_not_call_everywhere (number) VALUES ('12')"),
    *(
        (
            f"consents_{check}",
            "INSERT INTO consents (team_id, number, kind, given_at, expires_at, recorded_by) "
            f"VALUES ('team_a', {values}, 'me')",
        )
        for check, values in (
            ("number_check", "'12', 'express', 'epoch', NULL"),
            ("kind_check", "'+12025550123', 'verbal', 'epoch', NULL"),
            ("check", "'+12025550123', 'express', 'epoch', 'epoch'"),
            ("check1", "'+12025550123', 'revoked', 'epoch', now()"),
        )
    ),
    ("suppressed_digest_check", r"INSERT INTO suppressed (team_id, digest) VALUES ('team_a', '\x00')"),
    *(
        (
            f"erasures_{check}",
            f"INSERT INTO erasures (id, team_id, digests, contact_ids, requested_by, signs, swept) VALUES ({values})",
        )
        for check, values in (
            ("id_check", "'', 'team_a', '{}', '{}', 'me', '{}', '{}'"),
            ("signs_check", "'e', 'team_a', '{}', '{}', 'me', '[]', '{}'"),
            ("swept_check", "'e', 'team_a', '{}', '{}', 'me', '{}', '[]'"),
            ("check", "'e', 'team_a', '{}', '{}', 'me', NULL, '{}'"),
        )
    ),
    # what the carrier said, and what was counted
    ("unmatched_calls_carrier_call_id_check", "INSERT INTO unmatched_calls VALUES ('twilio', '', 'token')"),
    ("callback_refusals_refused_check", "INSERT INTO callback_refusals VALUES ('twilio', 0, clock_timestamp())"),
    ("news_dropped_dropped_check", "INSERT INTO news_dropped VALUES ('twilio', 'foreign', 0, clock_timestamp())"),
    ("news_dropped_outcome_check", "INSERT INTO news_dropped VALUES ('twilio', 'moved', 1, clock_timestamp())"),
    ("clock_jumps_number_check", "INSERT INTO clock_jumps VALUES (0, 'epoch', 1)"),
    ("clock_jumps_seconds_check", "INSERT INTO clock_jumps VALUES (1, 'epoch', 0)"),
    ("database_server_only_row_check", "INSERT INTO database_server VALUES (false, 1, 1, false)"),
    ("database_server_check", "INSERT INTO database_server VALUES (true, 1, 1, false, NULL, 'epoch')"),
    ("news_cleared_only_row_check", "INSERT INTO news_cleared VALUES (false, 1)"),
    ("call_events_kind_check", "UPDATE call_events SET kind = 'hung_up'"),
    ("call_events_check", "UPDATE call_events SET kind = 'ended'"),
    ("call_events_check", "UPDATE call_events SET disposition = 'busy'"),
    ("counter_deltas_check", "INSERT INTO counter_deltas (campaign_id, call_id) VALUES ('camp_a', 'call_a_0_0')"),
    ("counter_deltas_check", "INSERT INTO counter_deltas (campaign_id, disposition) VALUES ('camp_a', 'busy')"),
]


@pytest.mark.parametrize("constraint", dict.fromkeys(constraint for constraint, _ in REFUSED))
def test_the_schema_refuses_what_breaks(conn: Connection, constraint: str) -> None:
    furnish(conn, "a")
    for statement in (statement for breaks, statement in REFUSED if breaks == constraint):
        with pytest.raises(IntegrityError) as caught, conn.begin_nested():
            conn.execute(text(statement))
        assert caught.value.orig.diag.constraint_name == constraint, statement


def test_a_call_that_never_left_needs_no_bound(conn: Connection) -> None:
    furnish(conn, "a")
    unbound = dict.fromkeys(("attempt", "dialing_at", "dialed_at", "valid_until", "provable_end_at", "max_attempts"))
    call(conn, "a", 1, **unbound, **ended("not_sent"))
    with pytest.raises(IntegrityError, match="calls_dialing_has_bound"), conn.begin_nested():
        call(conn, "a", 2, **unbound, **ended("lost"))


@pytest.mark.parametrize(("table", "field"), DECLARED, ids=lambda each: each if isinstance(each, str) else each.name)
def test_the_schema_takes_what_a_field_is_declared_to_take(conn: Connection, table: str, field: Field) -> None:
    furnish(conn, "a")
    conn.execute(text("UPDATE campaigns SET call_window_start = '09:00', call_window_end = '17:00', "
                      "call_window_timezone = 'UTC'"))  # fmt: skip
    for value in within(field.kind):
        with conn.begin_nested() as attempt:
            conn.execute(text(_set(table, field.column, value)))
            attempt.rollback()


@pytest.mark.parametrize(("table", "field"), DECLARED, ids=lambda each: each if isinstance(each, str) else each.name)
def test_what_is_left_out_is_in_the_database_what_it_is_declared_to_be(
    conn: Connection, table: str, field: Field
) -> None:
    if field.column not in tables.metadata.tables[table].c:
        assert isinstance(field.kind, Ids)
        return
    default, nullable = conn.execute(
        text("SELECT column_default, is_nullable FROM information_schema.columns "
             "WHERE table_schema = current_schema() AND table_name = :table AND column_name = :column"),
        {"table": table, "column": field.column},
    ).one()  # fmt: skip
    if field.required:
        assert (default, nullable) == (None, "NO")
    elif field.default is None:
        assert (default, nullable) == (None, "YES")
    else:
        stored = conn.execute(text(f"SELECT {default}")).scalar_one()
        assert (stored, nullable) == (field.default, "NO")


def test_what_is_said_to_be_unchecked_is(conn: Connection) -> None:
    """A CHECK that is added to such a column is to be held against the field's bounds, too."""
    checks = set(conn.execute(text("SELECT conname FROM pg_constraint WHERE contype = 'c'")).scalars())
    names = {f"{table}.{field.column}": field.kind for table, field in DECLARED}
    assert names.keys() >= UNCHECKED | LOOSER.keys()
    unchecked = UNCHECKED | {name for name, kind in names.items() if is_any_text(kind)}
    assert not {f"{name.replace('.', '_')}_check" for name in unchecked} & checks


def test_every_check_has_an_example(conn: Connection) -> None:
    checks = conn.execute(text("SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0"))
    ours = {row.conname for row in checks} - {"cardinal_number_domain_check", "yes_or_no_check"}
    assert ours == {constraint for constraint, _ in REFUSED}
