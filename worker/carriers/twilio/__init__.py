"""Twilio's Calls API of 2010-04-01, without its SDK: that is 51 MB, and slower than what it is called for here.

=============== =========================================================================================
``adapter``     the requests; keeps the contract of :mod:`worker.carriers.base`
``translation`` Twilio's words in the dialer's
``codes``       what each code for a refused call is about, and what is done; with sources
``signature``   whether a callback is Twilio's
``twiml``       the instructions for Twilio about a callee who answered
=============== =========================================================================================

Twilio knows no key that makes a repeated request harmless, so none is repeated. It does not know our token either:
a request in doubt is searched for among the calls to that number at that moment. Calls above the rate of the account
it queues for up to a day.
"""

from __future__ import annotations

from worker.carriers.spec import CarrierSpec, Setting

SIMULATED_ACCOUNT = "AC" + "0" * 32


def tokens_of(value: str) -> list[str]:
    """``TWILIO_AUTH_TOKEN``: the one requests are made with, and, while it is rotated, another that callbacks may
    still be signed with, behind a comma."""
    return [token.strip() for token in value.split(",") if token.strip()]


SPEC = CarrierSpec(
    name="twilio",
    title="Twilio",
    adapter="worker.carriers.twilio.adapter:TwilioCarrier.from_settings",
    settings=(
        Setting("TWILIO_ACCOUNT_SID", required=True),
        Setting("TWILIO_AUTH_TOKEN", required=True, secret=True, check=lambda value: ",".join(tokens_of(value))),
        Setting("TWILIO_API_BASE_URL", "https://api.twilio.com", url=True),
    ),
    connects_by=("stream_url", "answer_url"),
    shares_credentials=True,
    api_setting="TWILIO_API_BASE_URL",
    protocol="worker.simulator.protocols.twilio:TwilioProtocol.from_options",
    codes="worker.carriers.twilio.codes:CODES",
    simulated=lambda at: {
        "TWILIO_ACCOUNT_SID": SIMULATED_ACCOUNT,
        "TWILIO_AUTH_TOKEN": at.secret,
        "TWILIO_API_BASE_URL": at.url,
    },
)
