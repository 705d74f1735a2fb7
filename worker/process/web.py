"""How the web process is served, named so that whoever starts one need not load what it serves."""

from __future__ import annotations

from typing import Any

APPLICATION = "worker.api.app:app"

LARGEST_HEAD_BYTES = 16 * 1024
"""Of an unfinished head; what came in at once is measured by the middleware."""

STOP_SECONDS = 20
"""How long requests under way may take when the process is asked to end; platforms kill it after 30 s."""

OPTIONS: dict[str, Any] = {
    "http": "worker.api.server:Protocol",
    "ws": "none",
    "proxy_headers": False,
    "server_header": False,
    "h11_max_incomplete_event_size": LARGEST_HEAD_BYTES,
    "timeout_graceful_shutdown": STOP_SECONDS,
    "log_config": None,
    "access_log": False,
}
"""How uvicorn serves the application, wherever it does. The middleware decides whose word on a client's address counts
(``TRUSTED_PROXIES``), not uvicorn, which believes everybody on this machine."""
