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

RETRY_SECONDS = 0.1


class Assistant:
    """Reports of each callee, by the name it was sent, what stands in ``words``: while they talk, and again until it is
    answered. ``answers`` are in the order in which they came."""

    def __init__(self, api: str, words: Mapping[str, Mapping[str, Any]]) -> None:
        self.sent: list[dict[str, str]] = []
        self.answers: list[dict[str, Any]] = []
        self._api, self._words = api, words
        self._over = threading.Event()
        self._client = httpx2.Client(timeout=PATIENCE_SECONDS, transport=httpx2.HTTPTransport(verify=False))
        self._server = Receiver()
        self._server.status, self._server.answer = lambda received: 200, self._talk
        self.url = self._server.start().url

    def close(self) -> None:
        self._over.set()
        self._server.close()
        self._client.close()

    def _talk(self, received: Received) -> bytes:
        parameters = received.message
        self.sent.append(parameters)
        report = dict(self._words[parameters["name"]])
        threading.Thread(target=self._report, args=(parameters, report), daemon=True).start()
        return b""

    def _report(self, parameters: Mapping[str, str], report: Mapping[str, Any]) -> None:
        while not self._over.is_set():
            try:
                answer = self._client.post(
                    f"{self._api}/api/crm/calls/{parameters['callId']}/outcome",
                    json=report,
                    headers={"Authorization": f"Bearer {parameters['callToken']}"},
                )
            except httpx2.TransportError:
                self._over.wait(RETRY_SECONDS)
                continue
            if answer.status_code < 500:
                self.answers.append(answer.json())
                return
            self._over.wait(RETRY_SECONDS)


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
