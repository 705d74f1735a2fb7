"""A campaign exported and counted, tried, copied and put back, over HTTP."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from typing import Any

import pytest
from httpx2 import Client

from tests.api.client import CAMPAIGNS, campaign_of, paths, refused
from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.domain.contact_table import CONTACT_FIELDS
from worker.flow.base import Dial, Step, Stop
from worker.operations import export
from worker.simulator.lives import Life


def completed(world: World) -> str:
    world.script({"+12025550141": Life(1, 0, Status.BUSY), "+12025550142": Life(1, 5)})
    contacts = [world.contact("+12025550141", first_name="=Ada"), world.contact("+12025550142"), world.contact(None)]
    campaign = world.campaign(contacts, maxAttemptsPerContact=1)
    world.run(campaign)
    world.until(campaign, "completed")
    return campaign


def test_contacts_come_as_a_table_that_computes_nothing_and_calls_as_lines(web: World, client: Client) -> None:
    campaign = completed(web)
    answer = client.get(f"{CAMPAIGNS}/{campaign}/export")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="contacts.csv"'
    names, *rows = csv.reader(io.StringIO(answer.text))
    assert tuple(names) == CONTACT_FIELDS
    assert [row[CONTACT_FIELDS.index("first_name")] for row in rows] == ["'=Ada", "", ""]
    lines = client.get(f"{CAMPAIGNS}/{campaign}/export", params={"what": "calls", "format": "json-lines"})
    assert [json.loads(line)["disposition"] for line in lines.text.splitlines()] == ["busy", "answered"]
    assert paths(client.get(f"{CAMPAIGNS}/{campaign}/export", params={"format": "xls"})) == ["format"]
    refused(client.get(f"{CAMPAIGNS}/camp_x/export"), 404, "not_found")


def test_an_export_is_never_whole_in_memory(web: World, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PAGE_ROWS", 50)
    campaign = web.campaign(web.contacts(400, custom_fields={"note": "x" * 10_000}))
    tracemalloc.start()
    try:
        with client.stream("GET", f"{CAMPAIGNS}/{campaign}/export") as answer:
            size = sum(len(chunk) for chunk in answer.iter_bytes())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 4_000_000
    assert peak < size / 2


def test_a_report_counts_calls_and_contacts(web: World, client: Client) -> None:
    campaign = completed(web)
    report = client.get(f"{CAMPAIGNS}/{campaign}/report").json()["report"]
    expected = {"reached": 1, "not_reached": 1, "cannot_be_called": 1, "left": 0, "cancelled": 0}
    assert report["reach"] == expected == campaign_of(client, campaign)["reach"]
    assert client.get(f"{CAMPAIGNS}/{campaign}/progress").json()["progress"]["reach"] == expected
    assert report["calls"] == {"answered": 1, "busy": 1}
    assert report["attempts"] == [{"attempt": 1, "calls": 2, "answered": 1}]
    assert sum(map(sum, report["weekdays"]["calls"])) == 2
    (hour,) = report["hours"]
    assert hour["calls"] == {"answered": 1, "busy": 1}
    assert report["first_words"] == {"reported": 0, "late": 0}


@pytest.mark.parametrize(("seconds", "late"), [(2, 0), (2.001, 1)])
def test_a_report_counts_first_words_that_came_late(web: World, client: Client, seconds: float, late: int) -> None:
    campaign = completed(web)
    web.sql(
        """INSERT INTO call_outcomes (call_id, campaign_id, outcome, spoke_at)
           SELECT id, campaign_id, 'said', answered_at + :seconds * interval '1 second'
           FROM calls WHERE disposition = 'answered'""",
        seconds=seconds,
    )
    report = client.get(f"{CAMPAIGNS}/{campaign}/report").json()["report"]
    assert report["first_words"] == {"reported": 1, "late": late}


def test_who_was_not_reached_is_redialed_and_a_clone_says_how_many_it_has(web: World, client: Client) -> None:
    campaign = completed(web)
    redial = client.post(f"{CAMPAIGNS}/{campaign}/redial").json()
    assert (redial["added"], redial["campaign"]["status"], redial["campaign"]["total_contacts"]) == (1, "draft", 1)
    key = {"Idempotency-Key": "copy"}
    clone = client.post(f"{CAMPAIGNS}/{campaign}/clone", json={"name": "Again", "withContacts": True}, headers=key)
    assert (clone.json()["added"], clone.json()["campaign"]["name"]) == (3, "Again")
    same = client.post(f"{CAMPAIGNS}/{campaign}/clone", json={"name": "Again", "withContacts": True}, headers=key)
    assert same.json() == clone.json()
    assert client.post(f"{CAMPAIGNS}/{campaign}/clone").json()["added"] == 0
    assert paths(client.post(f"{CAMPAIGNS}/{campaign}/clone", json={"name": "", "contacts": 1})) == ["contacts", "name"]


def test_contacts_are_put_back(web: World, client: Client, sent: list[Step]) -> None:
    campaign = completed(web)
    web.sql("UPDATE campaigns SET max_attempts_per_contact = 2")
    ids = [row.contact_id for row in web.sql("SELECT contact_id FROM campaign_contacts ORDER BY id")]
    answer = client.post(f"{CAMPAIGNS}/{campaign}/contacts/requeue", json={"contactIds": ids[:1]}).json()
    assert answer == {"success": True, "requeued": 1, "errors": []}
    assert campaign_of(client, campaign)["reach"]["left"] == 1


def test_a_campaign_is_tried_with_a_call_and_the_call_hung_up(web: World, client: Client, sent: list[Step]) -> None:
    web.places = False
    campaign = web.campaign()
    answer = client.post(f"{CAMPAIGNS}/{campaign}/test-call", json={"to": "+12025550188"})
    call: dict[str, Any] = answer.json()["call"]
    assert (call["to_number"], call["status"]) == ("+12025550188", "reserved")
    web.carry_out([step for step in sent if isinstance(step, Dial)] or sent)
    web.tick()
    sent.clear()
    shown = client.post(f"/api/crm/calls/{call['id']}/hang-up").json()["call"]
    assert shown["id"] == call["id"]
    assert sent == [Stop()]
    web.carry_out(sent)
    web.play()
    assert web.sql("SELECT FROM calls WHERE ended_at IS NULL") == []
    assert paths(client.post(f"{CAMPAIGNS}/{campaign}/test-call", json={"to": "12"})) == ["to"]


def test_a_country_says_where_numbers_without_a_code_belong(web: World, client: Client) -> None:
    where = {"country": "de"}
    one = client.post("/api/crm/contacts", params=where, json={"phone": "030 901820"}).json()["contact"]
    many = client.post("/api/crm/contacts", params=where, json={"contacts": [{"phone": "030 901821"}]}).json()
    kind = {"Content-Type": "text/csv"}
    file = "phone\n030 901822\n"
    imported = client.post("/api/crm/contacts/import", params=where, content=file, headers=kind).json()
    assert (one["phone_fault"], many["contacts"][0]["phone_fault"], imported["uncallable"]) == (None, None, 0)
    assert paths(client.post("/api/crm/contacts", params={"country": "xx"}, json={"phone": "1"})) == ["country"]
