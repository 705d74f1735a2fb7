"""The address of PostgreSQL: one server, or several of which one takes writes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlalchemy import URL, make_url

_SERVERS = re.compile(
    r"(?P<before>\w+(?:\+\w+)?://(?:[^/?#]*@)?)(?P<servers>[^/?#@]*,[^/?#@]*)(?P<after>(?:[/?].*)?)", re.DOTALL
)

_SERVER = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>[0-9]*))?")


def readable(url: str) -> URL:
    """The address for SQLAlchemy and our driver.

    Several servers may stand in it as libpq has them (``a:5432,b:5432``), of which SQLAlchemy knows only the spelling
    as options. Raises :class:`~sqlalchemy.exc.ArgumentError` or :class:`ValueError` where it cannot be read.
    """
    servers = _SERVERS.fullmatch(url)
    if servers is None:
        return make_url(url).set(drivername="postgresql+psycopg")
    bare = make_url(servers["before"] + servers["after"]).set(drivername="postgresql+psycopg")
    split = [_SERVER.fullmatch(server) for server in servers["servers"].split(",")]
    if not all(split):
        raise ValueError("an address of a server is host:port")
    hosts = ",".join((each["six"] or each["host"]) for each in split if each)
    ports = ",".join((each["port"] or "") for each in split if each)
    return bare.update_query_dict({"host": hosts, **({"port": ports} if ports.strip(",") else {})})


def connect_options(url: str, defaults: Mapping[str, int], session: str) -> dict[str, str | int]:
    """libpq's options beside those of the address, which win over ``defaults``; ``session`` are settings for the
    session, and the address may name more.

    Of several servers the one that takes writes is wanted, unless the address says otherwise: left to itself, libpq
    stays with the first that answers, a standby too.
    """
    read = readable(url)
    given = read.normalized_query
    hosts = [host for each in given.get("host", ()) for host in each.split(",")]
    chosen: dict[str, str | int] = {name: value for name, value in defaults.items() if name not in given}
    if len(hosts) > 1 and "target_session_attrs" not in given:
        chosen["target_session_attrs"] = "read-write"
    return {**chosen, "options": " ".join((session, *given.get("options", ())))}
