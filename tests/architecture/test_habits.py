"""Habits that a tool can hold: layers, and reasons beside whatever is excepted from a check."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

SOURCES = [path for folder in ("worker", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]
TYPE_IGNORE = re.compile(r"# type: ignore")
WITH_REASON = re.compile(r"# type: ignore\[[\w, -]+\]  # \S")
NOQA = re.compile(r"# noqa")
NOQA_WITH_REASON = re.compile(r"# noqa: [A-Z]+\d+  (# )?\S")


def _lines(pattern: re.Pattern[str], exemplary: re.Pattern[str], paths: list[Path]) -> list[str]:
    """Where a line has ``pattern`` and is not ``exemplary``."""
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line) and not exemplary.search(line)
    ]


def test_imports_keep_to_the_layers_and_no_module_is_left_out() -> None:
    """The contracts of ``pyproject.toml``; that of the layers is exhaustive, so a new module must take its place."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    linted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout


def test_every_type_ignore_says_why() -> None:
    others = [path for path in SOURCES if path != Path(__file__)]
    assert _lines(TYPE_IGNORE, WITH_REASON, others) == []


def test_every_noqa_of_the_product_says_why() -> None:
    assert _lines(NOQA, NOQA_WITH_REASON, [path for path in SOURCES if path.is_relative_to(ROOT / "worker")]) == []


@pytest.mark.parametrize(
    "line", ["x = 1  # type: ignore", "x = 1  # type: ignore[misc]", "x = 1  # type: ignore[misc]  "]
)
def test_a_bare_type_ignore_is_found(line: str) -> None:
    assert TYPE_IGNORE.search(line)
    assert not WITH_REASON.search(line)
