"""A key's own team, and the keys of it."""

from __future__ import annotations

from httpx2 import Client

from tests.api.client import paths, refused
from tests.api.conftest import new_client
from tests.world import World
from worker.domain.roles import Role

TEAMS, KEYS = "/api/crm/teams", "/api/crm/keys"


def test_a_key_sees_its_own_team_and_edits_it(web: World, client: Client, other: Client) -> None:
    (seen,) = client.get(TEAMS).json()["teams"]
    assert seen["id"] == web.team
    edited = client.patch(f"{TEAMS}/{web.team}", json={"maxConcurrentCalls": 7, "country": "de"}).json()["team"]
    assert (edited["max_concurrent_calls"], edited["country"]) == (7, "DE")
    assert client.get(f"{TEAMS}/{web.team}").json()["team"] == edited
    assert paths(client.patch(f"{TEAMS}/{web.team}", json={"maxConcurrentCalls": 0, "slug": "x"})) == [
        "slug",
        "maxConcurrentCalls",
    ]
    refused(other.patch(f"{TEAMS}/{web.team}", json={"name": "Mine"}), 404, "not_found")


def test_a_key_that_is_made_opens_what_its_role_may_and_is_shown_once(web: World, url: str, client: Client) -> None:
    sent = {"name": "a screen", "role": "viewer"}
    made = client.post(KEYS, json=sent, headers={"Idempotency-Key": "once"}).json()
    assert (made["key"]["name"], made["key"]["role"]) == ("a screen", "viewer")
    again = client.post(KEYS, json=sent, headers={"Idempotency-Key": "once"})
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == made | {"token": None}
    secret = made["token"].rpartition("_")[2]
    assert secret not in str(web.sql("SELECT * FROM idempotency_keys"))
    with Client(base_url=url, headers={"Authorization": f"Bearer {made['token']}"}) as viewer:
        assert viewer.get(TEAMS).status_code == 200
        refused(viewer.get(KEYS), 403, "role_required")
    listed = client.get(KEYS).json()
    assert listed["count"] == 2
    assert listed["keys"][0] == made["key"] | {"last_used_at": listed["keys"][0]["last_used_at"]}
    assert secret not in str(listed)


def test_a_key_that_is_revoked_opens_nothing(web: World, url: str, client: Client) -> None:
    made = client.post(KEYS, json={"name": "short-lived"}).json()
    assert made["key"]["role"] == "admin"
    with Client(base_url=url, headers={"Authorization": f"Bearer {made['token']}"}) as bearer:
        assert bearer.get(KEYS).status_code == 200
        revoked = client.post(f"{KEYS}/{made['key']['id']}/revoke").json()["key"]["revoked_at"]
        assert revoked is not None
        refused(bearer.get(KEYS), 401, "unauthorized")
    assert client.post(f"{KEYS}/{made['key']['id']}/revoke").json()["key"]["revoked_at"] == revoked


def test_what_is_wrong_with_a_key_is_said(client: Client) -> None:
    assert set(paths(client.post(KEYS, json={"role": "owner"}))) == {"name", "role"}
    assert paths(client.post(KEYS, json={"name": "x", "rolle": "viewer"})) == ["rolle"]


def test_an_operators_key_makes_no_keys(web: World, url: str) -> None:
    with new_client(web, url, web.team, role=Role.OPERATOR) as operator:
        message = refused(operator.post(KEYS, json={"name": "x"}), 403, "role_required")
    assert message == "This is an operator key: it does not decide on this. Use an admin key."


def test_a_team_has_a_policy_and_its_fields_are_kept_by_themselves(web: World, client: Client) -> None:
    path = f"{TEAMS}/{web.team}"
    at_first = client.get(path).json()["team"]
    names = ("purpose", "zone_from_number", "require_purpose", "unknown_place")
    assert [at_first[name] for name in names] == [None, False, False, "hold"]
    client.patch(path, json={"purpose": "debt", "zoneFromNumber": True})
    edited = client.patch(path, json={"unknownPlace": "strictest", "zoneFromNumber": None}).json()["team"]
    assert [edited[name] for name in names] == ["debt", False, False, "strictest"]
    cleared = client.patch(path, json={"purpose": None, "unknownPlace": None}).json()["team"]
    assert [cleared[name] for name in names] == [None, False, False, "hold"]
    wrong = {"purpose": "sales", "zoneFromNumber": "yes", "requirePurpose": 1, "unknownPlace": "guess"}
    assert sorted(paths(client.patch(path, json=wrong))) == sorted(wrong)


def test_rules_are_turned_off_by_an_admin_alone(web: World, url: str, client: Client) -> None:
    campaigns = "/api/crm/campaigns"
    body = {"teamId": web.team, "assistantId": f"asst_{web.team}", "companyId": f"comp_{web.team}", "name": "x",
            "fromNumberIds": web.numbers[:1]}  # fmt: skip
    with new_client(web, url, web.team, role=Role.OPERATOR) as operator:
        refused(operator.post(campaigns, json=body | {"law": "off"}), 403, "role_required")
        made = operator.post(campaigns, json=body | {"purpose": "debt"}).json()["campaign"]["id"]
        refused(operator.patch(f"{campaigns}/{made}", json={"law": "off"}), 403, "role_required")
        assert client.patch(f"{campaigns}/{made}", json={"law": "off"}).json()["campaign"]["law"] == "off"
        assert operator.patch(f"{campaigns}/{made}", json={"law": None}).json()["campaign"]["law"] is None
    assert paths(client.patch(f"{campaigns}/{made}", json={"law": "on", "purpose": ""})) == ["purpose", "law"]


def test_a_run_without_a_purpose_says_that_one_is_required(web: World, client: Client) -> None:
    client.patch(f"{TEAMS}/{web.team}", json={"requirePurpose": True})
    campaign = web.campaign([web.contact()])
    message = refused(client.post(f"/api/crm/campaigns/{campaign}/run", json={}), 409, "purpose_required")
    assert "has no purpose, and its team requires one" in message
