from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import worker
from worker.domain.masked import masked
from worker.logs import mask

NUMBER, PASSWORD = "+12025550123", "hunter2"
SPEAKER = """
import logging, sys, structlog
from worker import logs
logs.configure(sys.argv[1], sys.argv[2])
number, url = "+12025550123", "postgresql://me:hunter2@host/name"
own, other = structlog.get_logger(), logging.getLogger("a.library")
own.debug("too_quiet")
own.info("call_ended", call_id="call_1", to=number, nested={"numbers": [number], "url": url})
other.info("connected to %s for %s", url, number)
other.info("with %s", {"to": number})

def fail():
    secret = "a local variable"
    raise ValueError(f"{number} at {url}")

try:
    fail()
except ValueError as error:
    own.exception("own_failure")
    other.exception("the library's failure")
    other.error("a sentence about %s", error)
"""
BEAT = """
import logging
from worker import logs
logs.configure("info", "json")
try:
    raise ConnectionError("refused")
except ConnectionError as error:
    logging.getLogger("celery.beat").error("Message Error: %s\\n%s", error, ["a", "stack"], exc_info=True)
"""


def said(script: str, *arguments: str) -> str:
    """What a script writes to standard error."""
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_number_and_no_password_is_logged_by_anybody_not_even_in_a_traceback(form: str) -> None:
    lines = said(SPEAKER, "info", form)
    assert NUMBER not in lines
    assert PASSWORD not in lines
    assert (lines.count("+…0123"), lines.count("postgresql://me:***@host/name")) == (7, 5)
    assert lines.count("Traceback (most recent call last)") == 2
    assert "too_quiet" not in lines


def test_a_traceback_shows_no_local_variables() -> None:
    lines = said(SPEAKER, "info", "text")
    assert "in fail" in lines
    assert "a local variable" not in lines


def test_every_line_of_json_is_an_object_with_its_event_level_and_time() -> None:
    lines = [json.loads(line) for line in said(SPEAKER, "debug", "json").splitlines()]
    assert [line["event"] for line in lines] == [
        "too_quiet",
        "call_ended",
        "connected to postgresql://me:***@host/name for +…0123",
        "with {'to': '+…0123'}",
        "own_failure",
        "the library's failure",
        "a sentence about +…0123 at postgresql://me:***@host/name",
    ]
    assert [line["level"] for line in lines] == ["debug", "info", "info", "info", "error", "error", "error"]
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert (lines[1]["call_id"], lines[1]["to"]) == ("call_1", "+…0123")
    assert lines[1]["nested"] == {"numbers": ["+…0123"], "url": "postgresql://me:***@host/name"}
    assert all("ValueError: +…0123 at" in line["exception"] for line in lines[4:6])


def test_text_puts_one_event_on_one_line() -> None:
    first = said(SPEAKER, "info", "text").splitlines()[0]
    assert "call_ended" in first
    assert "call_id=call_1" in first
    assert "to=+…0123" in first


def test_a_broker_that_is_away_costs_beat_one_line() -> None:
    (line,) = said(BEAT).splitlines()
    assert json.loads(line)["event"] == "Message Error: refused"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("+12025550123", "+…0123"),
        ("from +12025550123 to +442079460000.", "from +…0123 to +…0000."),
        ("+1 (202) 555-0123", "+…0123"),
        ("tel:%2B12025550123", "tel:+…0123"),
        ("redis://:hunter2@host:6379/0", "redis://:***@host:6379/0"),
        ("postgresql://me:p@ss/wo:rd@host/name", "postgresql://me:***@host/name"),
        ("host=h password=hunter2 user=u", "host=h password=*** user=u"),
        ("postgresql:///name?user=u&password=hunter2&port=1", "postgresql:///name?user=u&password=***&port=1"),
        (r"""{"a": "password=hun\"ter2", "b": 1}""", r"""{"a": "password=***", "b": 1}"""),
        ("Authorization: Bearer hunter2", "Authorization: Bearer ***"),
        ("{'authorization': 'Basic aHVudGVyMg=='}", "{'authorization': 'Basic ***'}"),
        (f"dlr_{'k' * 26}_{'0a' * 32}", f"dlr_{'k' * 26}_***"),
        ("://:" * 3 + "@" + "://:", "://:***@://:"),
    ],
)
def test_numbers_and_passwords_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


def test_one_rule_masks_every_number() -> None:
    """Of screens and of logs: nothing else cuts one, and nothing shows more of it."""
    root = Path(worker.__file__).parent
    cutting = re.compile(r"\+…")
    found = [str(path.relative_to(root)) for path in root.rglob("*.py") if cutting.search(path.read_text())]
    assert found == ["domain/masked.py"]
    assert mask("to +12025550123") == f"to {masked('+12025550123')}" == "to +…0123"
    assert masked("") == ""


@pytest.mark.parametrize("word", ["password=", "sslpassword=", "Bearer ", "Basic ", f"dlr_{'k' * 26}_", "dct_"])
@pytest.mark.parametrize("written", [str.lower, str.upper, str.title, lambda word: word.replace("s", "\u017f")])
def test_secrets_are_masked_however_their_word_is_written(word: str, written: Callable[[str], str]) -> None:
    said = f"a line of {written(word)}0a0a0a and more"
    assert mask(said) == f"a line of {written(word)}*** and more"


@pytest.mark.parametrize(
    "text", ["2027-03-01T10:00:00+00:00", "1e+22", "http://127.0.0.1:8000/healthz", "call_01m84r +12 -3", "a@b.example"]
)
def test_what_is_neither_a_number_nor_a_password_stays(text: str) -> None:
    assert mask(text) == text


AWKWARD = st.lists(
    st.sampled_from(["password=", "Bearer ", *"ab:/@+1234567890 ().-\\\"'%2B{}[],=&\n…"]), max_size=40
).map("".join)
VALUES = st.recursive(
    AWKWARD
    | st.integers()
    | st.floats(allow_nan=False)
    | st.none()
    | st.sampled_from(["://u:p@h", "password=x", 'password=x\\"y', "Bearer x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(AWKWARD, inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from(["event", "to", "url"]), VALUES))
@example({"event": ["://a:b", "c@d"], "to": {"://a:b": "@"}})
@example({"event": 1e22, "to": "+1", "url": 234567})
def test_masking_leaves_a_line_of_json_a_line_of_json(event: dict[str, object]) -> None:
    for ascii_only in (True, False):
        masked = mask(json.dumps(event, ensure_ascii=ascii_only))
        assert json.loads(masked).keys() == event.keys()
        assert "\n" not in masked
