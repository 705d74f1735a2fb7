"""The manual: each page is there, shown by its name, linked from the README, and says what is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.lines_to_paste import FILES, PAGES
from tests.cli.running import ROOT, dialer, sentence
from tests.cli.terminal import terminal
from worker.cli import manual
from worker.domain.policies import listing, page_row
from worker.process.settings import settings_model

FOLDER = ROOT / "worker" / "manual"
LINK = re.compile(r"\]\(([^)#:]+)\)")


def test_the_pages_are_the_files_and_each_is_linked_from_the_readme() -> None:
    names = set(manual.PAGES)
    assert {path.stem for path in FOLDER.iterdir()} == names == set(PAGES)
    links = LINK.findall((ROOT / "README.md").read_text())
    assert {f"worker/manual/{name}.md" for name in names} <= set(links)
    assert {"tests/chaos/README.md", "tests/bench/README.md"} <= set(links)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_link_leads_somewhere(file: Path) -> None:
    assert [link for link in LINK.findall(file.read_text()) if not (file.parent / link).exists()] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_page_that_is_named_is_there(file: Path) -> None:
    named = re.findall(r"`dialer manual ([a-z]+)`", file.read_text())
    assert set(named) <= set(manual.PAGES)


def test_the_page_of_the_rules_has_every_rule_as_it_is_listed() -> None:
    rows = [line for line in (FOLDER / "calling-rules.md").read_text().splitlines() if re.match(r"\| [a-z]+\.", line)]
    assert rows == [page_row(each) for each in listing()["rules"]]


def test_without_a_page_the_pages_are_listed() -> None:
    answer = dialer("manual")
    assert answer.returncode == 0
    assert [line.split()[0] for line in answer.stdout.splitlines()] == list(manual.PAGES)


@pytest.mark.parametrize("name", list(manual.PAGES))
def test_a_pipe_gets_the_page_as_it_is_written(name: str) -> None:
    answer = dialer("manual", name)
    assert (answer.returncode, answer.stdout) == (0, (FOLDER / f"{name}.md").read_text())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("setings", "The manual has no page setings; did you mean settings?"),
        ("Carriers", "The manual has no page Carriers; did you mean carriers?"),
        ("phones", f"The manual has no page phones; its pages are {', '.join(manual.PAGES)}."),
    ],
)
def test_an_unknown_page_is_refused_with_what_was_probably_meant(name: str, said: str) -> None:
    answer = dialer("manual", name)
    assert (answer.returncode, answer.stdout, sentence(answer)) == (2, "", said)


def test_a_terminal_gets_it_laid_out_through_a_pager() -> None:
    with terminal("dialer", "manual", "api", lines=240, PAGER="cat") as shown:
        assert shown.ends() == 0
        assert shown.line("The API").strip() == "The API"  # no #
        assert "celery -A worker call" in shown.line("celery")


def test_every_variable_of_the_settings_is_in_their_table_and_no_other() -> None:
    table = (FOLDER / "settings.md").read_text().partition("| Variable |")[2].partition("\n\n")[0]
    named = {name for line in table.splitlines() for name in re.findall(r"`([A-Z][A-Z_]+)`", line.split("|")[1])}
    assert named == {name.upper() for name in settings_model().model_fields}
