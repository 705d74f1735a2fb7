"""Every table of ``schema.sql`` as SQLAlchemy sees it: columns, types, keys, and who points at whom.

For statements that are put together at run time: lists with filters, updates of the fields a request names.
Statements that are always the same are text, beside the verb they serve.

``schema.sql`` alone makes tables. Defaults, CHECKs, indexes and triggers stand only there, so nothing here may
create or alter a database; a test compares this page with what ``schema.sql`` makes, column by column.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    FetchedValue,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, ENUM, JSONB
from sqlalchemy.types import UserDefinedType

from worker.domain.model import CallState, CampaignStatus, ContactStatus, Disposition, RunState

metadata = MetaData()

MERGED = "merged"
"""Marks a column of JSON objects of which a change names some keys only; ``None`` clears one."""


class CarrierName(UserDefinedType[str]):
    """A carrier's name: text to us, whatever carriers there are. In the database it is an enum still, to which
    ``dialer db migrate`` adds the name of every carrier it does not have: a column that became text would have every
    statement fail that a worker of the version before has prepared with it (0A000, the plan must not change its result
    type), until that worker is restarted."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "carrier"


def _enum(name: str, states: type[StrEnum]) -> ENUM:
    return ENUM(*(state.value for state in states), name=name, create_type=False)


_CARRIER = CarrierName()
_CAMPAIGN_STATUS = _enum("campaign_status", CampaignStatus)
_CONTACT_STATUS = _enum("contact_status", ContactStatus)
_RUN_STATE = _enum("run_state", RunState)
_CALL_STATE = _enum("call_state", CallState)
_DISPOSITION = _enum("disposition", Disposition)
_INSTANT = DateTime(timezone=True)


def _must(name: str, kind: Any, *more: Any, key: bool = False, info: Mapping[str, Any] | None = None) -> Column[Any]:
    """A column that is never NULL; ``key`` where it belongs to the primary key."""
    return Column(name, kind, *more, nullable=False, primary_key=key, autoincrement=False, info=dict(info or {}))


def _may(name: str, kind: Any) -> Column[Any]:
    """A column that may be NULL."""
    return Column(name, kind, nullable=True)


def _serial() -> Column[Any]:
    """A primary key that the database counts up."""
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def _own(*names: str, of: str) -> ForeignKeyConstraint:
    """These columns name a row of another table that belongs to the same team."""
    return ForeignKeyConstraint(["team_id", *names], [f"{of}.team_id", f"{of}.id"])


def _team() -> Column[Any]:
    return _must("team_id", Text, ForeignKey("teams.id"))


def _counts() -> list[Column[Any]]:
    names = ("total", *(status.value for status in ContactStatus), "called", "answered", "finished")
    return [_must(name, Integer) for name in names]


# Columns of one concern share a line; one a line would hide the tables in the page.
# fmt: off

clock = Table(
    "clock", metadata,
    _must("only_row", Boolean, key=True), _must("real_at", _INSTANT), _must("business_at", _INSTANT),
    _must("speed", Double),
)

teams = Table(
    "teams", metadata,
    _must("id", Text, key=True), _must("slug", Text), _must("name", Text), _must("max_concurrent_calls", Integer),
    _must("created_at", _INSTANT), _may("country", Text), _must("live_from", BigInteger),
    _must("policy", JSONB, info={MERGED: True}),
)

api_keys = Table(
    "api_keys", metadata,
    _must("id", Text, key=True), _team(), _must("name", Text), _must("secret_sha256", LargeBinary),
    _must("created_at", _INSTANT), _may("last_used_at", _INSTANT), _may("revoked_at", _INSTANT),
    _must("role", Text),
)

companies = Table(
    "companies", metadata,
    _must("id", Text, key=True), _team(), _must("name", Text), _must("created_at", _INSTANT),
)

assistants = Table(
    "assistants", metadata,
    _must("id", Text, key=True), _team(), _must("name", Text), _may("stream_url", Text), _may("answer_url", Text),
    _must("settings", JSONB), _must("created_at", _INSTANT), _must("carrier_ids", JSONB, info={MERGED: True}),
)

