"""A pack with a mistake is refused with its file and line, whatever the mistake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from worker.law.reading import PackMistake, read_law, read_pack

PACK = """[[rule]]
id = "us.xx.hours"
place = "US-XX"
title = "Hours"
law = "A law"
evidence = "quoted"
binding = true
checked = 2026-11-27
sources = ["a book"]

[[rule]]
id = "us.yy.hours"
place = "US-YY"
title = "Hours"
law = "Another law"
evidence = "primary"
binding = true
checked = 2026-11-27
since = 2026-01-01
until = 2027-01-01
purposes = ["telemarketing"]
voice = "any"
line = "mobile"
clocks = ["called_party"]
hours = { mon-fri = ["08:00-12:00", "13:00-24:00"], sat = ["09:00-12:00"], sun = [] }
closed = "US-YY"
caps = [{ calls = 3, hours = 24, per = "24 hours" }]
quiet = [{ after = "refusal", hours = 24, days = 1 }]
consent = [{ voice = "automated", consent = "express" }]
prohibited = false
duties = ["to be polite"]
sources = ["a book"]
"""
LINES = {line.partition(" ")[0]: n for n, line in enumerate(PACK.split("\n"), 1) if n > 10}
"""The key of each line of the second rule → its number."""
SECOND = 11

MISTAKES = [
    # the line that is wrong, what stands there instead
    ("id", "id = 5"), ("id", 'id = "US YY"'), ("id", 'id = ""'), ("place", 'place = "Utah"'), ("title", 'title = " "'),
    ("law", "law = []"), ("evidence", 'evidence = "rumour"'), ("evidence", "evidence = true"),
    ("evidence", 'evidence = "secondary"'), ("binding", 'binding = "yes"'), ("binding", "binding = 1"),
    ("checked", 'checked = "2026-11-27"'), ("checked", "checked = 2026-11-27T00:00:00Z"), ("since", "since = 2026"),
    ("until", "until = 2025-01-01"), ("until", "until = 2026-01-01"), ("purposes", 'purposes = ["sales"]'),
    ("purposes", 'purposes = "telemarketing"'), ("purposes", "purposes = []"), ("voice", 'voice = "robot"'),
    ("line", 'line = "fax"'), ("clocks", 'clocks = ["Mars/Olympus"]'), ("clocks", "clocks = []"), ("clocks", ""),
    ("hours", 'hours = { mon-fri = ["08:00-12:00"] }'), ("hours", "hours = 8"), ("hours", ""),
    ("hours", 'hours = { mon-fri = ["8-12"], sat = [], sun = [] }'),
    ("hours", 'hours = { mon-fri = ["12:00-08:00"], sat = [], sun = [] }'),
    ("hours", 'hours = { mon-fri = ["08:00-08:00"], sat = [], sun = [] }'),
    ("hours", 'hours = { mon-fri = ["08:00-25:00"], sat = [], sun = [] }'),
    ("hours", 'hours = { mon-fri = ["08:00-12:00", "11:00-13:00"], sat = [], sun = [] }'),
    ("hours", 'hours = { mon-fri = "08:00-12:00", sat = [], sun = [], feast = [] }'),
    ("hours", "hours = { mon-fri = [8], sat = [], sun = [] }"), ("closed", 'closed = "US-ZZ"'),
    ("caps", 'caps = [{ calls = 0, hours = 24, per = "day" }]'),
    ("caps", 'caps = [{ calls = 33, hours = 24, per = "day" }]'),
    ("caps", 'caps = [{ calls = 3, hours = 8760, per = "year" }]'),
    ("caps", 'caps = [{ calls = 3.5, hours = 24, per = "day" }]'), ("caps", "caps = [{ calls = 3, hours = 24 }]"),
    ("caps", 'caps = [{ calls = true, hours = 24, per = "day" }]'), ("caps", "caps = [3]"), ("caps", "caps = []"),
    ("caps", 'caps = [{ calls = 3, hours = 24, per = "day", each = 1 }]'),
    ("quiet", 'quiet = [{ after = "lunch", hours = 1 }]'), ("quiet", 'quiet = [{ after = "refusal", hours = -1 }]'),
    ("consent", 'consent = [{ consent = "oral" }]'), ("consent", 'consent = [{ consent = "none" }]'),
    ("consent", 'consent = [{ voice = "automated" }]'), ("prohibited", 'prohibited = "unless solicited"'),
    ("duties", "duties = [1]"), ("sources", "sources = []"), ("line", 'lines = "mobile"'), ("line", 'line = "mobile'),
    ("hours", "hours = {"), ("line", 'voice = "live"'),
]  # fmt: skip
NEEDED = ["id", "place", "title", "law", "evidence", "binding", "checked", "sources"]


def with_line(key: str, instead: str) -> tuple[str, int]:
    lines = PACK.split("\n")
    lines[LINES[key] - 1] = instead
    return "\n".join(lines), LINES[key]


def refused(text: str) -> PackMistake:
    with pytest.raises(PackMistake) as caught:
        read_pack("pack_us.toml", text, ["US-YY"])
    assert re.fullmatch(r"pack_us\.toml, line \d+: .*[^.]\.|.*\.", str(caught.value), re.DOTALL)
    return caught.value


def test_the_pack_without_a_mistake_is_read() -> None:
    assert [rule.id for rule in read_pack("pack_us.toml", PACK, ["US-YY"])] == ["us.xx.hours", "us.yy.hours"]


@pytest.mark.parametrize(("key", "instead"), MISTAKES)
def test_a_mistake_is_refused_with_its_line(key: str, instead: str) -> None:
    text, line = with_line(key, instead)
    mistake = refused(text)
    near = {line, line + 1} | ({LINES["clocks"], LINES["hours"], SECOND} if not instead else set())
    near |= {LINES["binding"]} if "secondary" in instead else set()
    assert mistake.line in near, mistake


@pytest.mark.parametrize("key", NEEDED)
def test_what_is_needed_and_left_out_is_refused_at_its_rule(key: str) -> None:
    text, _ = with_line(key, "")
    assert refused(text).line == SECOND


@pytest.mark.parametrize("text", ["", "rule = 3", "rule = [1]", "version = 1\n" + PACK, "\x00", "[rule]\nid = 1"])
def test_a_file_that_is_no_pack_is_refused(text: str) -> None:
    refused(text)


def test_a_folder_is_refused_for_what_no_pack_alone_shows(tmp_path: Path) -> None:
    (tmp_path / "holidays.toml").write_text('[US-YY]\n2026 = "01-01 07-04"\n')
    with pytest.raises(PackMistake, match="no pack"):
        read_law(tmp_path)
    (tmp_path / "pack_us.toml").write_text(PACK)
    assert len(read_law(tmp_path).rules) == 2
    (tmp_path / "pack_zz.toml").write_text(PACK)
    with pytest.raises(PackMistake, match=r"pack_zz\.toml, line 2: id: there are two rules us\.xx\.hours"):
        read_law(tmp_path)
    (tmp_path / "pack_zz.toml").write_text(PACK.replace("us.", "zz.") + 'exempts = "zz.nothing.there"\n')
    with pytest.raises(PackMistake, match=r"pack_zz\.toml, line 12: exempts: there is no rule zz\.nothing\.there"):
        read_law(tmp_path)
    (tmp_path / "pack_zz.toml").unlink()
    for wrong in ('"01-01 02-30"', '"1.1."', "5", '"01-01,07-04"'):
        (tmp_path / "holidays.toml").write_text(f"# days\n[US-YY]\n2026 = {wrong}\n")
        with pytest.raises(PackMistake, match=r"holidays\.toml, line 3: 2026"):
            read_law(tmp_path)
