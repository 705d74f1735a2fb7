"""Every CHECK of the schema refuses what it is there to refuse; one without an example here fails the last test."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from tests.store.rows import call, ended, furnish

OBJECTS = ("campaigns.settings", "assistants.settings", "contacts.custom_fields")
NAMED = ("teams", "companies", "assistants", "campaigns")
WITH_ID = ("api_keys", "assistants", "calls", "campaigns", "carrier_accounts", "companies", "contacts",
           "phone_numbers", "runs", "teams")  # fmt: skip
E164 = ("contacts.phone_e164", "do_not_call.number", "phone_numbers.number")
NUMBERS = ("12025550100", "+02025550100", "+12345", "+1234567890123456", "+1202555010O", "")
LIMITS = {"teams": 10_000, "carrier_accounts": 10_000, "phone_numbers": 1000, "campaigns": 1000}


def _split(name: str) -> tuple[str, str]:
    table, _, column = name.partition(".")
    return table, column


REFUSED: list[tuple[str, str]] = [
    *((f"{table}_id_check", f"UPDATE {table} SET id = ''") for table in WITH_ID),
    *((f"{table}_name_check", f"UPDATE {table} SET name = ''") for table in NAMED),
    *((name.replace(".", "_") + "_check", "UPDATE {} SET {} = '[]'".format(*_split(name))) for name in OBJECTS),
    *(
        (name.replace(".", "_") + "_check", "UPDATE {} SET {} = '{}'".format(*_split(name), number))
        for name in E164
        for number in NUMBERS
    ),
    *(
        (f"{table}_max_concurrent_calls_check", f"UPDATE {table} SET max_concurrent_calls = {limit}")
        for table, most in LIMITS.items()
        for limit in (-1, 0, most + 1)
    ),
    *(("teams_slug_check", f"UPDATE teams SET slug = '{slug}'") for slug in ("", "Upper", "-a", "a_b", "a" * 64)),
    ("api_keys_secret_sha256_check", r"UPDATE api_keys SET secret_sha256 = '\x00'"),
    ("carrier_accounts_calls_per_second_check", "UPDATE carrier_accounts SET calls_per_second = 0"),
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
    *(("teams_country_check", f"UPDATE teams SET country = '{country}'") for country in ("", "us", "USA", "1A")),
    (
        "do_not_call_imports_import_id_check",
        "INSERT INTO do_not_call_imports (team_id, import_id, contact_id) VALUES ('team_a', '', 'cont_1')",
    ),
    ("phone_numbers_calls_per_second_check", "UPDATE phone_numbers SET calls_per_second = 0"),
    ("assistants_telnyx_assistant_id_check", "UPDATE assistants SET telnyx_assistant_id = ''"),
    ("assistants_carrier_ids_check", "UPDATE assistants SET carrier_ids = '[]'"),
    ("contacts_timezone_check", "UPDATE contacts SET timezone = ''"),
    ("contacts_check", "UPDATE contacts SET phone_fault = 'invalid_number'"),
    ("clock_only_row_check", "INSERT INTO clock VALUES (false, clock_timestamp(), clock_timestamp(), 1)"),
    ("clock_speed_check", "INSERT INTO clock VALUES (true, clock_timestamp(), clock_timestamp(), -1)"),
    ("slot_generation_only_row_check", "INSERT INTO slot_generation VALUES (false, 2)"),
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
    ("campaigns_call_window_timezone_check", "UPDATE campaigns SET call_window_timezone = ''"),
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
    ("campaigns_max_attempts_per_contact_check", "UPDATE campaigns SET max_attempts_per_contact = 0"),
    ("campaigns_max_attempts_per_contact_check", "UPDATE campaigns SET max_attempts_per_contact = 21"),
    ("campaigns_retry_delay_minutes_check", "UPDATE campaigns SET retry_delay_minutes = -1"),
    ("campaigns_retry_delay_minutes_check", "UPDATE campaigns SET retry_delay_minutes = 43201"),
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
    ("campaign_contacts_attempts_check", "UPDATE campaign_contacts SET attempts = 21"),
    ("campaign_contacts_check", "UPDATE campaign_contacts SET status = 'skipped'"),
    ("campaign_contacts_check", "UPDATE campaign_contacts SET status = 'failed'"),
    ("campaign_contacts_check1", "UPDATE campaign_contacts SET status = 'completed'"),
    # a run
    ("runs_opened_by_check", "UPDATE runs SET opened_by = 'nobody'"),
    ("runs_max_calls_check", "UPDATE runs SET max_calls = 0"),
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
    ("calls_dialed_in_time", "UPDATE calls SET dialed_at = valid_until"),
    *(
        ("calls_dialing_has_bound", f"UPDATE calls SET {column} = NULL")
        for column in ("attempt", "max_attempts", "dialing_at", "dialed_at", "valid_until", "provable_end_at")
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


def test_every_check_has_an_example(conn: Connection) -> None:
    checks = conn.execute(text("SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0"))
    ours = {row.conname for row in checks} - {"cardinal_number_domain_check", "yes_or_no_check"}
    assert ours == {constraint for constraint, _ in REFUSED}
