"""Operators who aim: what they stop is what a worker has in hand between its orders and the commit to place it.

That moment lasts milliseconds, and a stop drawn at random hardly ever falls into it. So a thread of a worker is held
there (:mod:`tests.chaos.halting`), says whom it is about to call, and exactly that call is forbidden, through the real
API; then the thread goes on. Whatever the last moment does not check is placed. Who would release what a stopped
campaign has reserved is slow meanwhile, as in earnest a worker may be that carries the stop out.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytz

from tests.chaos.halting import LONGEST_SECONDS
from tests.chaos.plan import ZONES, CampaignPlan

if TYPE_CHECKING:
    from tests.chaos.operators import Operators

AIM = "aim: "
FIRST_SECOND = 2.0
EVERY_SECONDS = 1.3
WAIT_SECONDS = 4.0
"""How long somebody takes aim when nobody is about to call anyone."""
UNDONE_AFTER = (0.5, 2.0)
RELEASED_AFTER_SECONDS = 0.4

ROUND: tuple[tuple[str, ...], ...] = (
    ("ban", "mark"),
    ("pause", "pause", "pause", "delete", "cancel"),
    ("run again",),
    ("window", "callers"),
    ("renumber", "zone"),
    ("disable", "disable", "disable account"),
)
"""What is aimed before anything of the same kind is aimed again: one of each."""
AIMS = frozenset(aim for kind in ROUND for aim in kind)


def draw_aims(seed: int, more: Mapping[str, int] | None = None) -> Iterator[str]:
    """Orders to aim, round after round; with ``more`` of some in each round."""
    dice = Random(f"aims {seed}")
    while True:
        cards = [dice.choice(kind) for kind in ROUND]
        cards += [aim for aim, count in (more or {}).items() for _ in range(count)]
        yield from (AIM + aim for aim in dice.sample(cards, len(cards)))


Call = Mapping[str, str]
"""A call in somebody's hands: the columns of :data:`tests.chaos.halting.IN_HAND`."""


