"""Operators at random, through the real HTTP API; what each did is journaled with the instants it lay between.

What is done when, and to whom, is drawn from the seed beforehand (:mod:`tests.chaos.orders`). A deed whose answer never
came may have been done or not, and is journaled so.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, ParamSpec

import pytz
from celery import Celery
from kombu.exceptions import KombuError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tests.chaos import aiming
from tests.chaos.aiming import Marksman
from tests.chaos.api_client import ApiClient
from tests.chaos.evidence import Clock, Window, asked_by
from tests.chaos.orders import Order
from tests.chaos.plan import ZONES, CampaignPlan, Person, TeamPlan, Workload
from worker.domain.errors import Unavailable
from worker.flow.base import Dialer
from worker.operations.teams import edit_team
from worker.store.database import once

P = ParamSpec("P")

HANDS = 5
TRIES = 20
NEWEST = text("""
SELECT id, to_number FROM calls
WHERE campaign_id = :id AND state <> 'reserved' AND disposition IS DISTINCT FROM 'not_sent' ORDER BY id DESC LIMIT 1
""")
PAUSE_SECONDS = (0.3, 2.5)
HOLD_SECONDS = 7.0
CALLED_BACK_SECONDS = (6.0, 20.0)


class Operators:
    """A few threads that carry out orders: :meth:`submit` one; :meth:`finish` waits for what is under way."""

    def __init__(
        self,
        client: ApiClient,
        dialer: Dialer,
        celery: Celery,
        workload: Workload,
        business: Clock,
        campaign_ids: Mapping[str, str],
        aims: Path,
    ) -> None:
        self.workload = workload
        self._marksman = Marksman(self, aims)
        self.client, self._dialer, self._celery = client, dialer, celery
        self.business, self.ids = business, campaign_ids
        self._to_try = {team.id: list(team.to_try) for team in workload.teams}
        self.over = threading.Event()
        self._hands = ThreadPoolExecutor(HANDS, thread_name_prefix="operator")
        self._under_way: list[Future[None]] = []

    def submit(self, order: Order) -> None:
        """Have this done by whoever is free."""
        campaign = self.workload.campaigns[order.campaign]
        if campaign.key in self.ids:
            self._put(self._do, order.what, campaign, Random(order.dice))

    def finish(self, seconds: float) -> None:
        """Let nobody begin anything any more."""
        self.over.set()
        self._hands.shutdown(wait=False, cancel_futures=True)
        self._wait([work for work in self._under_way if not work.cancelled()], seconds)

    def settle(self) -> None:
        """Wait until every order was carried out. An operator's own mistake is raised here: whoever carries nothing
        out any more tries nothing."""
        self._wait(self._under_way, 120)
        self._under_way.clear()

    @staticmethod
    def _wait(work: Sequence[Future[None]], seconds: float) -> None:
        for done in wait(work, seconds).done:
            done.result()

    def heal(self) -> None:
        """Let everything that can still be called be called: no window, wide limits, all numbers, nothing paused."""
        for team in self.workload.teams:
            for number_id in team.numbers:
                self._put(self.enable, team, number_id, maxConcurrentCalls=20)
            self._put(self._limit_team, team, 40)
            self._put(self.enable_account, team)
        for campaign in self.workload.campaigns:
            if campaign.key in self.ids:
                self._put(self._open, campaign)

    def _put(self, deed: Callable[P, None], *args: P.args, **more: P.kwargs) -> None:
        self._under_way.append(self._hands.submit(deed, *args, **more))

    # -- deeds

    def _do(self, what: str, campaign: CampaignPlan, dice: Random) -> None:
        if what.startswith(aiming.AIM):
            self._marksman.aim(what.removeprefix(aiming.AIM), campaign, dice)
            return
        match what:
            case "pause":
                self.verb(campaign, "pause")
                self.over.wait(dice.uniform(*PAUSE_SECONDS))
                self.resume(campaign)
            case "hold":
                self.verb(campaign, "pause")
                self.over.wait(HOLD_SECONDS)
                self.resume(campaign)
            case "end":
                self.verb(campaign, "complete")
            case "try":
                self._try(campaign)
            case "cancel":
                self.verb(campaign, "cancel", {"hangUp": dice.random() < 0.5})
            case "ban":
                person = dice.choice(campaign.everybody)
                self.ban(campaign.team, person.second if person.second and dice.random() < 0.3 else person.phone)
            case "opt out":
                self.opt_out(campaign.team, dice.choice(campaign.everybody).phone)
            case "report":
                self._report(campaign, dice)
            case "call back":
                self._call_back(campaign, dice)
            case "take back":
                self._take_back(campaign, dice)
            case "mark":
                person = dice.choice(campaign.everybody)
                self.contact("mark", campaign, person.id, {"doNotCall": True}, None)
            case "limit":
                limit = dice.randint(1, 7)
                self.edit("limit", campaign, {"maxConcurrentCalls": limit}, limit)
            case "limit number":
                number_id, limit = dice.choice(campaign.callers), dice.randint(1, 5)
                self.number("limit", campaign.team, number_id, {"maxConcurrentCalls": limit}, limit)
            case "limit team":
                self._limit_team(campaign.team, dice.randint(3, 9))
            case "window":
                self._move_window(campaign, dice)
            case "disable":
                number_id = dice.choice(campaign.callers)
                number = campaign.team.numbers[number_id]
                self.number("disable", campaign.team, number_id, {"enabled": False}, number)
                self.over.wait(dice.uniform(0.5, 3.0))
                self.enable(campaign.team, number_id)
            case "add":
                self.add(campaign, dice.sample(campaign.later, 4))
            case "renumber":
                person = dice.choice(campaign.later)
                self.contact("renumber", campaign, person.id, {"phone": person.spare}, person.phone)
            case "zone":
                person, zone = dice.choice(campaign.people), dice.choice((*ZONES, None))
                self.contact("zone", campaign, person.id, {"timezone": zone}, zone or "")
            case "run":
                self.until_answered(lambda: self.verb(campaign, "run", {}))
            case "message":
                self._run_by_message(campaign)
            case "run twice":
                self._run_twice(campaign, dice)

    def _report(self, campaign: CampaignPlan, dice: Random) -> None:
        """On the newest call of the campaign that left, as its assistant does: its callee is never to be called again.
        In a campaign without outcomes that decides nothing else."""
        with contextlib.suppress(Unavailable, SQLAlchemyError):
            call = once(self._dialer.db, lambda conn: conn.execute(NEWEST, {"id": self.ids[campaign.key]}).first())
            if call is None:
                return
            word = f"word_{dice.randrange(1 << 30)}"
            entry = self.client.begin("report", call.id, word)
            body = {"outcome": word, "doNotCall": True}
            request = ("POST", f"/calls/{call.id}/outcome")
            status = self.client.do("ban", campaign.team.id, campaign.team.id, request, body, value=call.to_number)
            self.client.end(entry, status)

    def _call_back(self, campaign: CampaignPlan, dice: Random) -> None:
        """Somebody asks to be called in so many seconds of the machine, whatever became of him so far."""
        person = dice.choice(campaign.everybody)
        at = self.client.clock.now() + dice.uniform(*CALLED_BACK_SECONDS)
        body = {"at": self.business.business(at).isoformat()}
        subject = asked_by(campaign.key, person.id)
        self.client.do(
            "call back", campaign.team.id, subject, ("POST", self._callback(campaign, person)), body, value=at
        )

    def _take_back(self, campaign: CampaignPlan, dice: Random) -> None:
        person = dice.choice(campaign.everybody)
        request = ("DELETE", self._callback(campaign, person))
        self.client.do("take back", campaign.team.id, asked_by(campaign.key, person.id), request)

    def _callback(self, campaign: CampaignPlan, person: Person) -> str:
        return f"{self.path(campaign)}/contacts/{person.id}/callback"

    def _try(self, campaign: CampaignPlan) -> None:
        """A test call to a number that has none yet: whatever becomes of the request, one at most is placed."""
        with contextlib.suppress(IndexError):
            number = self._to_try[campaign.team.id].pop()
            request = ("POST", f"{self.path(campaign)}/test-call")
            self.client.do("try", campaign.team.id, campaign.key, request, {"to": number}, value=number)

    def add(self, campaign: CampaignPlan, people: Sequence[Person]) -> None:
        """Add contacts that exist to the campaign."""
        body = {"contactIds": [person.id for person in people]}
        self.client.do("add", campaign.team.id, campaign.key, ("POST", f"{self.path(campaign)}/contacts"), body)

    def _run_twice(self, campaign: CampaignPlan, dice: Random) -> None:
        """The same request at the same time from two clients, with one key or none; now and then with a budget."""
        key = {"Idempotency-Key": str(uuid.UUID(int=dice.getrandbits(128)))} if dice.random() < 0.5 else {}
        body = {"maxCalls": dice.randint(2, 6)} if dice.random() < 0.3 else {}
        twin = threading.Thread(target=self.verb, args=(campaign, "run", body, key), daemon=True)
        twin.start()
        self.verb(campaign, "run", body, key)
        twin.join(2 * HOLD_SECONDS)
        if body:
            self.over.wait(2.0)
            self.verb(campaign, "run", {})

    def _run_by_message(self, campaign: CampaignPlan) -> None:
        """Nobody answers a message: when it is followed, and whether, nobody knows."""
        entry = self.client.begin("run", campaign.key, "by message")
        with contextlib.suppress(KombuError):
            self._celery.send_task("worker.run_campaign", [self.ids[campaign.key]])
        self.client.end(entry, None)

    def _move_window(self, campaign: CampaignPlan, dice: Random) -> None:
        """Around now, or away from it, or none at all."""
        zone = dice.choice(ZONES)
        begins, lasts = dice.choice(((-2, 4), (-1, 3), (1, 5), (-5, 6))), dice.random() < 0.7
        window = None
        if lasts:
            wall = self.business.business(self.client.clock.now()).astimezone(pytz.timezone(zone))
            start, end = (wall + timedelta(minutes=minutes) for minutes in begins)
            window = (start.strftime("%H:%M"), end.strftime("%H:%M"), zone)
        self.edit_window(campaign, window)

    def edit_window(self, campaign: CampaignPlan, window: Window | None) -> None:
        self.edit("window", campaign, window_body(window), window)

    def _open(self, campaign: CampaignPlan) -> None:
        """Twice, for one that is completed can be edited only when it runs again."""
        self.until_answered(lambda: self.verb(campaign, "restore"))
        body = {**window_body(None), "maxConcurrentCalls": 20}
        for _ in range(2):
            self.verb(campaign, "pause")
            answers = []
            for name, value in (("limit", 20), ("window", None)):
                fields = {key: body[key] for key in body if (key == "maxConcurrentCalls") == (name == "limit")}
                answers.append(self.patch(name, campaign, fields, value))
            self.until_answered(lambda: self.verb(campaign, "run", {}))
            if answers == [200, 200]:
                return

    def until_answered(self, request: Callable[[], int | None]) -> None:
        """Again, as long as nobody says yes or no."""
        for _ in range(TRIES):
            status = request()
            if self.over.is_set() or (status is not None and status < 500):
                return
            self.over.wait(1.0)

    def edit(self, name: str, campaign: CampaignPlan, body: Mapping[str, Any], value: object) -> None:
        """A policy is edited while its campaign is paused."""
        self.verb(campaign, "pause")
        self.patch(name, campaign, body, value)
        self.resume(campaign)

    def patch(self, name: str, campaign: CampaignPlan, body: Mapping[str, Any], value: object) -> int | None:
        return self.client.do(name, campaign.team.id, campaign.key, ("PATCH", self.path(campaign)), body, value=value)

    def resume(self, campaign: CampaignPlan) -> None:
        self.until_answered(lambda: self.verb(campaign, "resume"))

    def verb(
        self,
        campaign: CampaignPlan,
        verb: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> int | None:
        path = f"{self.path(campaign)}/{verb}"
        return self.client.do(verb, campaign.team.id, campaign.key, ("POST", path), body, headers=headers)

    def contact(
        self, name: str, campaign: CampaignPlan, contact_id: str, body: Mapping[str, Any], value: object
    ) -> None:
        request = ("PATCH", f"/contacts/{contact_id}")
        self.client.do(name, campaign.team.id, contact_id, request, body, value=value)

    def ban(self, team: TeamPlan, number: str) -> None:
        self.client.do("ban", team.id, team.id, ("POST", "/do-not-call"), {"numbers": [number]}, value=number)

    def opt_out(self, team: TeamPlan, number: str) -> None:
        """Which puts the number on the list, too."""
        body = {"number": number, "hangUp": True}
        self.client.do("ban", team.id, team.id, ("POST", "/opt-outs"), body, value=number)

    def number(self, name: str, team: TeamPlan, number_id: str, body: Mapping[str, Any], value: object) -> int | None:
        return self.client.do(name, team.id, number_id, ("PATCH", f"/phone-numbers/{number_id}"), body, value=value)

    def enable(self, team: TeamPlan, number_id: str, **more: int) -> None:
        number = team.numbers[number_id]
        self.until_answered(lambda: self.number("enable", team, number_id, {"enabled": True}, number))
        if more:
            self.number("limit", team, number_id, more, more["maxConcurrentCalls"])

    def _limit_team(self, team: TeamPlan, limit: int) -> None:
        """The account's over HTTP, the team's own as the command does it, for it has no route."""
        self.account("limit", team, {"maxConcurrentCalls": limit + 1}, limit + 1)
        entry = self.client.begin("limit", team.id, limit)
        try:
            edit_team(self._dialer, team.id, {"maxConcurrentCalls": limit}, actor="operator")
            status: int | None = 200
        except Unavailable:
            status = None
        self.client.end(entry, status)

    def enable_account(self, team: TeamPlan) -> None:
        self.until_answered(lambda: self.account("enable account", team, {"enabled": True}, None))

    def account(self, name: str, team: TeamPlan, body: Mapping[str, Any], value: object) -> int | None:
        request = ("PATCH", f"/carrier-accounts/{team.account}")
        return self.client.do(name, team.id, team.account, request, body, value=value)

    def path(self, campaign: CampaignPlan) -> str:
        return f"/campaigns/{self.ids[campaign.key]}"


def window_body(window: Window | None) -> dict[str, str | None]:
    """A window in the names of the API."""
    names = ("callWindowStart", "callWindowEnd", "callWindowTimezone")
    return dict(zip(names, window or (None, None, None), strict=True))
