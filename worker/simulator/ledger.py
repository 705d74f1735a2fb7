"""What really happened, in the simulator's own hand: an append-only file of JSON lines, one line a fact.

Every line carries ``fact``, ``at`` (epoch seconds), ``time`` (the same instant, ISO 8601 UTC), ``call``,
``token``, ``from``, ``to`` and ``account``:

================= ==========================================================================
fact              besides
================= ==========================================================================
``placed``        ``attempt`` to this number, ``extra`` (made by the carrier on its own),
                  ``callback_url``; by another protocol than our own, its name as ``face``
                  and the request's details as ``asked`` (names that ledgers have had from the first)
``rejected``      ``attempt``, ``status``, ``code``; ``call`` is null, nobody's phone rings
``refused``       the same, answered with a 5xx, or not at all: ``status`` 0
``ringing``
``answered``
``connected``     ``connected_to``, ``parameters``: who speaks to the callee, where the dialer says so
``end_requested`` ``live``: whether there was anything left to end; ``refused_with`` a status
                  (0: no answer) where the call goes on all the same
``ended``         ``disposition`` in the simulator's words, ``sip_code``, ``answered_by``;
                  ``sip_reason``, the phrase of a 603+
================= ==========================================================================

A line is written and flushed before anybody is answered or called back, in the order the facts came to be:
the order of the lines decides what was at the same time, not the clock. After ``kill -9`` only the last line
can be torn; a torn fact was made known to nobody, so reading ignores it and writing on cuts it off.
"""

from __future__ import annotations

import fcntl
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, assert_never

from worker.domain.errors import Broken, Conflict

Key = Literal["from", "to", "account", "token"]


class Fact(StrEnum):
    PLACED = "placed"
    REJECTED = "rejected"
    REFUSED = "refused"
    RINGING = "ringing"
    ANSWERED = "answered"
    CONNECTED = "connected"
    END_REQUESTED = "end_requested"
    ENDED = "ended"


class LedgerWriter:
    """Appends facts. Threads are kept apart by the caller, who decides the order of facts; processes by a
    lock on the file, which dies with its holder. Raises :class:`Conflict` when another process has it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise Conflict(f"Another simulator writes the ledger {path}; stop it or name another file.") from None
        whole = _length_of_whole_lines(path)
        if whole < path.stat().st_size:
            self._file.truncate(whole)

    def write(self, fact: Fact, details: Mapping[str, Any]) -> None:
        """Append one fact, stamped now. When this returns, the fact outlives the process."""
        now = datetime.now(UTC)
        stamped = {
            "fact": fact,
            "at": now.timestamp(),
            "time": now.isoformat(timespec="microseconds"),
            **details,
        }
        self._file.write(json.dumps(stamped, separators=(",", ":")).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _length_of_whole_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(len(line) for line in file if line.endswith(b"\n"))


def read_facts(path: Path) -> Iterator[dict[str, Any]]:
    """The facts as written. Raises :class:`Broken` for a line that is whole and yet cannot be read."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                fact = json.loads(line)
                Fact(fact["fact"])
            except (ValueError, TypeError, KeyError):
                raise Broken(f"Line {number} of {path} is not a fact of a ledger; use another file.") from None
            yield fact


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call as the carrier lived it; an instant is ``None`` where that never happened. Epoch seconds."""

    call_id: str
    token: str
    from_number: str
    to_number: str
    account: str
    attempt: int
    extra: bool
    callback_url: str
    placed_at: float
    ringing_at: float | None = None
    answered_at: float | None = None
    end_requested_at: float | None = None
    ended_at: float | None = None
    disposition: str | None = None
    answered_by: str | None = None
    sip_code: int | None = None
    sip_reason: str | None = None
    connected_to: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    protocol: str = "simulator"
    details: Mapping[str, Any] = field(default_factory=dict)

    def key(self, key: Key) -> str:
        match key:
            case "from":
                return self.from_number
            case "to":
                return self.to_number
            case "account":
                return self.account
            case "token":
                return self.token
            case _:
                assert_never(key)


@dataclass(frozen=True, slots=True)
class NotPlaced:
    """A request that placed no call: refused with a 4xx or a 5xx, or never answered (``status`` 0)."""

    token: str
    from_number: str
    to_number: str
    account: str
    attempt: int
    status: int
    code: str
    at: float


@dataclass(frozen=True, slots=True)
class Overlap:
    """``second`` was placed while ``first`` had not ended, both to the same number."""

    to_number: str
    first: RecordedCall
    second: RecordedCall


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything the ledger says, in the order it happened. Calls the carrier made on its own stand apart in
    ``extras`` and count nowhere else: they are the carrier's doing, not the dialer's."""

    placed: tuple[RecordedCall, ...]
    extras: tuple[RecordedCall, ...]
    not_placed: tuple[NotPlaced, ...]
    changes: tuple[tuple[RecordedCall, int], ...]
    """Each beginning (+1) and end (-1) of a call of ``placed``, in order."""

    def live(self) -> tuple[RecordedCall, ...]:
        """The calls that had not ended when the ledger was read."""
        return tuple(call for call in self.placed if call.ended_at is None)

    def peak_concurrent(self) -> int:
        """The most calls that were live at one time."""
        return max(_running_totals(self.changes, lambda _: ""), default=("", 0), key=lambda total: total[1])[1]

    def peak_per(self, key: Key) -> dict[str, int]:
        """The most calls live at one time, for each caller ID, callee, account or token."""
        peaks: dict[str, int] = {}
        for value, total in _running_totals(self.changes, lambda call: call.key(key)):
            peaks[value] = max(total, peaks.get(value, 0))
        return peaks

    def overlapping_callees(self) -> tuple[Overlap, ...]:
        """Every call placed to a number that already had a live call."""
        live: dict[str, RecordedCall] = {}
        overlaps: list[Overlap] = []
        for call, change in self.changes:
            first = live.get(call.to_number)
            if change > 0:
                if first is not None:
                    overlaps.append(Overlap(call.to_number, first, call))
                live[call.to_number] = call
            elif first is not None and first.call_id == call.call_id:
                del live[call.to_number]
        return tuple(overlaps)

    def calls_per_callee(self) -> Counter[str]:
        """How often each number was really called."""
        return Counter(call.to_number for call in self.placed)

    def calls_per_token(self) -> Counter[str]:
        """How often each call was placed; anything above one rang a phone twice for one call."""
        return Counter(call.token for call in self.placed)

    def ended_by_disposition(self) -> Counter[str]:
        """How calls ended, in the simulator's words."""
        return Counter(call.disposition for call in self.placed if call.disposition is not None)


