"""The server the application runs in: uvicorn, with bounds where it has none.

uvicorn waits for the rest of a request's head, and for a client that does not read its answer, for as long as they
please; a few thousand of either take every file descriptor there is, and carriers are refused. Bodies are bounded by
:mod:`worker.api.middleware`, which can answer their senders.
"""

from __future__ import annotations

import asyncio
import secrets

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from worker.api.envelope import failure, render
from worker.process.settings import settings


class Protocol(H11Protocol):
    """One connection. The head of a request must be whole ``REQUEST_HEAD_SECONDS`` after its first byte (of the
    first request: after the connection), and an answer must be read that fast too, or the connection ends."""

    _head: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there."""
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn names the kind asyncio gives it
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Some bytes; whoever is still in the middle of a head has no more time for that."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._expect_head()
        else:
            self._forget_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """They are gone."""
        self._forget_head()
        self._forget_reading()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """The next request may take its time to begin: uvicorn bounds that."""
        self._forget_head()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client has not read what is under way to it."""
        super().pause_writing()
        self._reading = self._reading or self.loop.call_later(settings().request_head_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads."""
        self._forget_reading()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """What is not HTTP is answered in the envelope, as everything is."""
        request_id = f"req_{secrets.token_hex(12)}"
        body = render(failure(request_id, 400, msg)).encode()
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-Request-Id", request_id),
            ("X-Content-Type-Options", "nosniff"),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
        ]
        answer = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
        for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _expect_head(self) -> None:
        self._head = self._head or self.loop.call_later(settings().request_head_seconds, self._give_up)

    def _give_up(self) -> None:
        self._head = None
        if self.transport.is_closing():
            return
        if self.conn.trailing_data[0] and self.conn.our_state is h11.IDLE:
            self.send_400_response("The head of the request did not come to its end in time.")
        else:
            self.transport.close()

    def _forget_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _forget_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
