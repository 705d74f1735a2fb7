"""Contacts over HTTP: made, found, edited, imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from httpx2 import Client, Response

from tests.api.conftest import OTHER_TEAM
from tests.domain.test_whereabouts import WRONG
from tests.world import World
from worker.domain.places import place_of
from worker.flow.base import Fill, Step

PATH = "/api/crm/contacts"
CSV = {"Content-Type": "text/csv"}


def faults(answer: Response) -> dict[str, str]:
    assert answer.status_code == 400, answer.text
    return {fault["path"]: fault["message"] for fault in answer.json()["errors"]}


def create(client: Client, **body: Any) -> dict[str, Any]:
    answer = client.post(PATH, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["contact"]


def test_a_contact_goes_in_as_camel_case_and_comes_out_as_snake_case(client: Client, web: World) -> None:
    body = {
        "teamId": web.team,
        "companyId": f"comp_{web.team}",
        "firstName": "Ada",
        "lastName": "Lovelace",
        "phone": "+1 (202) 555-0123",
        "phoneSecondary": "+12025550124",
        "externalId": "crm-1815",
        "timezone": "Europe/London",
        "doNotCall": False,
        "email": "ada@example.com",
        "customFields": {"plan": "gold", "visits": [1, None]},
        "tags": ["vip"],
    }
    contact = create(client, **body)
    assert contact.pop("id").startswith("cont_")
    assert contact.pop("created_at")[-1] == contact.pop("updated_at")[-1] == "Z"
    assert contact == {
        "team_id": web.team,
        "company_id": f"comp_{web.team}",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "phone": "+1 (202) 555-0123",
        "phone_e164": "+12025550123",
        "phone_fault": None,
        "phone_secondary": "+12025550124",
        "timezone": "Europe/London",
        "timezone_confirmed": False,
        "country": None,
        "region": None,
        "postal_code": None,
        "place": place_of("+12025550123", timezone="Europe/London").code,
        "do_not_call": False,
        "email": "ada@example.com",
        "custom_fields": {"plan": "gold", "visits": [1, None]},
        "tags": ["vip"],
        "external_id": "crm-1815",
        "erased_at": None,
    }


def test_where_somebody_lives_is_kept_by_codes_and_what_nobody_can_place_is_refused_everywhere(client: Client) -> None:
    contact = create(client, phone="219 555 0123", country="USA", region="Indiana", postalCode="46307")
    assert (contact["country"], contact["region"], contact["phone_e164"]) == ("US", "IN", "+12195550123")
    own_country = [
        (body, said) for body, said in WRONG if "Give the country" in said.values() and "country" not in body
    ]
    assert [create(client, **body)["country"] for body, _ in own_country] == ["US"] * len(own_country), "the team's"
    for n, (body, said) in enumerate(each for each in WRONG if each not in own_country):
        for answer in (
            client.post(PATH, json=body),
            client.post(PATH, json={"contacts": [{}, body]}),
            client.put(f"{PATH}/by-external-id/crm-{n}", json=body),
            *([client.patch(f"{PATH}/{create(client)['id']}", json=body)] if "phone" not in body else []),
        ):
            assert {path.rpartition(".")[2] for path in faults(answer)} == said.keys(), (body, answer.text)


def test_what_is_made_is_found_by_its_id_and_in_the_list(client: Client) -> None:
    contact = create(client, firstName="Ada")
    assert client.get(f"{PATH}/{contact['id']}").json() == {"success": True, "contact": contact}
    listed = client.get(PATH, params={"limit": 2}).json()
    assert listed.pop("read_at") < contact["created_at"]
    assert listed == {"success": True, "contacts": [contact], "count": 1, "limit": 2, "offset": 0, "next": None}


def test_the_list_is_filtered_and_paged(client: Client, web: World) -> None:
    create(client, firstName="A", phone="+12025550111", email="a@example.com", tags=["x"])
    create(client, firstName="B", phone="+12025550112", doNotCall=True, companyId=f"comp_{web.team}", tags=["x"])

    def names(**params: Any) -> list[str]:
        answer = client.get(PATH, params=params)
        assert answer.status_code == 200, answer.text
        return [contact["first_name"] for contact in answer.json()["contacts"]]

    assert names() == names(tag="x") == names(teamId=web.team) == ["B", "A"]
    assert names(tag="x", offset=1) == names(phone="+1 202 555 0111") == names(email="A@example.com") == ["A"]
    assert names(doNotCall="true") == names(companyId=f"comp_{web.team}") == ["B"]
    assert sorted(faults(client.get(PATH, params={"limit": 0, "offset": -1, "doNotCall": "maybe"}))) == [
        "doNotCall", "limit", "offset",
    ]  # fmt: skip


def test_every_fault_of_a_contact_is_shown_at_once(client: Client) -> None:
    answer = client.post(PATH, json={"timezone": "Mars", "doNotCall": "no", "tags": [""], "nickname": "A"})
    assert sorted(faults(answer)) == ["doNotCall", "nickname", "tags[0]", "timezone"]
    assert client.get(PATH).json()["count"] == 0


def test_many_contacts_are_made_in_one_request_all_or_none(client: Client) -> None:
    bodies = [{"firstName": f"N{n}", "phone": "nonsense" if n == 1 else f"+1202555{n:04d}"} for n in range(3)]
    made = client.post(PATH, json={"contacts": bodies}).json()
    assert made["count"] == 3
    assert [contact["first_name"] for contact in made["contacts"]] == ["N0", "N1", "N2"]
    assert [contact["phone_fault"] for contact in made["contacts"]] == [None, "invalid_number", None]
    refused = client.post(PATH, json={"contacts": [*bodies, {"email": 1}], "company": "x"})
    assert list(faults(refused)) == ["company"]
    assert list(faults(client.post(PATH, json={"contacts": [*bodies, {"email": 1}]}))) == ["contacts[3].email"]
    assert client.get(PATH).json()["count"] == 3


def test_ten_thousand_contacts_fit_in_a_request_and_no_more(client: Client) -> None:
    long = {"phone": "+12025550111", "lastName": "x" * 150, "customFields": {"note": "y" * 200}}
    assert client.post(PATH, json={"contacts": [long] * 10_000}).json()["count"] == 10_000
    assert list(faults(client.post(PATH, json={"contacts": [{}] * 10_001}))) == ["contacts"]


def test_a_contact_is_changed_in_the_fields_given(client: Client) -> None:
    contact = create(client, firstName="Ada", phone="+12025550111", timezone="Asia/Tokyo")
    answer = client.patch(f"{PATH}/{contact['id']}", json={"timezone": None, "lastName": "Byron"})
    changed = answer.json()["contact"]
    updated_at = changed["updated_at"]
    place = place_of("+12025550111").code
    assert changed == contact | {"timezone": None, "place": place, "last_name": "Byron", "updated_at": updated_at}
    assert sorted(faults(client.patch(f"{PATH}/{contact['id']}", json={"id": "x", "doNotCall": None}))) == [
        "doNotCall", "id",
    ]  # fmt: skip


def test_an_edit_rings_for_the_running_campaigns_in_which_the_contact_waits(
    client: Client, web: World, sent: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    carried: list[Step] = []
    monkeypatch.setattr("worker.process.dispatch.carry_out", carried.extend)
    window = {"callWindowStart": "09:00", "callWindowEnd": "17:00", "callWindowTimezone": "America/New_York"}
    contact = create(client, phone="+12025550111", timezone="Asia/Tokyo")
    campaign = web.campaign([contact["id"]], **window)
    web.run(campaign)
    client.patch(f"{PATH}/{contact['id']}", json={"timezone": "America/New_York"})
    assert carried == [Fill(web.team, (campaign,))]


def test_what_belongs_to_another_team_is_not_there_and_its_id_as_team_is_forbidden(
    client: Client, other: Client, web: World
) -> None:
    theirs = create(other, firstName="Eve")
    for answer in (client.get(f"{PATH}/{theirs['id']}"), client.patch(f"{PATH}/{theirs['id']}", json={})):
        assert answer.status_code == 404
        assert theirs["id"] in answer.json()["message"]
    assert client.post(PATH, json={"companyId": f"comp_{OTHER_TEAM}"}).status_code == 404
    assert client.post(PATH, json={"teamId": OTHER_TEAM}).status_code == 403
    assert client.post(PATH, json={"contacts": [{"teamId": OTHER_TEAM}]}).status_code == 403
    assert client.get(PATH, params={"teamId": OTHER_TEAM}).status_code == 403
    params = {"companyId": f"comp_{OTHER_TEAM}"}
    assert client.post(f"{PATH}/import", params=params, content="phone\n+1\n", headers=CSV).status_code == 404
    assert client.post(f"{PATH}/import?teamId={OTHER_TEAM}", content="phone\n", headers=CSV).status_code == 403
    assert client.get(PATH).json()["count"] == 0


def test_a_file_is_imported_and_its_bad_lines_are_shown(client: Client, web: World) -> None:
    content = "phone,First Name,timezone,plan\n+12025550111,Ada,,gold\n+12025550112,Bob,Mars,\nx,Cy,,\n"
    params = {"companyId": f"comp_{web.team}", "tag": ["fair", "may"]}
    answer = client.post(f"{PATH}/import", params=params, content=content, headers=CSV).json()
    assert (answer["success"], answer["imported"], answer["refused"]) == (True, 2, 1)
    assert [fault["path"] for fault in answer["errors"]] == ["line 3"]
    assert "Mars" in answer["errors"][0]["message"]
    listed = client.get(PATH, params={"tag": "fair"}).json()["contacts"]
    assert [contact["id"] for contact in listed] == answer["contact_ids"][::-1]
    ada = listed[1]
    assert (ada["first_name"], ada["custom_fields"], ada["company_id"], ada["tags"]) == (
        "Ada", {"plan": "gold"}, f"comp_{web.team}", ["fair", "may"],
    )  # fmt: skip


def test_a_file_goes_into_a_campaign_with_priorities(client: Client, web: World, other: Client) -> None:
    campaign = web.campaign([web.contact("+12025550113")])
    content = "phone,priority\n+12025550111,1\n+12025550112,\n+12025550113,9\n+12025550114,10\n"
    into = {"campaignId": campaign, "priority": 7}
    answer = client.post(f"{PATH}/import", params=into, content=content, headers=CSV).json()
    assert (answer["added"], answer["prioritized"], answer["refused"]) == (2, 1, 1)
    assert answer["errors"][0]["message"].startswith("priority: Give a whole number from 1")
    shown = client.get(f"/api/crm/campaigns/{campaign}/contacts").json()["contacts"]
    assert {each["phone"]: each["priority"] for each in shown} == {
        "+12025550111": 1, "+12025550112": 7, "+12025550113": 9,
    }  # fmt: skip
    alone = client.post(f"{PATH}/import", content=content, headers=CSV).json()
    assert (alone["added"], alone["prioritized"], alone["custom_fields"]) == (None, None, ["priority"])


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("priority=3", 400, "It is one within a campaign; give campaignId, too."),
        ("priority=0&campaignId={}", 400, "Give a whole number from 1 to 9."),
        ("priority=high&campaignId={}", 400, "Give a whole number from 1 to 9."),
        ("campaignId=camp_1", 404, "No campaign with id camp_1"),
        ("campaignID={}", 400, "did you mean campaignId?"),
    ],
)
def test_a_file_that_cannot_go_there_is_refused_whole(
    client: Client, web: World, query: str, status: int, said: str
) -> None:
    answer = client.post(f"{PATH}/import?{query.format(web.campaign())}", content="phone\n+12025550111\n", headers=CSV)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert web.sql("SELECT FROM contacts") == []


def test_another_teams_campaign_takes_no_file(client: Client, web: World, other: Client) -> None:
    answer = other.post(
        f"{PATH}/import", params={"campaignId": web.campaign()}, content="phone\n+12025550111\n", headers=CSV
    )
    assert answer.status_code == 404
    assert web.sql("SELECT FROM contacts") == []


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (b"", "line 1"),
        (b"name\nAda\n", "line 1"),
        (b"phone,\x00\n", "line 1"),
        (b"phone,\xe9,\xc3\xa9\n", "line 1"),
        (b"PK\x03\x04...", "file"),
    ],
)
def test_a_file_without_a_header_that_can_be_read_is_refused(client: Client, content: bytes, path: str) -> None:
    assert list(faults(client.post(f"{PATH}/import", content=content, headers=CSV))) == [path]


def test_a_line_that_is_no_utf8_is_named_by_its_number(client: Client) -> None:
    content = b"phone,firstName\n+12025550111,Ren\xe9\n+12025550112,Zo\xc3\xab\n"
    answer = client.post(f"{PATH}/import", content=content, headers=CSV).json()
    assert ([fault["path"] for fault in answer["errors"]], answer["imported"]) == (["line 2"], 1)


def test_a_file_has_a_cap_of_its_own_whether_its_length_is_announced_or_not(
    client: Client, configure: Callable[..., None]
) -> None:
    configure(max_import_bytes=200_000, max_body_bytes=2_000)

    def lines(count: int) -> Iterator[bytes]:
        yield b"phone\n"
        for n in range(count):
            yield b"+1202555%04d\n" % n

    assert client.post(f"{PATH}/import", content=lines(9_000), headers=CSV).json()["imported"] == 9_000
    for too_long in (lines(20_000), b"".join(lines(20_000))):
        answer = client.post(f"{PATH}/import", content=too_long, headers=CSV)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert client.get(PATH).json()["count"] == 9_000
    assert client.post(PATH, json={"lastName": "x" * 3_000}).status_code == 413


def test_a_file_of_another_kind_is_refused(client: Client) -> None:
    assert client.post(f"{PATH}/import", json={}).status_code == 415


def test_an_import_sent_twice_with_one_key_is_done_once(client: Client) -> None:
    key = CSV | {"Idempotency-Key": "file-1"}
    first = client.post(f"{PATH}/import", content="phone\n+12025550111\n", headers=key)
    again = client.post(f"{PATH}/import", content="phone\n+12025550111\n", headers=key)
    assert first.status_code == 200
    assert first.json() == again.json()
    assert client.get(PATH).json()["count"] == 1
    assert client.post(f"{PATH}/import", content="phone\n+12025550112\n", headers=key).status_code == 422


@pytest.mark.parametrize(
    ("declared", "encoding", "source", "name"),
    [
        ("; charset=windows-1250", "windows-1250", "declared", "Łukasz"),
        ('; charset="CP1250"', "windows-1250", "declared", "Łukasz"),
        ("", "windows-1252", "assumed", "£ukasz"),
    ],
)
def test_the_declared_charset_counts_and_the_answer_says_what_was_read(
    client: Client, declared: str, encoding: str, source: str, name: str
) -> None:
    content = "phone,first_name\n+12025550111,Łukasz\n".encode("cp1250")
    answer = client.post(f"{PATH}/import", content=content, headers={"Content-Type": f"text/csv{declared}"}).json()
    assert (answer["encoding"], answer["encoding_source"]) == (encoding, source)
    assert bool(answer["notes"]) is (source == "assumed")
    assert client.get(PATH).json()["contacts"][0]["first_name"] == name


@pytest.mark.parametrize(
    "charset", ["klingon", "base64", "rot13", "idna", "unicode_escape", '""', "a/../b", "utf-8\\x"]
)
def test_a_charset_nobody_knows_is_refused_and_named(client: Client, charset: str) -> None:
    headers = {"Content-Type": f"text/csv; charset={charset}"}
    answer = faults(client.post(f"{PATH}/import", content="phone\n+12025550111\n", headers=headers))
    assert list(answer) == ["encoding"]
    assert charset.strip('"').replace("\\x", "") in answer["encoding"]


def test_do_not_call_in_any_words_is_imported_shown_and_taken_back(client: Client, other: Client) -> None:
    content = "phone,Do_Not_Call__c,Opt-in\n+12025550111,2024-05-01,\n+12025550112,whatever,\n+12025550113,,no\n"
    answer = client.post(f"{PATH}/import", content=content, headers=CSV).json()
    assert (answer["do_not_call"], answer["unreadable"], answer["custom_fields"]) == (3, 1, ["opt_in"])
    assert [(error["path"], error["outcome"]) for error in answer["errors"]] == [
        ("line 3", "unreadable"), ("line 4", "no_consent"),
    ]  # fmt: skip
    assert client.get(PATH, params={"doNotCall": True}).json()["count"] == 3
    undo = f"{PATH}/imports/{answer['import_id']}/undo-do-not-call"
    assert other.post(undo).status_code == 404
    assert client.post(undo, json={"all": True}).status_code == 400
    assert client.post(undo).json() == {"success": True, "taken_back": 3, "kept": 0}
    assert client.get(PATH, params={"doNotCall": True}).json()["count"] == 0
    assert client.post(undo).json()["taken_back"] == 0


def test_a_file_with_a_column_that_may_be_a_ban_is_refused(client: Client) -> None:
    for header, path in (("Suppressed", "line 1"), ("dnc", "do_not_call")):
        content = f"phone,{header}\n+12025550111,red\n+12025550112,green\n"
        assert list(faults(client.post(f"{PATH}/import", content=content, headers=CSV))) == [path]
    assert client.get(PATH).json()["count"] == 0
