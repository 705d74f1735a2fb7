"""What holds for every request, whatever it asks for."""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from httpx2 import Client

from tests.api.client import CAMPAIGNS, created, new_campaign, paths, refused
from tests.patience import PATIENCE_SECONDS
from tests.world import World
from worker.process.settings import settings


def test_every_answer_carries_a_request_id(client: Client) -> None:
    for method, path in (("GET", CAMPAIGNS), ("GET", "/healthz"), ("PUT", CAMPAIGNS), ("GET", "/nowhere")):
        answer = client.request(method, path)
        assert re.fullmatch(r"req_[0-9a-f]{24}", answer.headers["X-Request-Id"])
    failure = client.get("/nowhere")
    assert failure.json()["requestId"] == failure.headers["X-Request-Id"]


def test_a_sane_request_id_of_the_callers_is_kept(client: Client) -> None:
    for given, is_kept in (("order-66/a.b:c", True), ("a" * 128, True), ("a" * 129, False), ("two words", False)):
        answer = client.get("/nowhere", headers={"X-Request-Id": given})
        assert (answer.headers["X-Request-Id"] == given) is is_kept
        assert answer.json()["requestId"] == answer.headers["X-Request-Id"]


def test_what_is_not_there_is_a_404_in_the_envelope(client: Client) -> None:
    for path in ("/api", "/api/crm/campaigns/", "/api/crm/campaigns/camp_x/nothing", "/docs/"):
        refused(client.get(path), 404, "not_found")


def test_a_wrong_method_is_answered_with_the_right_ones(client: Client) -> None:
    for path, method, allowed in (
        (CAMPAIGNS, "DELETE", {"GET", "POST"}),
        (f"{CAMPAIGNS}/camp_x", "POST", {"GET", "PATCH", "DELETE"}),
        (f"{CAMPAIGNS}/camp_x/contacts", "PUT", {"GET", "POST", "DELETE"}),
        (f"{CAMPAIGNS}/camp_x/run", "GET", {"POST"}),
        ("/healthz", "POST", {"GET"}),
    ):
        answer = client.request(method, path)
        refused(answer, 405, "method_not_allowed")
        assert set(answer.headers["Allow"].split(", ")) == allowed


def test_every_fault_is_listed_at_once_by_its_path(web: World, client: Client) -> None:
    body = {
        "teamId": 5,
        "assistantId": "",
        "fromNumberIds": ["pn_1", 2, None],
        "name": "x" * 201,
        "description": ["no text"],
        "scheduledStartAt": "2020-01-01T00:00:00Z",
        "callWindowStart": "9h",
        "callWindowEnd": "25:00",
        "callWindowTimezone": "America/Atlantis",
        "maxConcurrentCalls": True,
        "maxAttemptsPerContact": 0,
        "retryDelayMinutes": "60",
        "settings": {"retryDelays": {"busy": -1, "never": 1}},
        "fromNumberId": "pn_1",
        "__proto__": {},
    }
    answer = client.post(CAMPAIGNS, json=body)
    assert set(paths(answer)) == {
        "teamId", "assistantId", "companyId", "fromNumberIds[1]", "fromNumberIds[2]", "name", "description",
        "scheduledStartAt", "callWindowStart", "callWindowEnd", "callWindowTimezone", "maxConcurrentCalls",
        "maxAttemptsPerContact", "retryDelayMinutes", "settings.retryDelays.busy", "settings.retryDelays.never",
        "fromNumberId", "__proto__",
    }  # fmt: skip
    assert web.sql("SELECT count(*) FROM campaigns")[0][0] == 0


def test_nothing_at_all_is_answered_with_what_is_required(client: Client) -> None:
    answer = client.post(CAMPAIGNS, json={})
    assert set(paths(answer)) == {"teamId", "assistantId", "companyId", "fromNumberIds", "name"}


def test_query_parameters_are_named_too(client: Client) -> None:
    for query, wrong in (
        ("", {"teamId"}),
        ("teamId=team_a&limit=0&offset=-1", {"limit", "offset"}),
        ("teamId=team_a&limit=501", {"limit"}),
        ("teamId=team_a&limit=x&status=done&deleted=yes", {"limit", "status", "deleted"}),
        ("teamId=team_a&offset=99999999999999999999", {"offset"}),
        ("teamId=team_a&assistantId=a%00b", {"assistantId"}),
    ):
        assert set(paths(client.get(f"{CAMPAIGNS}?{query}"))) == wrong


