"""What the tests send to the API, and what they read off its answers."""

from __future__ import annotations

from typing import Any

from httpx2 import Client, Response

from tests.world import World

CAMPAIGNS = "/api/crm/campaigns"


def new_campaign(world: World, **fields: Any) -> dict[str, Any]:
    """The body of a request for a campaign of the world's own team; a field set to ``...`` is left out."""
    body = {
        "teamId": world.team,
        "assistantId": f"asst_{world.team}",
        "companyId": f"comp_{world.team}",
        "fromNumberIds": world.numbers,
        "name": "A campaign",
    }
    return {name: value for name, value in (body | fields).items() if value is not ...}


def created(client: Client, world: World, **fields: Any) -> str:
    """The id of a campaign created over the API."""
    answer = client.post(CAMPAIGNS, json=new_campaign(world, **fields))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["campaign"]["id"])


def campaign_of(client: Client, campaign: str) -> dict[str, Any]:
    """The campaign as the API shows it."""
    answer = client.get(f"{CAMPAIGNS}/{campaign}")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()["campaign"]
    return shown


def paths(answer: Response) -> list[str]:
    """The paths of the faults of a 400."""
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert body["code"] == "invalid_request"
    assert all(fault["message"] for fault in body["errors"])
    return [fault["path"] for fault in body["errors"]]


def refused(answer: Response, status: int, code: str) -> str:
    """The message of a refusal, after a look at its envelope."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"success", "message", "code", "errors", "requestId"}
    assert body["success"] is False
    assert body["code"] == code
    assert body["requestId"]
    return str(body["message"])
