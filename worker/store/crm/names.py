"""Ids by what people call things: looked for among a team's own, as ids first and then as names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection, text

from worker.store.shapes import shaped


def _named(table: str, name: str, is_gone: str = "false", more: str = "") -> str:
    return f"""
SELECT id, id AS word, 0 AS rank FROM {table} WHERE team_id = :team AND id = ANY(CAST(:words AS text[]))
UNION ALL
SELECT id, {name} AS word, CASE WHEN {is_gone} THEN 2 ELSE 1 END FROM {table}
WHERE team_id = :team AND {name} = ANY(CAST(:words AS text[])) {more}
ORDER BY word, rank, id
"""


CAMPAIGNS = text(_named("campaigns", "name", "deleted_at IS NOT NULL", "AND id <> '' AND test_of IS NULL"))
CONTACTS = text(_named("contacts", "phone_e164", more="AND phone_e164 IS NOT NULL"))
ASSISTANTS = text(_named("assistants", "name"))
COMPANIES = text(_named("companies", "name"))
ACCOUNTS = text(_named("carrier_accounts", "name"))
NUMBERS = text(_named("phone_numbers", "number"))


@shaped(CAMPAIGNS, CONTACTS, ASSISTANTS, COMPANIES, ACCOUNTS, NUMBERS, never_null=("word",))
class NamedRow(Protocol):
    """A thing that is meant by a word: by its id (``rank`` 0), by its name (1), by its name and deleted (2)."""

    id: str
    word: str
    rank: int


_STATEMENTS = {
    "campaign": CAMPAIGNS,
    "contact": CONTACTS,
    "assistant": ASSISTANTS,
    "company": COMPANIES,
    "carrier account": ACCOUNTS,
    "phone number": NUMBERS,
}


def named(conn: Connection, team_id: str, what: str, words: Sequence[str]) -> Sequence[NamedRow]:
    """What of the team's may be meant by each of the words, the likeliest first."""
    return conn.execute(_STATEMENTS[what], {"team": team_id, "words": list(words)}).all()
