"""The requests to Twilio, and its callbacks; :mod:`worker.carriers.http` does the rest."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Unpack
from urllib.parse import parse_qsl, quote, urlencode

import httpx2

from worker.carriers.base import (
    BadEvent,
    BadSignature,
    CallEvent,
    CallRequest,
    CannotTell,
    CarrierCall,
    Greeting,
    Outcome,
)
from worker.carriers.http import NO_SUCH_CALL, HttpClient, Timeouts, unclear
from worker.carriers.twilio import SPEC, tokens_of, translation
from worker.carriers.twilio.signature import HEADER, is_signed
from worker.carriers.twilio.twiml import instructions

MOST_FIELDS = 200


class TwilioCarrier:
    """Calls through the account ``account_sid``. Requests are made with the first of the ``auth_tokens``, callbacks
    may be signed with any: while the token is rotated, two are good. One instance serves all threads of a process;
    bounds and ``client`` are those of :class:`~worker.carriers.http.HttpClient`."""

    name = SPEC.name
    shares_credentials = SPEC.shares_credentials

    def __init__(
        self,
        base_url: str,
        account_sid: str,
        auth_tokens: Sequence[str],
        client: httpx2.Client | None = None,
        **timeouts: Unpack[Timeouts],
    ) -> None:
        basic = b64encode(f"{account_sid}:{auth_tokens[0]}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Accept": "application/json"}
        self._http = HttpClient(base_url, headers, client, **timeouts)
        self._calls = f"/2010-04-01/Accounts/{quote(account_sid, safe='')}/Calls"
        self._account_sid = account_sid
        self._tokens = tuple(auth_tokens)

    @classmethod
    def from_settings(cls, settings: Mapping[str, str], client: httpx2.Client, request_seconds: float) -> TwilioCarrier:
        url, sid = settings["TWILIO_API_BASE_URL"], settings["TWILIO_ACCOUNT_SID"]
        return cls(url, sid, tokens_of(settings["TWILIO_AUTH_TOKEN"]), client, request_seconds=request_seconds)

    def close(self) -> None:
        self._http.close()

    def place(self, call_request: CallRequest) -> Outcome:
        return self._http.place(
            f"{self._calls}.json",
            form=translation.request(call_request),
            leave_by=call_request.leave_by,
            accepted=translation.accepted,
            rejected=translation.rejected,
        )

    def find(self, call_request: CallRequest) -> tuple[CarrierCall, ...] | CannotTell:
        """Among the newest calls between the two numbers, those made at the moment of the request. The list lags,
        and while a call is queued it has no start to search by. One that lives and was made at another moment may be
        ours all the same, by a clock that is wrong: it is not taken for ours, nor is its callee taken for free."""
        if call_request.dialed_at is None:
            return CannotTell("no moment to search for")
        query = urlencode({"To": call_request.to_number, "From": call_request.from_number, "PageSize": 50})
        views = self._http.listed(f"{self._calls}.json?{query}")
        if isinstance(views, CannotTell):
            return views
        of_then = [view for view in views if translation.may_be_of(view, call_request.dialed_at)]
        if not of_then and any(translation.is_live(view) for view in views):
            return CannotTell("a_call_of_another_moment")
        known = tuple(call for call in map(translation.carrier_call, of_then) if call is not None)
        return known if len(known) == len(of_then) else CannotTell("unreadable_call")

    def get(self, call_request: CallRequest, carrier_call_id: str) -> CarrierCall | CannotTell | None:
        answer = self._http.ask("GET", self._call(carrier_call_id))
        if isinstance(answer, CannotTell):
            return answer
        if answer.status == 404 and translation.code_of(answer) == "20404":
            return None
        if answer.status != 200:
            return unclear(answer)
        return translation.carrier_call(answer.document) or CannotTell("unreadable_call")

    def end(self, call_request: CallRequest, carrier_call_id: str) -> CannotTell | None:
        """Cancel the call, which leaves one that talks alone; only that is then completed. The other way round a
        call that nobody had answered would end as if somebody had."""
        answer = self._http.ask("POST", self._call(carrier_call_id), form={"Status": "canceled"})
        if isinstance(answer, CannotTell):
            return answer
        talks = answer.is_good and answer.document.get("status") == "in-progress"
        if not talks and translation.code_of(answer) != translation.NOT_IN_PROGRESS:
            return None if answer.is_good or answer.status == NO_SUCH_CALL else unclear(answer)
        answer = self._http.ask("POST", self._call(carrier_call_id), form={"Status": "completed"})
        if isinstance(answer, CannotTell):
            return answer
        is_over = answer.status == NO_SUCH_CALL or translation.code_of(answer) == translation.NOT_IN_PROGRESS
        return None if answer.is_good or is_over else unclear(answer)

    def parse(self, token: str, url: str, headers: Mapping[str, str], body: bytes) -> CallEvent:
        try:
            fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            fields = []
        given = next((value for name, value in headers.items() if name.lower() == HEADER.lower()), "")
        if not is_signed(self._tokens, url, fields, given):
            raise BadSignature("The signature does not fit the address and the fields.")
        if not fields:
            raise BadEvent("The body is not a form.")
        event = translation.call_event(token, dict(fields))
        return replace(event, other_account=translation.other_account(event.raw, self._account_sid))

    def instruct(self, greeting: Greeting | None) -> str:
        return instructions(greeting)

    def _call(self, carrier_call_id: str) -> str:
        return f"{self._calls}/{quote(carrier_call_id, safe='')}.json"
