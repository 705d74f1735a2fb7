"""Campaigns: listed, edited, deleted, restored."""

from __future__ import annotations

from typing import Any

import pytest
from httpx2 import Client

from tests.api.client import CAMPAIGNS, campaign_of, created, new_campaign, paths, refused
from tests.world import World
from worker.api.models_campaigns import WrittenCampaign


def listed(client: Client, **query: Any) -> tuple[list[str], int]:
    """The ids and the count of a list."""
    answer = client.get(CAMPAIGNS, params={"teamId": "team_a", **query})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return [campaign["id"] for campaign in body["campaigns"]], body["count"]


def test_the_list_is_filtered_by_status_assistant_and_deletion(web: World, client: Client, sent: list[Any]) -> None:
    web.sql("INSERT INTO assistants (id, team_id, name) VALUES ('asst_2', 'team_a', 'Another')")
    draft, running = web.campaign(), web.campaign_that_is("running")
    deleted, of_another = web.campaign(), web.campaign(assistantId="asst_2")
    assert client.delete(f"{CAMPAIGNS}/{deleted}").json() == {"success": True}
    assert listed(client) == ([of_another, running, draft], 3)
    assert listed(client, status="running") == ([running], 1)
    assert listed(client, status="cancelled") == ([], 0)
    assert listed(client, assistantId="asst_2") == ([of_another], 1)
    assert listed(client, assistantId="asst_2", status="running") == ([], 0)
    assert listed(client, deleted="only") == ([deleted], 1)
    assert listed(client, deleted="include") == ([of_another, deleted, running, draft], 4)
    assert listed(client, deleted="exclude", status="draft") == ([of_another, draft], 2)


def test_the_list_is_paged_newest_first_and_its_count_is_of_all(web: World, client: Client) -> None:
    made = [web.campaign() for _ in range(5)][::-1]
    web.sql("UPDATE campaigns SET created_at = '2027-01-01'")  # the order is stable where the instants are equal
    by_id = sorted(made, reverse=True)
    assert listed(client) == (by_id, 5)
    assert listed(client, limit=2) == (by_id[:2], 5)
    assert listed(client, limit=2, offset=2) == (by_id[2:4], 5)
    assert listed(client, limit=2, offset=4) == (by_id[4:], 5)
    assert listed(client, offset=5) == ([], 5)
    body = client.get(CAMPAIGNS, params={"teamId": "team_a"}).json()
    assert (body["limit"], body["offset"]) == (50, 0)


def test_a_team_sees_only_its_own(web: World, client: Client, other: Client) -> None:
    web.campaign()
    answer = other.get(CAMPAIGNS, params={"teamId": "team_b"})
    assert answer.json() == {"success": True, "campaigns": [], "count": 0, "limit": 50, "offset": 0}


def test_a_campaign_needs_what_the_team_has(web: World, client: Client) -> None:
    for field, unknown in (("assistantId", "asst_x"), ("companyId", "comp_x"), ("fromNumberIds", ["pn_x"])):
        message = refused(client.post(CAMPAIGNS, json=new_campaign(web, **{field: unknown})), 404, "not_found")
        assert (unknown if isinstance(unknown, str) else unknown[0]) in message


def test_a_campaign_without_a_window_gets_the_deployments(web: World, client: Client) -> None:
    web.deploy(default_window="09:00-17:00 America/New_York")
    shown = campaign_of(client, created(client, web))
    assert [shown[f"call_window_{part}"] for part in ("start", "end", "timezone")] == [
        "09:00",
        "17:00",
        "America/New_York",
    ]


