"""Campaigns on the verge of a call: running, planned, reserved; each step for the test to take by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from tests.world import World
from worker.domain import ids
from worker.domain.lifecycle import Verb
from worker.domain.window import RULES_END
from worker.flow import reconcile
from worker.flow.claim import claim
from worker.flow.plan import CandidatePage, Plan, plan_calls
from worker.store import campaigns, dialing, gate, runs
from worker.store.database import once
from worker.store.dialing import Departure


def running(world: World, contact_ids: list[str], *, max_calls: int | None = None, **body: Any) -> str:
    """A campaign that runs and has called nobody yet."""
    campaign = world.campaign(contact_ids, **body)

    def start(conn: Connection) -> None:
        run = ids.new(ids.RUN)
        runs.open_run(conn, campaign, run, opened_by="api", max_calls=max_calls)
        campaigns.move(conn, Verb.RUN, campaign, run_id=run)

    world.write(start)
    return campaign


def plan(world: World, *campaign_ids: str) -> Plan:
    """What a fill of these campaigns would ask for, by the rows as they are now."""
    page = CandidatePage(campaign_ids)
    return once(world.dialer.db, lambda conn: plan_calls(conn, world.dialer, world.team, page))


def claiming(world: World, *campaign_ids: str) -> Callable[[Connection], list[str]]:
    """Claim all that can be, as if Redis granted every slot; the ids of the calls reserved."""

    def work(conn: Connection) -> list[str]:
        claimed = claim(conn, world.dialer, world.team, CandidatePage(campaign_ids), lambda plan: plan.calls)
        return [reservation.call_id for reservation in claimed.reservations]

    return work


def reserve(world: World, *campaign_ids: str) -> list[str]:
    """Reserve whatever can be; the slots in Redis are made to agree."""
    reserved = once(world.dialer.db, claiming(world, *campaign_ids))
    reconcile.reconcile(world.dialer)
    return reserved


def committing(world: World, *call_ids: str) -> Callable[[Connection], list[str]]:
    """Commit calls to be dialed, at any hour, under the lock that stops take too; the ids of those that may."""

    def work(conn: Connection) -> list[str]:
        gate.pass_gate(conn, world.team)
        return dialing.commit_dialing(conn, world.dialer.bounds, [Departure(call, RULES_END, 1) for call in call_ids])

    return work
