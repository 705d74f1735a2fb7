"""The addresses of a deployment's services: whether whoever is given one can read it, and what to write instead.

No sentence repeats an address: it may hold a password.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from kombu import Connection
from psycopg.pq import Conninfo
from sqlalchemy import create_engine
from sqlalchemy.exc import ArgumentError

from worker.domain.errors import Refused
from worker.slots import connect
from worker.store.dsn import readable

_DATABASE = ("postgres", "postgresql", "postgresql+psycopg")
_BROKER = ("redis", "rediss", "redis+socket", "unix", "valkey", "valkeys", "sentinel")
_WRITTEN = "; in a password write %40 for @, %2F for / and so on"
_DATABASE_EXAMPLE = f"Give an address such as postgresql://user:password@host/name{_WRITTEN}"
_REDIS_EXAMPLE = f"Give an address such as redis://:password@host:6379/0{_WRITTEN}"
_CELERYS = {"unix://": "redis+socket://", "valkeys://": "rediss://", "valkey://": "redis://"}

_CERTIFICATE = {spelled: word for word in ("none", "optional", "required") for spelled in (word, f"cert_{word}")}
_TRUTHS = ("true", "false", "1", "0", "yes", "no")


def _is_number(value: str) -> bool:
    try:
        return 0 < float(value) < 1e9
    except ValueError:
        return False


_TLS_OPTIONS: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "ssl_cert_reqs": (lambda value: value.lower() in _CERTIFICATE, "none, optional or required"),
    "ssl_check_hostname": (lambda value: value.lower() in _TRUTHS, "true or false"),
    "ssl_ca_certs": (bool, "the path of a file"),
    "ssl_certfile": (bool, "the path of a file"),
    "ssl_keyfile": (bool, "the path of a file"),
}
_SLOTS_OPTIONS: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "socket_timeout": (_is_number, "seconds"),
    "socket_connect_timeout": (_is_number, "seconds"),
    "health_check_interval": (str.isdecimal, "a whole number of seconds"),
    "max_connections": (lambda value: value.isdecimal() and int(value) > 0, "a whole number from 1"),
    "client_name": (lambda value: bool(value) and " " not in value, "a word"),
    "protocol": (lambda value: value in ("2", "3"), "2 or 3"),
}
_SOCKET_OPTIONS: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "db": (str.isdecimal, "the number of a database"),
}


def split(url: str) -> SplitResult | None:
    """The parts of an address; ``None`` if it has none. What Python says of such an address repeats it."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def database_fault(url: str) -> str | None:
    """What is wrong with an address of PostgreSQL, and what to write; ``None`` if SQLAlchemy and libpq can read it.

    A password with an @ in it would end up in the host's name, and one with a question mark among the options, from
    where they find their way into messages."""
    try:
        read, scheme = readable(url), url.partition("://")[0]
        create_engine(read)  # of several servers it also reads the ports; it connects to none
    except (ArgumentError, ValueError):
        return _DATABASE_EXAMPLE
    options = {option.keyword.decode() for option in Conninfo.get_defaults()}
    port_exists = read.port is None or 0 < read.port < 65_536
    is_read = port_exists and "@" not in (read.host or "") and options >= read.query.keys()
    return None if is_read and scheme in _DATABASE else _DATABASE_EXAMPLE


def redis_fault(url: str) -> str | None:
    """The same for an address of Redis, which is also the broker's unless that has one of its own."""
    parts = split(url)
    if parts is None or not _reads_database(parts):
        return _REDIS_EXAMPLE
    known = {**(_TLS_OPTIONS if parts.scheme in ("rediss", "valkeys") else {}), **_SLOTS_OPTIONS}
    if parts.scheme == "unix":
        known |= _SOCKET_OPTIONS
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in _TLS_OPTIONS and name not in known:
            return f"The option {name} is for an encrypted connection; begin the address with rediss://"
        if name not in known:
            names = ", ".join(known)
            return f"It has an option that is not known (known are {names}), or a ? that must be written as %3F"
        is_good, wanted = known[name]
        if not is_good(value):
            return f"Give the option {name} as {wanted}"
    try:
        connect(for_redis(url)).close()  # reads the address, opens nothing
    except Refused:
        return _REDIS_EXAMPLE
    return broker_fault(for_celery(url))


def broker_fault(urls: str) -> str | None:
    """The same for what Celery is to connect to, several addresses with semicolons among them."""
    for url in urls.split(";"):
        parts = split(url)
        if parts is None or not _reads_database(parts):
            return _REDIS_EXAMPLE
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if options.get("ssl_cert_reqs", "none").lower() not in _CERTIFICATE:
            return "Give the option ssl_cert_reqs as none, optional or required"
        if options.keys() - {*_TLS_OPTIONS, *_SLOTS_OPTIONS, *_SOCKET_OPTIONS, "virtual_host"}:
            return f"It has an option that Celery does not know; known are {', '.join(_TLS_OPTIONS)} and virtual_host"
        try:
            Connection(for_celery(url))  # reads the address, opens nothing
        except (TypeError, ValueError, KeyError):
            return f"It has options that do not go together; known are {', '.join(_TLS_OPTIONS)} and virtual_host"
    return None


def for_redis(url: str) -> str:
    """The address with its options spelled as the slots' client spells them: ``CERT_NONE`` is ``none``."""
    return _with_options(url, lambda name: True)


def for_celery(url: str) -> str:
    """The address in Celery's spelling, without the options that are for the slots' connections alone."""
    url = _with_options(url, lambda name: name not in _SLOTS_OPTIONS)
    for ours, celerys in _CELERYS.items():
        if url.startswith(ours):
            return celerys + url[len(ours) :].replace("?db=", "?virtual_host=")
    return url


def _with_options(url: str, is_kept: Callable[[str], bool]) -> str:
    head, _, query = url.partition("?")
    kept = [
        (name, _CERTIFICATE.get(value.lower(), value) if name == "ssl_cert_reqs" else value)
        for name, value in parse_qsl(query, keep_blank_values=True)
        if is_kept(name)
    ]
    return f"{head}?{urlencode(kept, safe='/:')}" if kept else head


def _reads_database(parts: SplitResult) -> bool:
    """Whether it is an address of Redis; where it leads over the network, the path is a database's number."""
    number = parts.path.strip("/")
    over_socket = parts.scheme in ("unix", "redis+socket", "sentinel")
    return parts.scheme in _BROKER and (over_socket or not number or number.isdecimal())
