"""``dialer campaigns report``: a page that needs nothing but itself, or a picture; and what it counts."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.cli.running import dialer, run, sentence
from tests.store.rows import call, ended, furnish
from tests.store.rows import campaign as make_campaign
from tests.world import World
from worker.carriers.simulated.protocol import Status
from worker.operations.report import CampaignReport, read_report
from worker.simulator.lives import Life
from worker.store.database import open_database
from worker.store.reads.reporting import BUCKETS

PNG = b"\x89PNG\r\n\x1a\n"


def settings_of(world: World) -> dict[str, str]:
    return {"DATABASE_URL": world.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)}


def report(world: World, campaign: str) -> CampaignReport:
    return read_report(world.dialer, world.team, campaign)


class Reader(HTMLParser):
    """What a page says, and everything in it that would be fetched or run."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tags: list[str] = []
        self.outside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            fetched = name in ("src", "href", "xlink:href") and not (value or "").startswith(("#", "data:"))
            if fetched or name.startswith("on"):
                self.outside.append(f"{tag} {name}={value}")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture
def done(world: World) -> str:
    """One answers in New York at noon, one in Tokyo whose clock reads two, one is busy and answers an hour later."""
    later = world.contact()
    contacts = [world.contact(), world.contact(timezone="Asia/Tokyo"), later]
    busy = Life(1, 0, ending=Status.BUSY)
    world.script({world.phone(later): [busy, Life(1, 30)], "*": Life(1, 30)})
    campaign = world.campaign(contacts, name="<b>Spring & $x$</b>", retryDelayMinutes=60, maxConcurrentCalls=2)
    world.run(campaign)
    world.until(campaign, "completed")
    return campaign


def test_a_report_counts_by_hour_try_and_the_callees_clock(world: World, done: str) -> None:
    found = report(world, done)
    noon = datetime(2027, 3, 1, 17, tzinfo=UTC)
    assert found.hours == {noon: {"answered": 2, "busy": 1}, noon + timedelta(hours=1): {"answered": 1}}
    assert found.attempts == {1: (3, 2), 2: (1, 1)}
    assert found.week.calls[0][17:19] == [2, 1], "Monday on the campaign's clock, which has no window: UTC"
    assert (found.week.calls[1][2], found.week.answers[1][2]) == (1, 1), "Tuesday in Tokyo"
    assert sum(map(sum, found.week.calls)) == 4
    assert found.use is not None
    assert (max(found.use.peaks), set(found.use.limits)) == (2, {2})
    assert len(found.use.peaks) == BUCKETS == len(found.use.edges) - 1


def test_slots_in_use_are_those_that_were_held_and_the_limit_is_what_it_was(
    world: World, own_database_url: str
) -> None:
    """Three calls: two overlap, one begins as they end, under a limit that was raised."""
    first = datetime(2026, 3, 1, 12, tzinfo=UTC)
    engine = open_database(own_database_url)
    with engine.begin() as conn:
        furnish(conn, "r")
        make_campaign(conn, "r", "_x")
        for n, (begins, ends, limit) in enumerate([(0, 100, 5), (50, 200, 5), (200, 400, 9)], 1):
            at = {"reserved_at": first + timedelta(seconds=begins), "claim_limits": [100, limit, 10, 100]}
            over = ended("answered") | {"ended_at": first + timedelta(seconds=ends)}
            call(conn, "r", n, of="_x", **at, **over)
    use = read_report(replace(world.dialer, db=engine), "team_r", "camp_r_x").use
    engine.dispose()
    assert use is not None
    assert (use.edges[0], use.edges[-1]) == (first, first + timedelta(seconds=400))
    assert {n: use.peaks[n] for n in (10, 75, 150, 300)} == {10: 1, 75: 2, 150: 1, 300: 1}
    assert (use.limits[10], use.limits[300]) == (5, 9)


def test_the_page_holds_everything_and_fetches_nothing(world: World, done: str, tmp_path: Path) -> None:
    path = tmp_path / "spring.html"
    answer = dialer("campaigns", "report", done, "--output", str(path), **settings_of(world))
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, f"{path}\n", "")
    page = Reader(path.read_text())
    assert page.outside == []
    assert page.tags.count("figure") == page.tags.count("svg") == 4
    assert not {"script", "link", "iframe", "img", "b"} & set(page.tags)
    said = " ".join(" ".join(page.text).split())
    assert "<b>Spring & $x$</b>" in said
    assert re.search(
        r"contacts 3 reached 3 not reached 0 cannot be called 0 left 0 calls 4 of calls answered 75\.0 %", said
    ), said
    assert "busy 1 25.0 %" in said
    again = dialer("campaigns", "report", done, "--output", str(tmp_path / "2.html"), **settings_of(world))
    assert again.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["empty", "one call", "no answer", "live"])
@pytest.mark.parametrize("ending", [".html", ".PNG"])
def test_little_to_say_is_said_too(world: World, tmp_path: Path, kind: str, ending: str) -> None:
    world.script({"*": Life(1, 0, ending=Status.BUSY) if kind == "no answer" else Life(1, 300)})
    campaign = world.campaign(world.contacts(1), maxAttemptsPerContact=1)
    if kind != "empty":
        world.run(campaign)
        world.advance(2)
    if kind in ("one call", "no answer"):
        world.until(campaign, "completed")
    path = tmp_path / f"report{ending}"
    answer = dialer("campaigns", "report", campaign, "--output", str(path), **settings_of(world))
    assert (answer.returncode, answer.stderr) == (0, "")
    if ending == ".PNG":
        assert path.read_bytes().startswith(PNG)
    else:
        assert ("No call has been placed yet." in path.read_text()) is (kind == "empty")
    if kind == "live":
        world.finish_all()


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("report.pdf", "--output: report.pdf must end in .html or .png."),
        ("nowhere/report.html", "--output: nowhere/report.html cannot be written (No such file or directory)"),
        (".", "--output: . must end in .html or .png."),
    ],
)
def test_where_it_cannot_be_written_is_one_sentence(world: World, done: str, output: str, said: str) -> None:
    answer = dialer("campaigns", "report", done, "--output", output, **settings_of(world))
    assert answer.returncode == 2
    assert sentence(answer).startswith(said)


def test_without_matplotlib_one_sentence_says_what_to_install(world: World, done: str, tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ImportError('not installed')")
    settings = {**settings_of(world), "PYTHONPATH": str(tmp_path)}
    answer = run("python", "-m", "worker", "campaigns", "report", done, **settings)
    assert answer.returncode == 2
    assert sentence(answer) == "Drawing needs matplotlib; install it with: python -m pip install matplotlib"


def test_a_campaign_that_is_not_there_is_said_not_to_be(world: World) -> None:
    answer = dialer("campaigns", "report", "camp_1", **settings_of(world))
    assert (answer.returncode, sentence(answer)) == (3, "No campaign with id camp_1; check the id and the team.")
