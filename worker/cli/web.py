"""``dialer web``: the web process."""

from __future__ import annotations

import click
import uvicorn

from worker.domain.law import law
from worker.process.settings import read_settings
from worker.process.web import APPLICATION, OPTIONS


@click.command()
@click.option("--host", default="0.0.0.0", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), envvar="PORT", default=8000, help="Default $PORT or 8000.")
def web(host: str, port: int) -> None:
    """Serve the API and its pages (/docs, /openapi.json), the carriers' callbacks, /healthz and /readyz."""
    read_settings()
    law()
    uvicorn.run(APPLICATION, host=host, port=port, **OPTIONS)