carrier_accounts = Table(
    "carrier_accounts", metadata,
    _must("id", Text, key=True), _team(), _must("carrier", _CARRIER), _must("name", Text),
    _must("max_concurrent_calls", Integer), _may("calls_per_second", Double), _must("enabled", Boolean),
    _may("resting_until", _INSTANT), _may("resting_reason", Text),
    _must("recent_results", Text), _must("breaker_trips", SmallInteger), _may("breaker_until", _INSTANT),
    _may("breaker_probe", Text), _must("slowed_times", SmallInteger), _may("slowed_at", _INSTANT),
    _must("created_at", _INSTANT), _may("channels", Integer), _must("channel_refusals", SmallInteger),
    _may("rested_at", _INSTANT), _may("breaker_opened_at", _INSTANT),
)

phone_numbers = Table(
    "phone_numbers", metadata,
    _must("id", Text, key=True), _team(), _must("account_id", Text), _must("number", Text),
    _must("max_concurrent_calls", Integer), _may("calls_per_second", Double), _must("enabled", Boolean),
    _may("disabled_reason", Text), _may("resting_until", _INSTANT), _must("created_at", _INSTANT),
    _may("rested_at", _INSTANT), _may("resting_reason", Text), _own("account_id", of="carrier_accounts"),
)

contacts = Table(
    "contacts", metadata,
    _must("id", Text, key=True), _team(), _may("company_id", Text), _must("first_name", Text),
    _must("last_name", Text), _may("phone", Text), _may("phone_e164", Text), _may("phone_fault", Text),
    _may("phone_secondary", Text), _may("email", Text), _may("timezone", Text), _must("do_not_call", Boolean),
    _must("custom_fields", JSONB), _must("tags", ARRAY(Text)), _must("created_at", _INSTANT),
    _must("updated_at", _INSTANT), _may("external_id", Text),
    _may("country", Text), _may("region", Text), _may("postal_code", Text), _must("timezone_confirmed", Boolean),
    _must("place", Text),
    _may("erased_at", _INSTANT),
    _own("company_id", of="companies"),
)

place_tables = Table(
    "place_tables", metadata,
    _must("only_row", Boolean, key=True), _must("version", Text), _must("noted_at", _INSTANT),
)

do_not_call = Table(
    "do_not_call", metadata,
    _must("team_id", Text, ForeignKey("teams.id"), key=True), _must("number", Text, key=True), _must("reason", Text),
    _must("created_at", _INSTANT), _must("purpose", Text, FetchedValue(), key=True), _may("source", Text),
    _may("evidence", Text), _may("added_by", Text),
)

do_not_call_everywhere = Table(
    "do_not_call_everywhere", metadata,
    _must("number", Text, key=True), _must("purpose", Text, FetchedValue(), key=True), _must("reason", Text),
    _may("source", Text), _may("evidence", Text), _may("added_by", Text), _must("created_at", _INSTANT),
)

consents = Table(
    "consents", metadata,
    _serial(), _team(), _must("number", Text), _must("purpose", Text), _must("kind", Text), _may("source", Text),
    _may("evidence", Text), _must("given_at", _INSTANT), _may("expires_at", _INSTANT), _must("recorded_by", Text),
    _must("created_at", _INSTANT),
)

suppressed = Table(
    "suppressed", metadata,
    _must("team_id", Text, ForeignKey("teams.id"), key=True), _must("digest", LargeBinary, key=True),
    _must("created_at", _INSTANT),
)

erasures = Table(
    "erasures", metadata,
    _must("id", Text, key=True), _team(), _must("digests", ARRAY(LargeBinary)), _must("contact_ids", ARRAY(Text)),
    _may("signs", JSONB), _must("swept", JSONB), _must("requested_by", Text), _must("requested_at", _INSTANT),
    _may("cleared_at", _INSTANT), _may("done_at", _INSTANT),
)

