"""Why somebody is called or not, over HTTP: the decision, the evidence, who waits for what."""

from __future__ import annotations

from httpx2 import Client

from tests.world import World

CRM = "/api/crm"
NIGHT = {"callWindowStart": "20:00", "callWindowEnd": "21:00", "callWindowTimezone": "America/New_York"}


def test_a_decision_is_answered_for_now_and_for_an_instant(client: Client, web: World) -> None:
    contact = web.contact("+12125550101")
    campaign = web.campaign([contact], **NIGHT)
    path = f"{CRM}/campaigns/{campaign}/contacts/{contact}/decision"
    now = client.get(path).json()["decision"]
    assert (now["verdict"], now["because"][0]["rule"], now["because"][0]["source"]) == ("wait", "campaign.draft", None)
    then = client.get(path, params={"at": "2027-03-01T20:30"}).json()["decision"]
    assert (then["verdict"], then["at"], then["because"]) == ("dial", "2027-03-02T01:30:00Z", [])
    assert client.get(path, params={"at": "soon"}).status_code == 400
    assert client.get(f"{CRM}/campaigns/{campaign}/contacts/cont_none/decision").status_code == 404
    assert client.get(f"{CRM}/campaigns/camp_none/contacts/{contact}/decision").status_code == 404


def test_evidence_is_answered_for_a_number_and_refused_without_one(client: Client, web: World) -> None:
    contact = web.contact("+12125550101")
    web.run(web.campaign([contact]))
    answer = client.get(f"{CRM}/calls/evidence", params={"number": "+1 212 555 0101"}).json()
    (call,) = answer["calls"]
    assert (answer["count"], call["contact_id"], call["rules"], call["pack"]) == (1, contact, [], None)
    for wrong in ({}, {"number": " "}, {"number": "+12125550101", "from": "yesterday"}, {"number": "1", "x": "y"}):
        assert client.get(f"{CRM}/calls/evidence", params=wrong).status_code == 400, wrong


def test_a_dry_run_counts_who_waits_for_what_and_a_run_does_not(client: Client, web: World) -> None:
    campaign = web.campaign([web.contact("+12125550101"), web.contact("+12125550102")], **NIGHT)
    waiting = client.post(f"{CRM}/campaigns/{campaign}/run", json={"dryRun": True}).json()["waiting"]
    assert sorted(waiting) == [
        "consent",
        "doNotCall",
        "frequency",
        "hours",
        "later",
        "now",
        "placeUnknown",
        "prohibited",
    ]
    assert (waiting["hours"]["count"], waiting["now"]) == (2, {"count": 0, "next": None, "places": {}})
    assert client.post(f"{CRM}/campaigns/{campaign}/run").json()["waiting"] is None