UNSOUND = (
    b"",
    b"{",
    b"nonsense",
    b"[]",
    b'"text"',
    b"null",
    b'{"name": NaN}',
    b'{"settings": {"a": Infinity}}',
    b'{"name": "a\\u0000b"}',
    b'{"name": "\\ud800"}',
    b'{"settings": {"a": 1e999}}',
    b'{"settings": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"settings": ' + b'{"a":' * 30 + b"1" + b"}" * 31,
    b'{"name": ' + b"9" * 5000 + b"}",
    b'{"name": "\xff"}',
)


def test_what_is_no_sound_json_object_is_refused(client: Client) -> None:
    for body in UNSOUND:
        answer = client.post(CAMPAIGNS, content=body, headers={"Content-Type": "application/json"})
        found = {path.partition(".")[0] for path in paths(answer)}
        assert found, body[:50]
        assert found <= {"body", "name", "settings"}, f"{body[:50]!r} was read as if it were sound"


def test_a_body_of_another_kind_is_refused(client: Client) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        headers = {"Content-Type": kind} if kind else {}
        answer = client.post(CAMPAIGNS, content=b'{"name": "A campaign"}', headers=headers)
        assert "application/json" in refused(answer, 415, "unsupported_media_type")


def test_json_may_say_its_charset(web: World, client: Client) -> None:
    request = client.build_request("POST", CAMPAIGNS, json=new_campaign(web))
    request.headers["Content-Type"] = "Application/JSON; charset=utf-8"
    assert client.send(request).status_code == 200


def test_a_body_that_is_too_large_is_refused_unread(web: World, url: str, client: Client) -> None:
    """Only the length is sent: an answer proves that nobody waited for the body."""
    host = url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=PATIENCE_SECONDS)
    connection.putrequest("POST", CAMPAIGNS)
    connection.putheader("Authorization", client.headers["Authorization"])
    connection.putheader("Content-Length", str(settings().max_body_bytes + 1))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert b'"body_too_large"' in answer.read()
    connection.close()


def test_a_body_that_never_says_its_length_is_counted(
    web: World, client: Client, configure: Callable[..., None]
) -> None:
    configure(max_body_bytes=65_536)

    def pieces(count: int) -> Iterator[bytes]:
        yield from [b" " * 1024] * (count - 1)
        yield b"{}".rjust(1024)

    headers = {"Content-Type": "application/json"}
    assert paths(client.post(CAMPAIGNS, content=pieces(64), headers=headers))
    refused(client.post(CAMPAIGNS, content=pieces(65), headers=headers), 413, "body_too_large")


def test_a_nul_in_the_path_is_no_such_thing(client: Client) -> None:
    refused(client.get(f"{CAMPAIGNS}/camp%00"), 404, "not_found")


def test_a_field_that_an_endpoint_does_not_know_is_named(web: World, client: Client) -> None:
    campaign = created(client, web)
    for verb, field in (("run", "maxcalls"), ("pause", "reason"), ("cancel", "hangup"), ("schedule", "at")):
        assert field in paths(client.post(f"{CAMPAIGNS}/{campaign}/{verb}", json={field: 1}))


def test_another_teams_id_as_teamId_is_forbidden(web: World, client: Client, other: Client) -> None:
    refused(client.get(CAMPAIGNS, params={"teamId": "team_b"}), 403, "forbidden")
    refused(client.post(CAMPAIGNS, json=new_campaign(web, teamId="team_b")), 403, "forbidden")
    refused(other.get(CAMPAIGNS, params={"teamId": web.team}), 403, "forbidden")


def test_what_is_our_fault_is_not_shown(client: Client, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("password=hunter2")

    monkeypatch.setattr("worker.store.reads.campaign_list.page", fail)
    answer = client.get(CAMPAIGNS, params={"teamId": "team_a"})
    refused(answer, 500, "internal_error")
    assert "hunter2" not in answer.text
    assert answer.headers["X-Request-Id"] in answer.text
