"""Makes what the plan has drawn: the teams, and the campaigns one after the other."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
import pytz
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from tests.chaos.api_client import ApiClient
from tests.chaos.evidence import Clock, Window
from tests.chaos.harness import Chaos
from tests.chaos.operators import window_body
from tests.chaos.plan import CampaignPlan, TeamPlan, Workload
from worker.domain.errors import Unavailable
from worker.domain.places import place_of
from worker.flow.base import Dialer
from worker.operations import campaigns, keys
from worker.store.crm import contacts, setup, teams
from worker.store.crm.contacts import NewContact
from worker.store.database import once

PLACE = text("""
UPDATE contacts k SET place = x.place
FROM unnest(CAST(:ids AS text[]), CAST(:places AS text[])) AS x (id, place) WHERE k.id = x.id
""")


def set_up(dialer: Dialer, workload: Workload, carrier: str) -> dict[str, str]:
    """The teams, with an account at this carrier; returns team → bearer key."""
    for team in workload.teams:
        once(dialer.db, lambda conn, team=team: _set_up_team(conn, team, carrier))
    return {team.id: keys.create_key(dialer, team.id, "chaos", actor="chaos")[1] for team in workload.teams}


def _set_up_team(conn: Connection, team: TeamPlan, carrier: str) -> None:
    setup.team(conn, team.id, team.id.replace("_", "-"), "A team", limit=team.limit)
    caps = [{"calls": calls, "hours": hours} for calls, hours in team.caps]
    teams.edit(conn, team.id, {"policy": {"frequency": caps} if caps else {}})
    setup.company(conn, f"comp_{team.id}", team.id, "A company")
    setup.assistant(conn, f"asst_{team.id}", team.id, "An assistant")
    setup.account(
        conn, team.account, team.id, carrier, "An account",
        limit=team.limit, calls_per_second=team.calls_per_second,
    )  # fmt: skip
    for number_id, number in team.numbers.items():
        setup.number(conn, number_id, team.id, team.account, number, limit=team.number_limit)


@dataclass
class CampaignFactory:
    """``ids`` and ``windows`` are those of the campaigns that were made, by key."""

    chaos: Chaos
    client: ApiClient
    business: Clock
    ids: dict[str, str] = field(default_factory=dict)
    windows: dict[str, Window] = field(default_factory=dict)

    def create(self, plan: CampaignPlan) -> bool:
        """Make a campaign with its contacts; false if a service is away, so that it is tried again."""
        with contextlib.suppress(Unavailable, SQLAlchemyError, psycopg.Error):
            dialer, now = self.chaos.dialer, self.client.clock.now()
            self._load(plan)
            window = self._window(plan, now)
            starts_at = None if plan.starts_in is None else now + plan.starts_in
            fields = self._fields(plan, window, starts_at)
            campaign_id = campaigns.create_campaign(dialer, plan.team.id, fields, actor="chaos")
            campaigns.add_contacts(dialer, campaign_id, [person.id for person in plan.people], actor="chaos")
            self.ids[plan.key] = campaign_id
            if window is not None:
                self.windows[plan.key] = window
            self.client.journal.note("created", now, campaign=plan.key, id=campaign_id, window=window)
            if starts_at is not None:
                self.client.end(self.client.begin("schedule", plan.key, starts_at), 200)
            return True
        return False

    def _load(self, plan: CampaignPlan) -> None:
        """Its contacts, but for those who are there."""
        known = {row.id for row in self.chaos.sql("SELECT id FROM contacts")}
        new = [
            NewContact(it.id, it.phone, it.phone, None, timezone=it.zone or None)
            for it in plan.everybody
            if it.id not in known
        ]
        places = {it.id: place_of(it.phone, timezone=it.zone or None).code for it in plan.everybody}

        def load(conn: Connection) -> None:
            contacts.load(conn, plan.team.id, new)
            conn.execute(PLACE, {"ids": [it.id for it in new], "places": [places[it.id] for it in new]})

        once(self.chaos.dialer.db, load)

    def _window(self, plan: CampaignPlan, now: float) -> Window | None:
        if plan.window is None:
            return None
        before, after, zone = plan.window
        wall = self.business.business(now).astimezone(pytz.timezone(zone))
        start, end = wall - timedelta(minutes=before), wall + timedelta(minutes=after)
        return start.strftime("%H:%M"), end.strftime("%H:%M"), zone

    def _fields(self, plan: CampaignPlan, window: Window | None, starts_at: float | None) -> Mapping[str, Any]:
        at = {} if starts_at is None else {"scheduledStartAt": self.business.business(starts_at).isoformat()}
        return {
            "name": plan.key,
            "assistantId": f"asst_{plan.team.id}",
            "companyId": f"comp_{plan.team.id}",
            "fromNumberIds": list(plan.callers),
            "maxConcurrentCalls": plan.limit,
            "maxAttemptsPerContact": plan.attempts,
            "retryDelayMinutes": plan.delay,
            "settings": {"retryDelays": plan.delays},
            **({} if plan.purpose is None else {"purpose": plan.purpose}),
            **window_body(window),
            **at,
        }
