"""What is printed: the machine, the table, and, where a target is missed, where the time went."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
import psycopg

from tests.bench.deployment import REPOSITORY
from tests.bench.throughput import Round
from worker.dev.stack import Stack
from worker.slots import connect

HEAVIEST = 8


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: ``value`` and ``beside`` (its reference, measured in the same run) in ``unit``; their ``ratio`` is
    judged by ``at_least`` or ``at_most``, or only shown. ``key`` names it in the JSON line. Where there is no figure,
    ``missing`` says why."""

    key: str
    what: str
    value: float | None = None
    beside: float | None = None
    unit: str = ""
    reference: str = ""
    ratio: float = 0.0
    at_least: float | None = None
    at_most: float | None = None
    rounds: Sequence[float] = ()
    missing: str | None = None

    @property
    def is_missed(self) -> bool:
        if self.missing is not None:
            return True
        below = self.at_least is not None and self.ratio < self.at_least
        return below or (self.at_most is not None and self.ratio > self.at_most)

    @property
    def target(self) -> str:
        words = f"≥ {self.at_least:g}" if self.at_least is not None else ""
        return f"≤ {self.at_most:g}" if self.at_most is not None else words

    def cells(self) -> tuple[str, ...]:
        if self.missing is not None:
            return self.what, "no figure", "", "", "", "missed", self.missing
        verdict = "" if not self.target else "missed" if self.is_missed else "met"
        rounds = " ".join(f"{value:.2f}" for value in self.rounds)
        measured, beside = _amount(self.value, self.unit), _amount(self.beside, self.reference or self.unit)
        return self.what, measured, beside, f"{self.ratio:.2f}", self.target, verdict, rounds


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    return f"{value:,.{0 if abs(value) >= 100 else 1 if abs(value) >= 1 else 3}f} {unit}".strip()


def say(what: str) -> None:
    """Progress, for whoever watches."""
    click.echo(what, err=True)


def as_json(figures: Sequence[Figure]) -> str:
    """All figures in one figure."""
    return json.dumps(
        {
            figure.key: {
                "value": None
                if figure.missing is not None
                else _short(figure.value if figure.value is not None else figure.ratio),
                "reference": _short(figure.beside),
                "ratio": None if figure.missing is not None else _short(figure.ratio),
                "target": figure.target or None,
                "unit": figure.unit or None,
                **({} if figure.missing is None else {"missing": figure.missing}),
            }
            for figure in figures
        },
        ensure_ascii=False,
    )


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def table(figures: Sequence[Figure]) -> str:
    """The figures under each other, in columns."""
    rows = [
        ("figure", "measured", "reference", "value", "target", "", "rounds"),
        *(figure.cells() for figure in figures),
    ]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def machine(stack: Stack) -> str:
    """What it runs on, without saying where."""
    with psycopg.connect(stack.postgres.url) as conn:
        postgres = conn.execute("SHOW server_version").fetchone()
    with connect(stack.valkey.url) as redis:
        server = redis.info("server")
    valkey = server.get("valkey_version") or server["redis_version"]
    return (
        f"{os.cpu_count()} × {_processor()}, Python {platform.python_version()}, "
        f"PostgreSQL {postgres[0] if postgres else '?'}, Valkey {valkey}; commit {_commit()}"
    )


def split(name: str, rounds: Sequence[Round]) -> list[str]:
    """Where the time of these rounds went: what each part computed, and the statements that took longest,
    as the process under test saw them (waiting for its own threads included)."""
    parts = rounds[0].processor_seconds
    said = []
    if parts:
        a_call = ", ".join(f"{part} {_ms([r.processor_seconds[part] for r in rounds])}" for part in parts)
        a_task = ", ".join(f"{part} {_ms([r.reference.processor_seconds[part] for r in rounds])}" for part in parts)
        said = [f"{name}: computed for a call: {a_call}; for a task of the reference: {a_task}"]
    calls = sum(r.calls for r in rounds)
    seconds: dict[str, float] = {}
    counts: dict[str, float] = {}
    for one in rounds:
        for what, amount in one.commands.items():
            who, _, statement = what.partition(":")
            kind, _, words = statement.partition(":")
            if kind in ("s", "n"):
                sums = seconds if kind == "s" else counts
                sums[f"{who}: {words}"] = sums.get(f"{who}: {words}", 0) + amount
    for words in sorted(seconds, key=lambda w: -seconds[w])[:HEAVIEST]:
        a_call, each = 1000 * seconds[words] / calls, 1000 * seconds[words] / counts[words]
        said.append(f"  {a_call:.3f} ms a call, in {counts[words] / calls:.3f} × {each:.1f} ms: {words[:90]}")
    return said


def _ms(seconds: Sequence[float]) -> str:
    return f"{1000 * median(seconds):.2f} ms"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    changed = _git("status", "--porcelain", "--", "worker", "schema.sql")
    return f"{_git('rev-parse', '--short', 'HEAD') or 'unknown'}{' with changes' if changed else ''}"


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout.strip()