def test_an_edit_changes_what_was_sent_and_nothing_else(web: World, client: Client) -> None:
    campaign = created(client, web, description="Before", maxConcurrentCalls=7)
    before, version = campaign_of(client, campaign), web.campaign_row(campaign).policy_version
    answer = client.patch(f"{CAMPAIGNS}/{campaign}", json={"name": "After", "teamId": web.team})
    after = answer.json()["campaign"]
    assert after == before | {"name": "After", "updated_at": after["updated_at"]}
    assert web.campaign_row(campaign).policy_version == version
    sent = {
        "description": None,
        "assistantId": f"asst_{web.team}",
        "fromNumberIds": [web.numbers[1]],
        "callWindowStart": "22:00",
        "callWindowEnd": "24:00",
        "callWindowTimezone": "Europe/Berlin",
        "maxConcurrentCalls": 9,
        "maxAttemptsPerContact": 20,
        "retryDelayMinutes": 0,
        "settings": {"retryDelays": {"busy": 5}},
    }
    after = client.patch(f"{CAMPAIGNS}/{campaign}", json=sent).json()["campaign"]
    assert after == before | {
        "name": "After",
        "description": None,
        "from_number": "+12025550002",
        "from_numbers": ["+12025550002"],
        "from_number_ids": [web.numbers[1]],
        "call_window_start": "22:00",
        "call_window_end": "24:00",
        "call_window_timezone": "Europe/Berlin",
        "max_concurrent_calls": 9,
        "max_attempts_per_contact": 20,
        "retry_delay_minutes": 0,
        "settings": {"retryDelays": {"busy": 5}},
        "updated_at": after["updated_at"],
    }
    assert web.campaign_row(campaign).policy_version == version + 1


def test_one_bound_of_a_window_is_edited_with_the_others_kept(web: World, client: Client) -> None:
    window = {"callWindowStart": "09:00", "callWindowEnd": "17:00", "callWindowTimezone": "America/New_York"}
    campaign = created(client, web, **window)
    url = f"{CAMPAIGNS}/{campaign}"
    assert client.patch(url, json={"callWindowEnd": "18:00"}).json()["campaign"]["call_window_end"] == "18:00"
    assert paths(client.patch(url, json={"callWindowEnd": "09:00"}))
    assert paths(client.patch(url, json={"callWindowStart": None})) == ["callWindowStart"]
    none = client.patch(url, json=dict.fromkeys(window)).json()["campaign"]
    assert {none["call_window_start"], none["call_window_end"], none["call_window_timezone"]} == {None}
    assert set(paths(client.patch(url, json={"callWindowStart": "09:00"}))) == {"callWindowEnd", "callWindowTimezone"}


def test_every_fault_of_an_edit_is_listed(web: World, client: Client) -> None:
    campaign = created(client, web)
    sent = {"name": None, "maxConcurrentCalls": 0, "scheduledStartAt": "2028-01-01T00:00:00Z", "fromNumberIds": []}
    answer = client.patch(f"{CAMPAIGNS}/{campaign}", json=sent)
    assert set(paths(answer)) == {"name", "maxConcurrentCalls", "scheduledStartAt", "fromNumberIds"}


def test_null_takes_a_field_back_to_its_default(web: World, client: Client) -> None:
    campaign = created(client, web, maxConcurrentCalls=9, maxAttemptsPerContact=9, retryDelayMinutes=9)
    sent = {"maxConcurrentCalls": None, "maxAttemptsPerContact": None, "retryDelayMinutes": None, "settings": None}
    shown = client.patch(f"{CAMPAIGNS}/{campaign}", json=sent).json()["campaign"]
    assert [shown["max_concurrent_calls"], shown["max_attempts_per_contact"], shown["retry_delay_minutes"]] == [
        3,
        3,
        60,
    ]
    assert shown["settings"] == {}


def test_an_edit_may_point_only_at_what_the_team_has(web: World, client: Client, other: Client) -> None:
    campaign = created(client, web)
    theirs = web.sql("SELECT id FROM phone_numbers WHERE team_id = 'team_b'")[0].id
    for field, value in (
        ("assistantId", "asst_team_b"),
        ("companyId", "comp_team_b"),
        ("fromNumberIds", [web.numbers[0], theirs]),
    ):
        refused(client.patch(f"{CAMPAIGNS}/{campaign}", json={field: value}), 404, "not_found")
    assert campaign_of(client, campaign)["from_number_ids"] == web.numbers


