"""Every route of the application, whatever router it came with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from worker.api.app import app


def routes(of: Iterable[Any] | None = None) -> Iterator[tuple[str, str]]:
    """Method and path of each."""
    for route in app.routes if of is None else of:
        if hasattr(route, "methods"):
            yield from ((method, route.path_format) for method in sorted(route.methods or ()) if method != "HEAD")
        else:
            yield from routes(route.original_router.routes)  # how FastAPI keeps a router that was included