def _running_totals(
    changes: Iterable[tuple[RecordedCall, int]], key: Callable[[RecordedCall], str]
) -> Iterator[tuple[str, int]]:
    totals: Counter[str] = Counter()
    for call, change in changes:
        value = key(call)
        totals[value] += change
        yield value, totals[value]


def read(path: Path) -> Ledger:
    """Read a ledger, also one that is still being written or whose writer was killed."""
    calls: dict[str, RecordedCall] = {}
    not_placed: list[NotPlaced] = []
    order: list[tuple[str, int]] = []
    for fact in read_facts(path):
        kind = Fact(fact["fact"])
        if kind in (Fact.REJECTED, Fact.REFUSED):
            not_placed.append(_not_placed(fact))
            continue
        call_id = fact["call"]
        calls[call_id] = _placed(fact) if kind is Fact.PLACED else _advanced(calls[call_id], kind, fact)
        if kind in (Fact.PLACED, Fact.ENDED):
            order.append((call_id, 1 if kind is Fact.PLACED else -1))
    return Ledger(
        placed=tuple(call for call in calls.values() if not call.extra),
        extras=tuple(call for call in calls.values() if call.extra),
        not_placed=tuple(not_placed),
        changes=tuple((calls[call_id], change) for call_id, change in order if not calls[call_id].extra),
    )


def _placed(fact: Mapping[str, Any]) -> RecordedCall:
    return RecordedCall(
        **_request(fact),
        call_id=fact["call"],
        extra=fact["extra"],
        callback_url=fact["callback_url"],
        placed_at=fact["at"],
        protocol=fact.get("face", "simulator"),
        details=fact.get("asked", {}),
    )


def _advanced(call: RecordedCall, kind: Fact, fact: Mapping[str, Any]) -> RecordedCall:
    at = fact["at"]
    match kind:
        case Fact.RINGING:
            return replace(call, ringing_at=at)
        case Fact.ANSWERED:
            return replace(call, answered_at=at)
        case Fact.CONNECTED:
            return replace(call, connected_to=fact["connected_to"], parameters=fact["parameters"])
        case Fact.END_REQUESTED:
            return replace(call, end_requested_at=call.end_requested_at or at)
        case Fact.ENDED:
            return replace(
                call,
                ended_at=at,
                disposition=fact["disposition"],
                answered_by=fact["answered_by"],
                sip_code=fact["sip_code"],
                sip_reason=fact.get("sip_reason"),
            )
        case Fact.PLACED | Fact.REJECTED | Fact.REFUSED:
            raise ValueError(f"{kind} happens to no call that is there already")
        case _:
            assert_never(kind)


def _not_placed(fact: Mapping[str, Any]) -> NotPlaced:
    return NotPlaced(**_request(fact), status=fact["status"], code=fact["code"], at=fact["at"])


def _request(fact: Mapping[str, Any]) -> dict[str, Any]:
    """What a fact says of the request that brought it about."""
    names = {"token": "token", "from_number": "from", "to_number": "to", "account": "account", "attempt": "attempt"}
    return {field: fact[name] for field, name in names.items()}
