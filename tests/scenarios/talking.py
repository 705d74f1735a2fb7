"""An assistant as people run them: a small HTTP server that is sent a call's parameters, and reports by the API."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2
from redis import Redis

from tests.carriers.receiver import Received, Receiver
from tests.patience import PATIENCE_SECONDS


class Assistant:
    """Reports of each callee, by the name it was sent, what stands in ``words``: while they talk."""

    def __init__(self, api: str, words: Mapping[str, Mapping[str, Any]]) -> None:
        self.sent: list[dict[str, str]] = []
        self.answers: list[dict[str, Any]] = []
        self._api, self._words = api, words
        self._client = httpx2.Client(timeout=PATIENCE_SECONDS, transport=httpx2.HTTPTransport(verify=False))
        self._server = Receiver()
        self._server.status, self._server.answer = lambda received: 200, self._talk
        self.url = self._server.start().url

    def close(self) -> None:
        self._server.close()
        self._client.close()

    def _talk(self, received: Received) -> bytes:
        parameters = received.message
        self.sent.append(parameters)
        answer = self._client.post(
            f"{self._api}/api/crm/calls/{parameters['callId']}/outcome",
            json=dict(self._words[parameters["name"]]),
            headers={"Authorization": f"Bearer {parameters['callToken']}"},
        )
        self.answers.append(answer.json())
        return b""


@contextmanager
def monitored(url: str) -> Iterator[list[str]]:
    """Every command that Redis is given meanwhile."""
    commands: list[str] = []
    redis = Redis.from_url(url)

    def collect() -> None:
        for command in monitor.listen():
            commands.append(str(command["command"]))
            if "end of the watch" in command["command"]:
                return

    with redis.monitor() as monitor:
        thread = threading.Thread(target=collect, daemon=True)
        thread.start()
        yield commands
        Redis.from_url(url).echo("end of the watch")
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive(), "Redis ends its report"
    redis.close()
