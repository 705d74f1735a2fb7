"""P7: contacts from a CSV file into a campaign, against inserting them row by row, and against a plain COPY."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import islice
from statistics import median
from time import perf_counter

import psycopg

from tests.bench.bare import TEAM, Bare, bare
from tests.bench.effort import Effort
from tests.bench.report import Figure, say
from worker.dev.stack import Stack
from worker.domain import ids
from worker.domain.contact_file import read_contacts
from worker.domain.screening import Phone, normalize
from worker.operations import campaigns
from worker.operations.imports import load_contacts

LINES, ONE_BY_ONE = 1_000_000, 5_000
COPIED_AT_ONCE = 1000


def measure(stack: Stack, effort: Effort) -> list[Figure]:
    """A million lines in each round, on a PostgreSQL of its own that waits for its disk. One reference inserts some
    thousands, a commit each, as an ORM's ``add`` and ``commit`` in a loop would, without the ORM; the other is a plain
    COPY of the same columns into a table that has neither keys nor indexes."""
    with Stack(durable=True) as on_disk, bare(on_disk, "bench_import") as there:
        there.furnish()
        lines, singles = effort.of(LINES), effort.of(ONE_BY_ONE)
        made = []
        for n in range(effort.rounds):
            campaign = _campaign(there)
            loop = singles / _one_by_one(there, campaign, n, singles)
            copied = lines / _copied(there, n * LINES, lines)
            ours = lines / _import(there, campaign, n * LINES, lines)
            made.append((ours, loop, copied))
            say(f"P7 round {n + 1}: {ours:,.0f} rows/s, one by one {loop:,.0f}, plain COPY {copied:,.0f}")
        there.check()
    ours, loop, copied = (median(figures) for figures in zip(*made, strict=True))
    against_loop, against_copy = [a / b for a, b, _ in made], [a / c for a, _, c in made]
    return [
        Figure("P7", f"P7 import of {lines:,} lines", ours, loop, "rows/s", reference="row by row",
             ratio=median(against_loop), at_least=10.0, rounds=against_loop),
        Figure("P7 COPY", "   against plain COPY", ours, copied, "rows/s", reference="COPY",
             ratio=median(against_copy), at_least=0.12, rounds=against_copy),
    ]  # fmt: skip


def _campaign(there: Bare) -> str:
    body = {"name": "Imported", "assistantId": "asst_bare", "companyId": "comp_bare", "fromNumberIds": ["pn_bare0"]}
    return campaigns.create_campaign(there.dialer, TEAM, body, actor="bench")


def _lines(first: int, count: int) -> Iterator[str]:
    """The US has enough numbers: area code 202 and on."""
    yield "phone,first_name,last_name,plan\n"
    for n in range(first, first + count):
        yield f"+1{_national(n)},First {n},Last {n},gold\n"


def _national(n: int) -> str:
    area, rest = divmod(n, 7_000_000)
    return f"{('202', '212', '213', '312')[area]}{2_000_000 + rest}"


def _import(there: Bare, campaign: str, first: int, lines: int) -> float:
    began_at = perf_counter()
    loaded = load_contacts(
        there.dialer, TEAM, None, read_contacts(_lines(first, lines)), campaign_id=campaign, most_ids=0
    )
    seconds = perf_counter() - began_at
    assert loaded.added == loaded.created == lines, f"{loaded.created:,} created, {loaded.added:,} added"
    return seconds


def _one_by_one(there: Bare, campaign: str, nth: int, count: int) -> float:
    """Read, judge, insert, commit; next."""
    text = io.StringIO("".join(_lines(20_000_000 + nth * count, count)))
    began_at = perf_counter()
    with psycopg.connect(there.environment["DATABASE_URL"]) as conn:
        for row in csv.DictReader(text):
            phone = normalize(row["phone"], None)
            assert isinstance(phone, Phone)
            contact = ids.new(ids.CONTACT)
            conn.execute(
                """INSERT INTO contacts (id, team_id, phone, phone_e164, first_name, last_name)
                   VALUES (%s, %s, %s, %s, %s, %s)""",
                [contact, TEAM, row["phone"], phone.e164, row["first_name"], row["last_name"]],
            )
            conn.execute(
                """INSERT INTO campaign_contacts (team_id, campaign_id, contact_id, due_at)
                   VALUES (%s, %s, %s, dialer_now())""",
                [TEAM, campaign, contact],
            )
            conn.commit()
    return perf_counter() - began_at


def _copied(there: Bare, first: int, lines: int) -> float:
    """Send the same columns, as text that is ready, and commit."""
    columns = "phone text, first_name text, last_name text, plan text"
    text = (line.replace(",", "\t") for line in islice(_lines(first, lines), 1, None))
    with psycopg.connect(there.environment["DATABASE_URL"]) as conn:
        conn.execute(f"CREATE TABLE IF NOT EXISTS bare_lines ({columns})")
        conn.execute("TRUNCATE bare_lines")
        conn.commit()
        blocks = list(iter(lambda: "".join(islice(text, COPIED_AT_ONCE)), ""))
        began_at = perf_counter()
        with conn.cursor() as cursor, cursor.copy("COPY bare_lines FROM STDIN") as copy:
            for block in blocks:
                copy.write(block)
        conn.commit()
    return perf_counter() - began_at
