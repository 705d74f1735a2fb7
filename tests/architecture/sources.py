"""The modules of the package as text and as syntax, for tests that read them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import worker

ROOT = Path(worker.__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Module:
    """One module: its dotted name, its text and its syntax tree."""

    name: str
    text: str
    tree: ast.Module


def _read(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    text = path.read_text()
    return Module(".".join(parts).removesuffix(".__init__"), text, ast.parse(text))


MODULES = [_read(path) for path in sorted((ROOT / "worker").rglob("*.py"))]