do_not_call_imports = Table(
    "do_not_call_imports", metadata,
    _team(), _must("import_id", Text, key=True), _must("contact_id", Text, key=True), _must("created_at", _INSTANT),
    _may("ended_at", _INSTANT),
)

campaigns = Table(
    "campaigns", metadata,
    _must("id", Text, key=True), _team(), _must("assistant_id", Text), _must("company_id", Text),
    _must("name", Text), _may("description", Text), _must("status", _CAMPAIGN_STATUS),
    _may("scheduled_start_at", _INSTANT),
    _may("call_window_start", Text), _may("call_window_end", Text), _may("call_window_timezone", Text),
    _must("max_concurrent_calls", Integer), _must("max_attempts_per_contact", Integer),
    _must("retry_delay_minutes", Integer), _must("settings", JSONB), _must("policy_version", Integer),
    _may("run_id", Text), _may("next_wake_at", _INSTANT), _must("filled_at", _INSTANT),
    _must("short_of_slots", Boolean), _may("pause_reason", Text), _must("hang_up", Boolean),
    _may("stopped_at", _INSTANT), _must("created_at", _INSTANT), _must("updated_at", _INSTANT),
    _may("completed_at", _INSTANT), _may("deleted_at", _INSTANT),
    _may("variables", JSONB(none_as_null=True)), _may("outcomes", JSONB(none_as_null=True)),
    _may("call_windows", JSONB(none_as_null=True)), _may("scheduled_end_at", _INSTANT),
    _may("start_no_later_than_minutes", Integer), _may("missed_start_at", _INSTANT), _must("keep_open", Boolean),
    _must("use_secondary_phone", Boolean), _must("ranks", ARRAY(SmallInteger)),
    _may("closing_at", _INSTANT), _may("test_of", Text), _may("tested_by", Text),
    _may("purpose", Text), _may("law", Text), _may("keys_through", BigInteger),
    _may("frequency", JSONB(none_as_null=True)),
    _own("test_of", of="campaigns"), _own("assistant_id", of="assistants"), _own("company_id", of="companies"),
    ForeignKeyConstraint(["id", "run_id"], ["runs.campaign_id", "runs.id"], use_alter=True),
)

campaign_numbers = Table(
    "campaign_numbers", metadata,
    _must("team_id", Text), _must("campaign_id", Text, key=True), _must("number_id", Text, key=True),
    _must("position", Integer), _must("used_at", _INSTANT),
    _own("campaign_id", of="campaigns"), _own("number_id", of="phone_numbers"),
)

campaign_contacts = Table(
    "campaign_contacts", metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False), _must("team_id", Text),
    _must("campaign_id", Text, key=True), _must("contact_id", Text, key=True), _must("zone", Text),
    _must("status", _CONTACT_STATUS), _must("due_at", _INSTANT), _must("attempts", SmallInteger),
    _must("technical_failures", SmallInteger), _must("rejections", SmallInteger),
    _must("invalid_results", SmallInteger), _must("called", Boolean), _must("answered", Boolean),
    _may("reason", Text), _may("last_number_id", Text), _must("added_at", _INSTANT),
    _must("priority", SmallInteger), _must("rank", SmallInteger), _may("callback_at", _INSTANT),
    _may("due_before_callback", _INSTANT), _must("callbacks_used", SmallInteger),
    _own("campaign_id", of="campaigns"), _own("contact_id", of="contacts"),
)

campaign_zones = Table(
    "campaign_zones", metadata,
    _must("campaign_id", Text, ForeignKey("campaigns.id"), key=True), _must("zone", Text, key=True),
    _may("shut_until", _INSTANT),
)

runs = Table(
    "runs", metadata,
    _must("id", Text, key=True), _must("team_id", Text), _must("campaign_id", Text), _must("state", _RUN_STATE),
    _must("opened_by", Text), _may("max_calls", Integer), _must("calls_used", Integer), _must("opened_at", _INSTANT),
    _may("ended_at", _INSTANT), _may("end_reason", Text),
    _own("campaign_id", of="campaigns"),
)

