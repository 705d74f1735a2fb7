"""Telnyx's Call Control of v2, without its SDK: that repeats requests by itself, and is 45 MB.

=============== =========================================================================================
``adapter``     the requests; keeps the contract of :mod:`worker.carriers.base`
``translation`` Telnyx's words in the dialer's
``refusals``    what a refusal says: which of its codes counts
``codes``       what each code is about, and what is done; with sources
=============== =========================================================================================

The call's id goes along as ``command_id``, under which Telnyx takes a request once within a minute; we send once all
the same. Calls cannot be searched for: a request in doubt is resolved by a callback, which brings our token back in
``client_state``, or by the call's provable end.
"""

from __future__ import annotations

from base64 import b64decode

from worker.carriers.spec import AssistantField, CarrierSpec, Setting

ASSISTANT_ID = AssistantField("telnyx_assistant_id", "An AI assistant at Telnyx.")


def _public_key(value: str) -> str:
    try:
        length = len(b64decode(value, validate=True))
    except ValueError:
        length = -1
    if length not in (0, 32):
        raise ValueError("Give the public key as the Telnyx portal shows it, 32 bytes in base64")
    return value


SPEC = CarrierSpec(
    name="telnyx",
    title="Telnyx",
    adapter="worker.carriers.telnyx.adapter:TelnyxCarrier.from_settings",
    settings=(
        Setting("TELNYX_API_KEY", required=True, secret=True),
        Setting("TELNYX_PUBLIC_KEY", required=True, secret=True, check=_public_key),
        Setting("TELNYX_CONNECTION_ID", required=True),
        Setting("TELNYX_API_BASE_URL", "https://api.telnyx.com", url=True),
    ),
    connects_by=(ASSISTANT_ID.key, "stream_url"),
    assistant_fields=(ASSISTANT_ID,),
    shares_credentials=True,
    api_setting="TELNYX_API_BASE_URL",
    protocol="worker.simulator.protocols.telnyx:TelnyxProtocol.from_options",
    codes="worker.carriers.telnyx.codes:CODES",
    simulated=lambda at: {
        "TELNYX_API_KEY": at.secret,
        "TELNYX_PUBLIC_KEY": at.public_key,
        "TELNYX_CONNECTION_ID": "simulated",
        "TELNYX_API_BASE_URL": at.url,
    },
)