class Marksman:
    """Takes aim for :class:`tests.chaos.operators.Operators`, whose deeds these are."""

    def __init__(self, operators: Operators, directory: Path) -> None:
        self._operators, self._directory = operators, directory
        self._serial = itertools.count()
        numbers = {
            (person.id, person.phone) for campaign in operators.workload.campaigns for person in campaign.everybody
        }
        self._sharing = Counter(phone for _, phone in numbers)
        self._spares = {
            person.id: person.spare for campaign in operators.workload.campaigns for person in campaign.everybody
        }

    def aim(self, what: str, at: CampaignPlan, dice: Random) -> None:
        """Forbid, in this way, a call of this campaign's team that is about to be committed."""
        with self._held(at.team.id) as (calls, let_go):
            keys = {campaign_id: key for key, campaign_id in self._operators.ids.items()}
            plans = {campaign.key: campaign for campaign in self._operators.workload.campaigns}
            known = [call for call in calls if call["campaign_id"] in keys]
            if not known:
                self._operators.client.journal.note("missed", self._operators.client.clock.now(), aim=what)
                return
            call = dice.choice(known)
            self._operators.client.journal.note("aimed", self._operators.client.clock.now(), aim=what, call=call["id"])
            self._forbid(what, call, plans[keys[call["campaign_id"]]], dice, let_go)

    def _forbid(self, what: str, call: Call, campaign: CampaignPlan, dice: Random, let_go: threading.Event) -> None:
        """Do it; ``let_go`` lets the call go on, and after that comes what undoes it."""
        they, number_id = self._operators, call["number_id"]
        match what:
            case "ban":
                they.ban(campaign.team, call["to_number"])
            case "mark":
                they.contact("mark", campaign, call["contact_id"], {"doNotCall": True}, None)
            case "renumber":
                self._renumber(call, campaign)
            case "zone":
                zone = dice.choice([zone for zone in ZONES if zone != call["zone"]])
                they.contact("zone", campaign, call["contact_id"], {"timezone": zone}, zone)
            case "run again":
                they.verb(campaign, "run", {})
            case "cancel":
                they.verb(campaign, "cancel", {"hangUp": dice.random() < 0.5})
            case "pause":
                they.verb(campaign, "pause")
                self._later(dice, let_go)
                they.resume(campaign)
            case "delete":
                self._delete(campaign, dice, let_go)
            case "window":
                self._shut_window(campaign, dice, let_go)
            case "callers":
                others = [number for number in campaign.callers if number != number_id]
                they.edit("callers", campaign, {"fromNumberIds": others}, others)
            case "disable":
                they.number("disable", campaign.team, number_id, {"enabled": False}, campaign.team.numbers[number_id])
                self._later(dice, let_go)
                they.enable(campaign.team, number_id)
            case "disable account":
                they.account("disable account", campaign.team, {"enabled": False}, None)
                self._later(dice, let_go)
                they.enable_account(campaign.team)

    def _renumber(self, call: Call, campaign: CampaignPlan) -> None:
        """To the number that is theirs to move to; whose number is another's too, or who has moved, is marked."""
        spare = self._spares[call["contact_id"]]
        if self._sharing[call["to_number"]] == 1:
            body = {"phone": spare}
            self._operators.contact("renumber", campaign, call["contact_id"], body, call["to_number"])
        else:
            self._operators.contact("mark", campaign, call["contact_id"], {"doNotCall": True}, None)

    def _delete(self, campaign: CampaignPlan, dice: Random, let_go: threading.Event) -> None:
        they = self._operators
        they.verb(campaign, "pause")
        they.client.do("delete", campaign.team.id, campaign.key, ("DELETE", they.path(campaign)))
        self._later(dice, let_go)
        they.until_answered(lambda: they.verb(campaign, "restore"))
        they.resume(campaign)

    def _shut_window(self, campaign: CampaignPlan, dice: Random, let_go: threading.Event) -> None:
        """A window that opens in an hour; the campaign runs again before the call goes on."""
        they, zone = self._operators, dice.choice(ZONES)
        wall = they.business.business(they.client.clock.now()).astimezone(pytz.timezone(zone))
        start, end = (wall + timedelta(minutes=minutes) for minutes in (60, 120))
        window = (start.strftime("%H:%M"), end.strftime("%H:%M"), zone)
        they.edit_window(campaign, window)
        self._later(dice, let_go)
        they.edit_window(campaign, None)

    def _later(self, dice: Random, let_go: threading.Event) -> None:
        let_go.set()
        self._operators.over.wait(dice.uniform(*UNDONE_AFTER))

    @contextlib.contextmanager
    def _held(self, team_id: str) -> Iterator[tuple[list[dict[str, Any]], threading.Event]]:
        """The calls of this team that a thread has in hand and holds, until this is left or the event set; none where
        nobody came to it."""
        request = self._directory / f"{next(self._serial)}.request"
        held, over, let_go = request.with_suffix(".held"), self._operators.over, threading.Event()
        draft = request.with_suffix(".new")
        draft.write_text(team_id)
        draft.rename(request)
        for _ in range(int(WAIT_SECONDS / 0.02)):
            if held.exists() or over.wait(0.02):
                break
        request.unlink(missing_ok=True)
        request.with_suffix(".slow").touch()
        letting = threading.Thread(target=self._let_go, args=(request, let_go), daemon=True)
        letting.start()
        try:
            yield (json.loads(held.read_text()) if held.exists() else []), let_go
        finally:
            let_go.set()
            letting.join()

    def _let_go(self, request: Path, when: threading.Event) -> None:
        """First the call, and a moment later those who would release it."""
        when.wait(LONGEST_SECONDS)
        request.with_suffix(".go").touch()
        self._operators.over.wait(RELEASED_AFTER_SECONDS)
        request.with_suffix(".slow").unlink()
        request.with_suffix(".held").unlink(missing_ok=True)