calls = Table(
    "calls", metadata,
    _must("id", Text, key=True), _must("team_id", Text), _must("campaign_id", Text), _must("run_id", Text),
    _must("contact_id", Text), _must("number_id", Text), _must("account_id", Text), _must("token", Text),
    _must("from_number", Text), _must("to_number", Text), _must("zone", Text), _must("state", _CALL_STATE),
    _may("attempt", SmallInteger), _may("called_before", Boolean), _must("rang", Boolean),
    _may("carrier_call_id", Text), _may("disposition", _DISPOSITION), _may("cause", Text),
    _must("claim_limits", ARRAY(Integer)), _may("valid_until", _INSTANT), _may("dialed_at", _INSTANT),
    _may("max_attempts", SmallInteger), _must("reserved_at", _INSTANT), _may("rung_at", _INSTANT),
    _may("dialing_at", _INSTANT), _may("placed_at", _INSTANT), _may("ringing_at", _INSTANT),
    _may("answered_at", _INSTANT), _may("ended_at", _INSTANT), _may("provable_end_at", _INSTANT),
    _may("next_check_at", _INSTANT), _must("misses", SmallInteger), _may("end_requested_at", _INSTANT),
    _may("end_told_at", _INSTANT), _may("machine_verdict", Text), _may("late_evidence_at", _INSTANT),
    _must("end_tries", SmallInteger), _may("end_tried_at", _INSTANT), _may("next_end_at", _INSTANT),
    _may("checked_at", _INSTANT), _must("clock_jump", Integer),
    _may("seq", BigInteger), _may("unanswered_since", _INSTANT),
    _may("callback_at", _INSTANT), _may("secondary", Text), _must("is_extra", Boolean), _must("hang_up", Boolean),
    _may("law", JSONB(none_as_null=True)),
    _may("frequency", JSONB(none_as_null=True)),
    _own("campaign_id", of="campaigns"), _own("number_id", of="phone_numbers"),
    _own("account_id", of="carrier_accounts"),
    ForeignKeyConstraint(
        ["contact_id", "campaign_id"], ["campaign_contacts.contact_id", "campaign_contacts.campaign_id"]),
    ForeignKeyConstraint(["campaign_id", "run_id"], ["runs.campaign_id", "runs.id"]),
)

callees = Table(
    "callees", metadata,
    _must("team_id", Text, key=True), _must("number", Text, key=True), _must("recent", ARRAY(_INSTANT)),
    _may("conversed_at", _INSTANT), _may("refused_at", _INSTANT),
)

call_secret = Table(
    "call_secret", metadata,
    _must("only_row", Boolean, key=True), _must("secret", LargeBinary), _may("inner_pad", LargeBinary),
    _may("outer_pad", LargeBinary),
)

call_outcomes = Table(
    "call_outcomes", metadata,
    _must("call_id", Text, key=True), _must("campaign_id", Text), _may("waits_since", _INSTANT),
    _may("waits_until", _INSTANT), _may("decided_at", _INSTANT), _may("outcome", Text), _may("next", Text),
    _may("retry_minutes", Integer), _may("callback_at", _INSTANT), _must("do_not_call", Boolean),
    _may("summary", Text), _may("data", JSONB), _may("transcript_url", Text), _may("recording_url", Text),
    _may("spoke_at", _INSTANT), _may("reported_at", _INSTANT), _must("reports", JSONB),
)

past_calls = Table(
    "past_calls", metadata,
    _serial(), _must("campaign_id", Text), _must("reserved", ARRAY(_INSTANT)),
    _must("ended", ARRAY(_INSTANT)), _must("dialed", ARRAY(_INSTANT)), _must("campaign_limits", ARRAY(Integer)),
    _must("zones", ARRAY(Text)), _must("attempts", ARRAY(SmallInteger)), _must("dispositions", ARRAY(_DISPOSITION)),
)

past_call_totals = Table(
    "past_call_totals", metadata,
    _must("campaign_id", Text, key=True), _must("disposition", _DISPOSITION, key=True), _must("calls", Integer),
)

