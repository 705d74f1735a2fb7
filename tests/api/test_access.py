"""Who is let in, and how often."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import httpx2
import pytest
from httpx2 import Client

from tests.api.client import CAMPAIGNS, refused
from tests.world import World
from worker.api import access
from worker.domain import bearer
from worker.domain.errors import NotFound
from worker.operations.keys import create_key, list_keys, revoke_key
from worker.process import wiring
from worker.slots import Throttle, connect


def ask(url: str, authorization: str | None) -> tuple[int, str]:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = httpx2.get(f"{url}{CAMPAIGNS}", verify=False, params={"teamId": "team_a"}, headers=headers)
    if answer.status_code == 401:
        refused(answer, 401, "unauthorized")
    return answer.status_code, answer.headers.get("WWW-Authenticate", "")


def test_a_key_opens_its_team_and_is_shown_once(web: World, url: str) -> None:
    row, text = create_key(web.dialer, web.team, "ours", actor="test")
    assert text.startswith("dlr_")
    assert ask(url, f"Bearer {text}") == (200, "")
    assert ask(url, f"bearer {text}")[0] == 200  # RFC 9110: the scheme is case-insensitive
    (listed,) = list_keys(web.dialer, web.team)
    assert (listed.id, listed.name) == (row.id, "ours")
    secret = text.rpartition("_")[2]
    (stored,) = web.sql("SELECT * FROM api_keys")
    assert stored.secret_sha256 == sha256(secret.encode()).digest()
    assert not any(secret in str(value) for value in stored)


def test_without_a_valid_key_nobody_is_let_in(web: World, url: str) -> None:
    _, text = create_key(web.dialer, web.team, "ours", actor="test")
    public, _, secret = text.rpartition("_")
    for authorization in (
        None,
        "",
        "Bearer",
        f"Basic {text}",
        f"Bearer {text}0",
        f"Bearer {public}_{'0' * 64}",
        f"Bearer dlr_00000000000000000000000000_{secret}",
        text,
        f"Bearer {text} {text}",
        "Bearer key_nope",
    ):
        status, challenge = ask(url, authorization)
        assert status == 401, authorization
        assert challenge.startswith('Bearer realm="')
        assert ("invalid_token" in challenge) is (authorization is not None)


def test_a_revoked_key_opens_nothing_from_then_on(web: World, url: str) -> None:
    row, text = create_key(web.dialer, web.team, "ours", actor="test")
    assert ask(url, f"Bearer {text}")[0] == 200
    revoked_at = revoke_key(web.dialer, web.team, row.id, actor="test").revoked_at
    assert ask(url, f"Bearer {text}")[0] == 401
    assert revoke_key(web.dialer, web.team, row.id, actor="test").revoked_at == revoked_at


def test_a_team_can_neither_revoke_nor_see_anothers_key(web: World) -> None:
    web.another_team("team_b")
    row, _ = create_key(web.dialer, "team_b", "theirs", actor="test")
    with pytest.raises(NotFound):
        revoke_key(web.dialer, web.team, row.id, actor="test")
    assert list_keys(web.dialer, web.team) == []
    with pytest.raises(NotFound):
        create_key(web.dialer, "team_nobody", "nobody's", actor="test")


def test_the_last_use_is_noted_once_a_minute(web: World, url: str) -> None:
    _, text = create_key(web.dialer, web.team, "ours", actor="test")
    used = "SELECT last_used_at FROM api_keys"
    assert web.sql(used)[0][0] is None
    ask(url, f"Bearer {text}")
    first = web.sql(used)[0][0]
    ask(url, f"Bearer {text}")
    assert web.sql(used)[0][0] == first
    web.sql("UPDATE api_keys SET last_used_at = last_used_at - interval '61 seconds'")
    ask(url, f"Bearer {text}")
    assert web.sql(used)[0][0] > first
    ask(url, "Bearer " + text[:-1] + ("0" if text[-1] != "0" else "1"))
    assert web.sql("SELECT count(*) FROM api_keys WHERE last_used_at IS NOT NULL")[0][0] == 1


def test_a_secret_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda a, b: compared.append((a, b)) or a == b)
    key = bearer.new_key()
    read = bearer.read_key(key.text)
    assert read is not None
    assert read.proves(key.digest)
    assert not read.proves(bytes(32))
    assert len(compared) == 2
    assert key.secret not in repr(key)


def test_each_key_has_an_allowance_of_its_own(web: World, url: str, configure: Callable[..., None]) -> None:
    configure(api_requests_per_second=0.01, api_burst=3)
    first, second = (create_key(web.dialer, web.team, name, actor="test")[1] for name in ("first", "second"))
    assert [ask(url, f"Bearer {first}")[0] for _ in range(3)] == [200] * 3
    with Client(verify=False, base_url=url) as client:
        answer = client.get(CAMPAIGNS, headers={"Authorization": f"Bearer {first}"})
    refused(answer, 429, "too_many_requests")
    assert 1 <= int(answer.headers["Retry-After"]) <= 100
    assert ask(url, f"Bearer {second}")[0] == 200


def test_failed_logins_are_limited_and_a_valid_key_is_not_punished_for_them(
    web: World, url: str, configure: Callable[..., None]
) -> None:
    configure(failed_logins_per_minute=4)
    _, text = create_key(web.dialer, web.team, "ours", actor="test")
    assert [ask(url, "Bearer nonsense")[0] for _ in range(4)] == [401] * 4
    with Client(verify=False, base_url=url) as client:
        answer = client.get(CAMPAIGNS, headers={"Authorization": "Bearer nonsense"})
        refused(answer, 429, "too_many_requests")
        assert 1 <= int(answer.headers["Retry-After"]) <= 15
    assert ask(url, f"Bearer {text}")[0] == 200


def test_who_cannot_be_counted_is_let_in(web: World, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def away() -> Throttle:
        asked.append(1)
        return Throttle(connect("redis://127.0.0.1:1", answer_seconds=0.1, retries=0), "test")

    monkeypatch.setattr(wiring, "throttle", away)
    monkeypatch.setattr(access, "_limits", access.Limits())
    _, text = create_key(web.dialer, web.team, "ours", actor="test")
    assert ask(url, f"Bearer {text}")[0] == 200
    assert ask(url, "Bearer nonsense")[0] == 401
    assert len(asked) == 1, "Redis was asked again at once"