def test_the_policy_is_edited_only_where_nobody_dials_by_it(web: World, client: Client) -> None:
    for status, is_possible in (
        ("draft", True),
        ("scheduled", True),
        ("paused", True),
        ("running", False),
        ("completed", False),
        ("cancelled", False),
    ):
        campaign = web.campaign_that_is(status)
        answer = client.patch(f"{CAMPAIGNS}/{campaign}", json={"maxAttemptsPerContact": 8, "name": "Renamed"})
        if is_possible:
            assert answer.json()["campaign"]["max_attempts_per_contact"] == 8
        else:
            message = refused(answer, 409, "conflict")
            assert f"is {status}" in message
            assert "maxAttemptsPerContact can be edited while it is draft, scheduled or paused." in message
            assert "name" not in message
            assert ("Pause it, edit it, resume it." in message) is (status == "running")
            assert campaign_of(client, campaign)["name"] == "A campaign"
        named = client.patch(f"{CAMPAIGNS}/{campaign}", json={"name": "Named", "description": "At any time"})
        assert named.json()["campaign"]["name"] == "Named"


def test_numbers_that_stay_keep_their_turn_in_the_rotation(web: World, client: Client) -> None:
    campaign = web.campaign_that_is("paused")
    used = dict(web.sql("SELECT number_id, used_at FROM campaign_numbers WHERE campaign_id = :c", c=campaign))
    fresh = web.number("+12025550003")
    client.patch(f"{CAMPAIGNS}/{campaign}", json={"fromNumberIds": [fresh, web.numbers[1]]})
    rows = web.sql("SELECT number_id, position, used_at FROM campaign_numbers WHERE campaign_id = :c", c=campaign)
    assert {(row.number_id, row.position) for row in rows} == {(fresh, 0), (web.numbers[1], 1)}
    assert {row.number_id: row.used_at for row in rows}[web.numbers[1]] == used[web.numbers[1]]
    assert {row.number_id: row.used_at for row in rows}[fresh].year == 1970


def test_the_limit_is_edited_while_running_and_holds_from_the_next_claim_on(
    web: World, client: Client, sent: list[Any]
) -> None:
    campaign = web.campaign(web.contacts(8), maxConcurrentCalls=3)
    web.run(campaign)
    web.advance(2)
    version = web.campaign_row(campaign).policy_version
    lowered = client.patch(f"{CAMPAIGNS}/{campaign}", json={"maxConcurrentCalls": 1})
    assert lowered.json()["campaign"]["max_concurrent_calls"] == 1
    assert len(web.stage.live()) == 3, "nobody is cut off"
    web.carry_out(sent)
    assert web.by_status(campaign)["calling"] == 3
    client.patch(f"{CAMPAIGNS}/{campaign}", json={"maxConcurrentCalls": 5})
    web.carry_out(sent)
    assert web.by_status(campaign)["calling"] == 5, "what has become free is filled at once"
    assert web.campaign_row(campaign).policy_version == version, "what is planned stays planned"
    for status, code in (("completed", 409), ("cancelled", 409), ("draft", 200), ("scheduled", 200), ("paused", 200)):
        other = web.campaign_that_is(status)
        assert client.patch(f"{CAMPAIGNS}/{other}", json={"maxConcurrentCalls": 2}).status_code == code
    web.cancel(campaign, hang_up=True)
    web.advance(60)


def test_a_setting_that_is_nearly_one_of_ours_is_shown(web: World, client: Client) -> None:
    sent = {"retryDelayz": {"busy": 1}, "useContactTimezone": True, "crm": "ours"}
    made = client.post(CAMPAIGNS, json=new_campaign(web, settings=sent)).json()
    warnings = ["settings.retryDelayz is kept but does nothing; did you mean settings.retryDelays?"]
    assert (made["warnings"], made["campaign"]["settings"]) == (warnings, sent)
    url = f"{CAMPAIGNS}/{made['campaign']['id']}"
    assert client.patch(url, json={"settings": sent}).json()["warnings"] == warnings
    assert "warnings" not in client.patch(url, json={"name": "Still so"}).json(), "nothing of it was sent"
    assert "warnings" not in client.patch(url, json={"settings": {"crm": "ours"}}).json()


def test_a_lowered_limit_cuts_no_live_call(web: World, client: Client) -> None:
    campaign = web.campaign(web.contacts(3), maxConcurrentCalls=3)
    web.run(campaign)
    web.advance(2)
    web.pause(campaign)
    client.patch(f"{CAMPAIGNS}/{campaign}", json={"maxConcurrentCalls": 1})
    assert len(web.stage.live()) == 3
    web.advance(60)
    assert web.by_status(campaign) == {"completed": 3}