latest_past_calls = Table(
    "latest_past_calls", metadata,
    _must("campaign_contact_id", BigInteger, key=True), _may("disposition", _DISPOSITION), _may("ended_at", _INSTANT),
    _may("to_number", Text),
)

retention_marks = Table("retention_marks", metadata, _must("name", Text, key=True), _must("through", Text))

call_events = Table(
    "call_events", metadata,
    _serial(), _must("carrier", _CARRIER), _must("token", Text), _must("event_id", Text),
    _must("carrier_call_id", Text), _must("kind", Text), _may("disposition", _DISPOSITION),
    _may("sip_code", Integer), _may("verdict", Text), _may("occurred_at", _INSTANT), _must("raw", JSONB),
    _must("received_at", _INSTANT), _may("held_until", _INSTANT), _may("outcome", Text), _must("in_doubt", Boolean),
    _must("network_block", Boolean),
)

unmatched_calls = Table(
    "unmatched_calls", metadata,
    _must("carrier", _CARRIER, key=True), _must("carrier_call_id", Text, key=True), _must("token", Text),
    _may("account_id", Text), _must("found_at", _INSTANT), _must("end_tries", SmallInteger),
    _may("end_tried_at", _INSTANT), _may("next_end_at", _INSTANT), _may("end_told_at", _INSTANT),
)

callback_refusals = Table(
    "callback_refusals", metadata,
    _must("carrier", _CARRIER, key=True), _must("refused", BigInteger), _must("last_at", _INSTANT),
)

news_dropped = Table(
    "news_dropped", metadata,
    _must("carrier", _CARRIER, key=True), _must("outcome", Text, key=True), _must("dropped", BigInteger),
    _must("since", _INSTANT),
)

news_cleared = Table(
    "news_cleared", metadata,
    _must("only_row", Boolean, key=True), _must("through_id", BigInteger),
)

counter_deltas = Table(
    "counter_deltas", metadata,
    _serial(), _must("campaign_id", Text), _may("call_id", Text), _may("disposition", _DISPOSITION), *_counts(),
)

campaign_totals = Table(
    "campaign_totals", metadata,
    _must("campaign_id", Text, ForeignKey("campaigns.id"), key=True), *_counts(),
)

disposition_totals = Table(
    "disposition_totals", metadata,
    _must("campaign_id", Text, ForeignKey("campaigns.id"), key=True), _must("disposition", _DISPOSITION, key=True),
    _must("calls", Integer),
)

ticks = Table("ticks", metadata, _must("name", Text, key=True), _must("last_at", _INSTANT))

clock_jumps = Table(
    "clock_jumps", metadata, _must("number", Integer, key=True), _must("at", _INSTANT), _must("seconds", Double),
)

database_server = Table(
    "database_server", metadata,
    _must("only_row", Boolean, key=True), _must("system_identifier", BigInteger), _must("timeline", Integer),
    _must("is_synchronous", Boolean), _may("failed_over_at", _INSTANT), _may("held_until", _INSTANT),
    _must("clock_jump", Integer),
)

slot_generation = Table(
    "slot_generation", metadata, _must("only_row", Boolean, key=True), _must("generation", BigInteger),
)

idempotency_keys = Table(
    "idempotency_keys", metadata,
    _must("team_id", Text, ForeignKey("teams.id"), key=True), _must("key", Text, key=True), _must("method", Text),
    _must("path", Text), _must("body_sha256", LargeBinary), _must("taken_at", _INSTANT), _may("worked_at", _INSTANT),
    _may("status", Integer), _may("response", Text), _must("created_at", _INSTANT), _may("progress", JSONB),
    _may("heard_at", _INSTANT),
)

audit_log = Table(
    "audit_log", metadata,
    _serial(), Column("team_id", Text, ForeignKey("teams.id")), _must("at", _INSTANT), _must("actor", Text),
    _must("action", Text), _must("subject_id", Text), _must("detail", JSONB),
)
# fmt: on
