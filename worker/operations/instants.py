"""Instants as the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def instant(at: datetime | None) -> str | None:
    """UTC, whole seconds: ``2024-01-10T09:00:00Z``."""
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
