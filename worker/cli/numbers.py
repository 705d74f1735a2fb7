"""``dialer numbers``."""

from __future__ import annotations

import click


@click.group()
def numbers() -> None:
    """Phone numbers: the caller IDs campaigns rotate over."""
