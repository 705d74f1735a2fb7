"""A long request that ends half way: what it has done stays, the same again does the rest, and answers for both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from httpx2 import Client, Response

from tests.api.client import CAMPAIGNS, refused
from tests.world import World
from worker.domain.errors import Unavailable
from worker.operations import batches
from worker.store import idempotency

CSV = {"Content-Type": "text/csv"}
KEY = {"Idempotency-Key": "a long request"}
CONTACTS = "/api/crm/contacts"
NUMBERS = [f"+120255503{n:02d}" for n in range(7)]
FILE = "phone,do_not_call,plan\n" + "".join(f"{number},yes,gold\n" for number in NUMBERS) + f"12,,\n{NUMBERS[0]},,\n"
AWAY = Unavailable("PostgreSQL cannot be reached; start it, then try again.")


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 2)


@contextmanager
def breaking_off(after: int, error: BaseException = AWAY, *, killed: bool = False) -> Iterator[None]:
    """So many batches are committed, and the next one is not. If the process is ``killed``, nobody lets the key go."""
    keep, free, left = idempotency.note_progress, idempotency.free, iter(range(after))

    def keep_or_fail(*args: Any) -> bool:
        if next(left, None) is None:
            raise error
        return keep(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(idempotency, "note_progress", keep_or_fail)
        patch.setattr(idempotency, "free", (lambda *args: None) if killed else free)
        yield


def imported(client: Client, **headers: str) -> Response:
    return client.post(f"{CONTACTS}/import", content=FILE, headers=CSV | KEY | headers)


def test_an_import_that_breaks_off_says_what_is_left_and_the_same_again_answers_for_all(
    client: Client, web: World
) -> None:
    known = web.contact(NUMBERS[0])
    with breaking_off(after=2):
        message = refused(imported(client), 503, "unavailable")
    assert message.endswith(
        "4 of the file's 8 contacts were imported before, 4 are left: send the same file again, it does the rest."
    )
    assert len(web.sql("SELECT FROM contacts WHERE do_not_call")) == 4, "a batch that is committed binds"
    web.sql('UPDATE contacts SET custom_fields = \'{"plan": "silver"}\' WHERE id = :id', id=known)
    answer = imported(client).json()
    assert (answer["imported"], answer["created"], answer["updated"]) == (8, 7, 1)
    assert (answer["lines"], answer["merged"], answer["refused"], answer["do_not_call"]) == (9, 1, 0, 7)
    assert (answer["uncallable"], answer["custom_fields"]) == (1, ["plan"])
    assert answer["contact_ids"] == [row.id for row in web.sql("SELECT id FROM contacts ORDER BY created_at, id")]
    assert web.sql("SELECT custom_fields FROM contacts WHERE id = :id", id=known) == [({"plan": "silver"},)], (
        "what somebody has edited since is not written again"
    )
    assert imported(client).json() == answer
    undone = client.post(f"{CONTACTS}/imports/{answer['import_id']}/undo-do-not-call").json()
    assert undone["taken_back"] == 7, "it is one import"


def test_a_process_that_is_killed_leaves_its_key_to_the_same_request_and_no_other(client: Client, web: World) -> None:
    with breaking_off(after=1, error=AssertionError("killed"), killed=True):
        assert imported(client).status_code == 500
    refused(imported(client), 409, "idempotency_key_in_use")
    web.sql("UPDATE idempotency_keys SET heard_at = heard_at - interval '59 seconds', taken_at = 'epoch'")
    refused(imported(client), 409, "idempotency_key_in_use")
    web.sql("UPDATE idempotency_keys SET heard_at = heard_at - interval '2 seconds'")
    refused(client.post(f"{CONTACTS}/import", content="phone\n12\n", headers=CSV | KEY), 422, "idempotency_key_reused")
    assert imported(client).json()["created"] == 8
    assert len(web.sql("SELECT FROM contacts")) == 8


def test_a_request_that_was_given_up_and_is_alive_commits_no_further_batch(client: Client, web: World) -> None:
    """Another took the key while the first was between two batches."""
    note = idempotency.note_progress

    def note_once_another_has_it(*args: Any) -> bool:
        if web.sql("SELECT FROM idempotency_keys WHERE progress IS NOT NULL"):
            web.sql("UPDATE idempotency_keys SET taken_at = taken_at + interval '1 second'")
        return note(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(idempotency, "note_progress", note_once_another_has_it)
        refused(imported(client), 409, "idempotency_key_in_use")
    assert len(web.sql("SELECT FROM contacts")) == 2, "the batch of the one who lost the key is rolled back"


def test_without_a_key_the_same_file_again_does_the_rest_too(
    client: Client, web: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("worker.operations.import_batches.audit.note", _until(3))
        message = refused(client.post(f"{CONTACTS}/import", content=FILE, headers=CSV), 503, "unavailable")
    assert "6 of the file's 8 contacts were imported before, 2 are left" in message
    answer = client.post(f"{CONTACTS}/import", content=FILE, headers=CSV).json()
    assert (answer["imported"], answer["created"], answer["updated"]) == (8, 2, 0)


def _until(count: int) -> Callable[..., None]:
    left = iter(range(count))

    def note(*args: Any) -> None:
        if next(left, None) is None:
            raise AWAY

    return note


def into_a_campaign(client: Client, web: World) -> tuple[Callable[[], Response], str, int]:
    contacts, campaign = [web.contact(number) for number in NUMBERS], web.campaign()
    path = f"{CAMPAIGNS}/{campaign}/contacts"
    send = lambda: client.post(path, json={"contactIds": contacts}, headers=KEY)  # noqa: E731
    return send, "SELECT count(*) FROM campaign_contacts", 7


def numbers_banned(client: Client, web: World) -> tuple[Callable[[], Response], str, int]:
    send = lambda: client.post("/api/crm/do-not-call", json={"numbers": NUMBERS}, headers=KEY)  # noqa: E731
    return send, "SELECT count(*) FROM do_not_call", 7


def an_import_undone(client: Client, web: World) -> tuple[Callable[[], Response], str, int]:
    made = client.post(f"{CONTACTS}/import", content=FILE, headers=CSV).json()
    path = f"{CONTACTS}/imports/{made['import_id']}/undo-do-not-call"
    return lambda: client.post(path, headers=KEY), "SELECT count(*) FROM contacts WHERE do_not_call", 0


@pytest.mark.parametrize("begin", [into_a_campaign, numbers_banned, an_import_undone])
def test_every_long_request_goes_on_where_it_was_and_counts_what_all_tries_did(
    client: Client, web: World, begin: Callable[[Client, World], tuple[Callable[[], Response], str, int]]
) -> None:
    send, done, when_done = begin(client, web)
    before = web.sql(done)[0][0]
    with breaking_off(after=2):
        refused(send(), 503, "unavailable")
    assert abs(web.sql(done)[0][0] - before) == 4
    answer = send()
    assert (answer.status_code, web.sql(done)[0][0]) == (200, when_done)
    assert {name: count for name, count in answer.json().items() if name in ("added", "taken_back", "kept")} in (
        {}, {"added": 7}, {"taken_back": 7, "kept": 0},
    )  # fmt: skip
    assert send().content == answer.content
