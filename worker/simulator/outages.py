"""What ails the carrier's API just now: requests that are not answered, answered slowly, or refused.

Set while the simulator runs, by ``POST /faults`` with the bearer of our own protocol; each names an account, or
``null`` for all that have no outage of their own, and one or several of ``place``, ``end`` and ``look_up``::

    {"account": "acc_one", "place": {"hang_seconds": 10}, "end": {"status": 404}, "look_up": {"slow_seconds": 3}}

``hang_seconds`` is how long a request is held before the connection is closed without an answer; with ``"obeyed":
true`` what it asks for is done all the same. ``slow_seconds`` pass before a request is looked at; one whose client
has gone by then is dropped. ``status`` is answered at once. ``null`` ends an outage, and lets go what it holds.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from worker.simulator.exchange import Exchange
from worker.simulator.lives import Refusal
from worker.simulator.protocols.base import HttpRequest, Malformed, read_object

MALFORMED = Refusal(400, "malformed")
LONGEST_SECONDS = 3600.0


class RequestKind(StrEnum):
    """What a request is about."""

    PLACE = "place"
    END = "end"
    LOOK_UP = "look_up"


@dataclass(frozen=True, slots=True)
class Outage:
    """One of the three numbers is set. ``over`` is set when the outage is over."""

    hang_seconds: float = 0.0
    slow_seconds: float = 0.0
    status: int = 0
    obeyed: bool = False
    over: threading.Event = field(default_factory=threading.Event, compare=False)


class Outages:
    """Those there are now; any thread may ask and change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: dict[tuple[str | None, RequestKind], Outage] = {}

    def of(self, kind: RequestKind, account: str | None) -> Outage | None:
        """The account's own, or else that of all accounts."""
        with self._lock:
            return self._now.get((account, kind)) or self._now.get((None, kind))

    def change(self, body: bytes) -> None:
        """As a request says. Raises :class:`Malformed`, and changes nothing then."""
        document = read_object(body)
        if document is None or not document.keys() <= {"account", *RequestKind}:
            raise Malformed("Give an object of account, place, end and look_up.", MALFORMED)
        account = document.get("account")
        if account is not None and not isinstance(account, str):
            raise Malformed("account is neither a text nor null.", MALFORMED)
        changes = {kind: _read(document[kind], kind) for kind in RequestKind if kind in document}
        with self._lock:
            for kind, outage in changes.items():
                before = self._now.pop((account, kind), None)
                if before is not None:
                    before.over.set()
                if outage is not None:
                    self._now[account, kind] = outage

    def end_all(self) -> None:
        """Let go whatever is held."""
        with self._lock:
            for outage in self._now.values():
                outage.over.set()
            self._now.clear()


def kind_of(http: HttpRequest) -> RequestKind:
    """What is asked for, in any protocol's words."""
    if http.method == "GET":
        return RequestKind.LOOK_UP
    return RequestKind.PLACE if http.path[-1] in ("calls", "Calls.json") else RequestKind.END


def account_of(http: HttpRequest, exchange: Exchange) -> str | None:
    """Whose call a request is about; ``None`` if that is no call we know. One that is to be placed names its account
    itself."""
    ids = [part.removesuffix(".json") for part in http.path]
    return exchange.account_of(ids, http.query.get("token", ()))


def _read(said: Any, kind: RequestKind) -> Outage | None:
    if said is None:
        return None
    if not isinstance(said, Mapping) or not said.keys() <= {"hang_seconds", "slow_seconds", "status", "obeyed"}:
        raise Malformed(f"{kind} is neither null nor one of hang_seconds, slow_seconds and status.", MALFORMED)
    obeyed = said.get("obeyed", False)
    numbers = {name: value for name, value in said.items() if name != "obeyed"}
    if len(numbers) != 1 or not isinstance(obeyed, bool) or (obeyed and "hang_seconds" not in numbers):
        raise Malformed(f"Give {kind} one of hang_seconds (with obeyed or not), slow_seconds, status.", MALFORMED)
    (name, value), *_ = numbers.items()
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST_SECONDS:
        raise Malformed(f"{name} of {kind} is not a number above zero.", MALFORMED)
    if name == "status" and not (isinstance(value, int) and 400 <= value <= 599):
        raise Malformed(f"status of {kind} is not from 400 to 599.", MALFORMED)
    match name:
        case "hang_seconds":
            return Outage(hang_seconds=value, obeyed=obeyed)
        case "slow_seconds":
            return Outage(slow_seconds=value)
        case _:
            return Outage(status=int(value))
