"""What operators do where nobody answers over HTTP: the same by the command line, which needs no web process.

A command is carried out here, in this process, by the same steps of the flow as ``dialer`` carries it out; what follows
from it is sent to the workers as it would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from celery import Celery
from kombu.exceptions import KombuError

from worker.domain.errors import Refused, Unavailable
from worker.domain.resources import ACCOUNT, NUMBER
from worker.flow import admit, close, outcomes, stop
from worker.flow.base import Dialer, Step
from worker.flow.base import Stop as StopCalls
from worker.operations import callbacks, campaigns, contacts, removal, resources
from worker.operations.campaign_edit import edit_campaign
from worker.operations.opt_out import opt_out
from worker.operations.test_call import place_test_call

Body = Mapping[str, Any]
OPERATOR = "operator"
DONE, REFUSED = 200, 409

VERBS: Mapping[str, Callable[[Dialer, str, str, Body], Sequence[Step]]] = {
    "pause": lambda dialer, team, id, body: stop.pause_campaign(dialer, id, actor=OPERATOR, team_id=team),
    "cancel": lambda dialer, team, id, body: stop.cancel_campaign(
        dialer, id, hang_up=body.get("hangUp", False), actor=OPERATOR, team_id=team
    ),
    "complete": lambda dialer, team, id, body: close.complete_campaign(dialer, id, actor=OPERATOR, team_id=team),
    "test-call": lambda dialer, team, id, body: place_test_call(
        dialer, team, id, body["to"], opened_by="cli", actor=OPERATOR
    )[1],
    "resume": lambda dialer, team, id, body: admit.resume(dialer, id, actor=OPERATOR, team_id=team),
    "run": lambda dialer, team, id, body: admit.run_campaign(
        dialer, id, opened_by="cli", max_calls=body.get("maxCalls"), team_id=team
    )[1],
    "restore": lambda dialer, team, id, body: removal.restore_campaign(dialer, team, id, actor=OPERATOR) or (),
    "contacts": lambda dialer, team, id, body: campaigns.add_contacts(
        dialer, id, body["contactIds"], actor=OPERATOR, team_id=team
    )[1],
}


@dataclass(frozen=True, slots=True)
class Commands:
    """``do`` says in a status, as HTTP would, what became of it; ``None`` where nobody knows."""

    dialer: Dialer
    celery: Celery

    def do(self, team_id: str, method: str, path: str, body: Body | None) -> int | None:
        try:
            steps = self._carry_out(team_id, method, path.strip("/").split("/"), body or {})
            for step in steps:
                if isinstance(step, StopCalls):  # whatever else follows, the tick finds
                    self.celery.send_task("worker.stop")
        except Refused:
            return REFUSED
        except (Unavailable, KombuError):
            return None
        return DONE

    def _carry_out(self, team_id: str, method: str, path: Sequence[str], body: Body) -> Sequence[Step]:
        match (method, *path):
            case ("POST", "do-not-call"):
                contacts.ban_numbers(self.dialer, team_id, body, actor=OPERATOR)
                return ()
            case ("POST", "opt-outs"):
                return opt_out(self.dialer, team_id, body, actor=OPERATOR)[1]
            case ("PATCH", "contacts", contact_id):
                return contacts.edit_contact(self.dialer, team_id, contact_id, body, actor=OPERATOR)[1]
            case ("PATCH", "phone-numbers", number_id):
                return resources.edit_resource(self.dialer, NUMBER, team_id, number_id, body, actor=OPERATOR)[1]
            case ("PATCH", "carrier-accounts", account_id):
                return resources.edit_resource(self.dialer, ACCOUNT, team_id, account_id, body, actor=OPERATOR)[1]
            case ("PATCH", "campaigns", campaign_id):
                return edit_campaign(self.dialer, team_id, campaign_id, body, actor=OPERATOR)
            case ("POST", "calls", call_id, "outcome"):
                return outcomes.report_outcome(self.dialer, team_id, call_id, body, actor=OPERATOR)[1]
            case ("POST", "campaigns", campaign_id, "contacts", contact_id, "callback"):
                callbacks.call_back(self.dialer, team_id, campaign_id, contact_id, body["at"], actor=OPERATOR)
                return ()
            case ("DELETE", "campaigns", campaign_id, "contacts", contact_id, "callback"):
                callbacks.cancel_callback(self.dialer, team_id, campaign_id, contact_id, actor=OPERATOR)
                return ()
            case ("DELETE", "campaigns", campaign_id):
                removal.delete_campaign(self.dialer, team_id, campaign_id, actor=OPERATOR)
                return ()
            case ("POST", "campaigns", campaign_id, verb):
                return VERBS[verb](self.dialer, team_id, campaign_id, body)
        raise ValueError(f"No command does {method} {'/'.join(path)}.")
