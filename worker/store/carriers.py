"""The names of carriers as the database has them: an enum, to which :func:`add` adds those that are new.

Which carriers there are the code knows (:mod:`worker.carriers.registry`). That the column is not plain text has one
reason: statements that a worker of the version before has prepared would fail if its type changed
(:class:`worker.store.tables.CarrierName`).
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, text

UNKNOWN = text("""
SELECT name FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS x (name, place)
WHERE name <> ALL(CAST(enum_range(NULL::carrier) AS text[])) ORDER BY place
""")


def known(parameter: str) -> str:
    """SQL for the carriers of a list of names as the column has them, without any that the database does not know."""
    return f"""ARRAY(SELECT name FROM unnest(enum_range(NULL::carrier)) AS known (name)
                     WHERE CAST(name AS text) = ANY(CAST(:{parameter} AS text[])))"""


def unknown(conn: Connection, names: Collection[str]) -> list[str]:
    """Those of the names that the database does not know yet; no account can be made with them."""
    return list(conn.execute(UNKNOWN, {"names": list(names)}).scalars())


def add(conn: Connection, names: Collection[str]) -> list[str]:
    """Make the names known to the database; returns those that are new, usable once the transaction is committed."""
    new = unknown(conn, names)
    for name in new:
        conn.exec_driver_sql(f"ALTER TYPE carrier ADD VALUE {_quoted(name)}")
    return new


def _quoted(name: str) -> str:
    """The name as a literal, for which DDL takes no parameter; only what needs no escape is let through."""
    if not name.isascii() or not name.isalnum():
        raise ValueError(f"{name!r} is no name of a carrier")
    return f"'{name}'"