def test_a_deleted_campaign_is_out_of_reach_until_it_is_restored(web: World, client: Client, sent: list[Any]) -> None:
    campaign = web.campaign_that_is("paused")
    url = f"{CAMPAIGNS}/{campaign}"
    assert client.delete(url).json() == {"success": True}
    assert client.delete(url).json() == {"success": True}
    assert campaign_of(client, campaign)["deleted_at"] is not None
    contact_ids = {"contactIds": web.contacts(1)}
    for answer in (
        client.post(f"{url}/run"),
        client.post(f"{url}/resume"),
        client.post(f"{url}/cancel"),
        client.post(f"{url}/contacts", json=contact_ids),
        client.request("DELETE", f"{url}/contacts", json=contact_ids),
        client.patch(url, json={"name": "Renamed"}),
    ):
        assert "deleted" in refused(answer, 409, "conflict")
    restored = client.post(f"{url}/restore").json()["campaign"]
    assert (restored["status"], restored["deleted_at"]) == ("paused", None)
    assert client.post(f"{url}/restore").json()["campaign"] == restored
    assert client.post(f"{url}/resume").json()["campaign"]["status"] == "running"


def test_a_running_campaign_is_not_deleted(web: World, client: Client) -> None:
    campaign = web.campaign_that_is("running")
    message = refused(client.delete(f"{CAMPAIGNS}/{campaign}"), 409, "conflict")
    assert "running" in message
    assert "deleted" in message
    assert campaign_of(client, campaign)["deleted_at"] is None


@pytest.mark.parametrize(("passes", "status"), [(False, "scheduled"), (True, "draft")])
def test_a_schedule_that_passed_while_deleted_comes_back_as_a_draft(
    web: World, client: Client, passes: bool, status: str
) -> None:
    campaign = web.campaign_that_is("scheduled")
    client.delete(f"{CAMPAIGNS}/{campaign}")
    if passes:
        web.advance(2 * 3600)
        assert web.status(campaign) == "scheduled", "a deleted campaign started"
    restored = client.post(f"{CAMPAIGNS}/{campaign}/restore").json()["campaign"]
    assert restored["status"] == status
    assert (restored["scheduled_start_at"] is None) is passes


def test_who_did_what_is_noted(web: World, client: Client, sent: list[Any]) -> None:
    campaign = created(client, web)
    url = f"{CAMPAIGNS}/{campaign}"
    client.patch(url, json={"name": "Renamed"})
    client.post(f"{url}/contacts", json={"contactIds": web.contacts(1)})
    client.post(f"{url}/run")
    client.post(f"{url}/pause")
    client.delete(url)
    client.post(f"{url}/restore")
    client.post(f"{url}/cancel")
    noted = web.sql("SELECT action, actor FROM audit_log WHERE subject_id = :c ORDER BY id", c=campaign)
    assert [row.action for row in noted] == [
        "create",
        "edit",
        "add_contacts",
        "run",
        "pause",
        "delete",
        "restore",
        "cancel",
    ]
    (key,) = web.sql("SELECT id FROM api_keys")
    assert {row.actor for row in noted} == {key.id}
    web.carry_out(sent)


def test_a_campaign_in_a_zone_without_summer_time_is_made_and_warned_of(web: World, client: Client) -> None:
    hours = {"callWindowStart": "09:00", "callWindowEnd": "17:00"}
    made = client.post(CAMPAIGNS, json=new_campaign(web, **hours, callWindowTimezone="EST"))
    WrittenCampaign.model_validate_json(made.content, extra="forbid")
    answer = made.json()
    assert answer["campaign"]["call_window_timezone"] == "EST"
    assert "America/New_York" in answer["warnings"][0]
    url = f"{CAMPAIGNS}/{answer['campaign']['id']}"
    assert "warnings" not in client.patch(url, json={"callWindowTimezone": "America/Phoenix"}).json()
    assert len(client.patch(url, json={"callWindowTimezone": "Etc/GMT+5"}).json()["warnings"]) == 1
    assert "warnings" not in client.patch(url, json={"name": "Still on that clock"}).json()
