"""Findings about the work: whether it goes on, and whether what must hold does."""

from __future__ import annotations

from datetime import timedelta

from worker.cli.findings import Finding
from worker.domain.standstill import NAMES, OF_AN_ACCOUNT, Kind, Standstill
from worker.flow.base import Dialer
from worker.operations.examine import examine
from worker.operations.progress import TICK_OLD_SECONDS
from worker.operations.standstill import read_standstill
from worker.store import calls, ticks
from worker.store.database import once
from worker.store.invariants import BY_NAME

NEVER_TICKED = "never; start a worker and beat"


def ticking(dialer: Dialer) -> list[Finding]:
    """Whether anybody is at work."""
    silence = once(dialer.db, ticks.silence)
    ago = f"{silence.seconds:.1f} s"
    is_recent = silence.seconds <= TICK_OLD_SECONDS
    if silence.has_ticked:
        return [Finding("last tick", f"{ago} ago" + ("" if is_recent else "; start a worker and beat"), is_recent)]
    return [
        Finding("last tick", f"none yet, {ago} after the schema was made" if is_recent else NEVER_TICKED, is_recent)
    ]


def standing_still(dialer: Dialer) -> list[Finding]:
    """What should move and does not, and what of each carrier account waits inside the workers."""
    reading = read_standstill(dialer.db, dialer.bounds)
    still = {each.key for each in reading.still}
    found = [
        _standstill(each) for each in reading.still if each.waiting.kind is not Kind.TICK
    ]  # which is looked at apart
    if not found:
        found = [Finding("standstill", "nothing stands still", ok=True)]
    return found + [
        Finding(f"{NAMES[each.kind]} at {each.name}", f"{each.count}, the oldest for {each.seconds:.0f} s", ok=True)
        for each in reading.waiting
        if each.kind in OF_AN_ACCOUNT and (each.kind, each.subject) not in still
    ]


def _standstill(each: Standstill) -> Finding:
    return Finding(f"standstill: {NAMES[each.waiting.kind]}", each.sentence(), ok=False, offenders=_subject(each))


def _subject(each: Standstill) -> tuple[str, ...]:
    return (each.waiting.subject,) if each.waiting.subject else ()


def slots(dialer: Dialer) -> list[Finding]:
    """Slots and live calls are never equal at every instant: a claim takes its slots before it commits, and the
    slots of a call that ended are given back after. Slots held without a call for too long break
    the invariant ``no_slot_leaks``; here the other side is checked: calls that have been live for two reconciliations
    and hold no slot."""
    held = {call for members in dialer.slots.members().values() for call in members}
    old = timedelta(seconds=2 * dialer.bounds.reconcile_every_seconds)
    live = once(dialer.db, calls.all_live)
    without = sorted(row.id for row in live if row.id not in held and row.live_for > old)
    found = f"{len(live)} live calls, {len(held)} hold slots"
    return [Finding("slots", found + (f", {len(without)} should" if without else ""), not without, tuple(without))]


def invariants(dialer: Dialer) -> list[Finding]:
    """What must never be."""
    findings = []
    for name, rows in examine(dialer).items():
        offenders = tuple(str(row["offender"]) for row in rows)
        holds = BY_NAME[name].holds
        findings.append(Finding(name, f"Broken by {len(rows)}: {holds}" if rows else holds, not rows, offenders))
    return findings
