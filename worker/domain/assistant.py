"""How the assistant of a campaign is connected to a callee who answered, and which carrier can do it how.

=============  ===========================================================================================
carrier        connects, the first that the assistant has
=============  ===========================================================================================
``simulator``  nobody: nobody answers
``telnyx``     a Telnyx AI assistant by its id · a media stream to ``stream_url``
``twilio``     a media stream to ``stream_url`` · the TwiML at ``answer_url``
=============  ===========================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Assistant:
    """What an assistant can be reached by; each may be missing."""

    stream_url: str | None = None
    answer_url: str | None = None
    telnyx_assistant_id: str | None = None


_NAMES = {"stream_url": "streamUrl", "answer_url": "answerUrl", "telnyx_assistant_id": "telnyxAssistantId"}
_WAYS = {"telnyx": ("telnyx_assistant_id", "stream_url"), "twilio": ("stream_url", "answer_url")}


def why_unreachable(carrier: str, assistant: Assistant) -> str | None:
    """The sentence that says what the assistant lacks to be connected by this carrier; ``None`` if nothing."""
    ways = _WAYS.get(carrier)
    if ways is None or any(getattr(assistant, way) for way in ways):
        return None
    names = " or ".join(_NAMES[way] for way in ways)
    return f"A call through {carrier} cannot be connected to this assistant; give the assistant a {names}."
