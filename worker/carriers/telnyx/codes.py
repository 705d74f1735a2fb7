"""Telnyx's codes for a refused call: those of its API, and those of its switch, which stand within a ``detail``.

Most of what can be wrong with a call comes as HTTP 403 with code 10010, "authorization failed", and only the ``D`` code
in the sentence distinguishes the causes: ``Dialed number … is not included in whitelisted countries … D13``.
"""

from __future__ import annotations

from worker.carriers.base import Action
from worker.carriers.codes import About, Code

API = "https://developers.telnyx.com/development/api-fundamentals/api-errors"
SWITCH = "https://support.telnyx.com/en/articles/4409457-telnyx-sip-response-codes"
SEEN = "not published; seen in "
TRIAL = "at its level the Telnyx account may only call verified numbers; verify this one there, or upgrade"


def _codes(about: About, action: Action, source: str, says: str = "", **meanings: str) -> list[Code]:
    """Lines that differ in nothing but their code and its meaning; names are codes, digits behind an underscore."""
    return [Code(name.lstrip("_"), about, action, meaning, source, says) for name, meaning in meanings.items()]


CODES = {line.code: line for line in [
    *_codes(About.RATE, Action.BACK_OFF, API,
            _10011="too many requests"),
    *_codes(About.CHANNELS, Action.CHANNELS, SEEN + "a public test of another dialer",
            _90010="channel limit exceeded"),
    *_codes(About.CHANNELS, Action.CHANNELS, SWITCH,
            D1="concurrent calls of the account",
            D10="concurrent calls of the account",
            D2="concurrent calls of the outbound voice profile",
            D22="concurrent calls of account, profile or connection",
            D3="concurrent calls of the connection",
            D4="concurrent calls of the connection",
            D5="concurrent calls of all numbers with channel billing",
            D56="concurrent calls of all numbers with global channel billing"),
    *_codes(About.ACCOUNT, Action.STOP_ACCOUNT, API,
            _10009="authentication failed",
            _10010="authorization failed, and no D code says at what",
            _20001="the API key is not valid",
            _20002="the API key has expired or was revoked",
            _20010="the account is blocked, not active or not verified",
            _20012="the account is blocked, not active or not verified",
            _20013="the account is blocked, not active or not verified",
            _20014="the account is blocked, not active or not verified",
            _20100="insufficient funds"),
    *_codes(About.ACCOUNT, Action.STOP_ACCOUNT, SWITCH,
            D15="the outbound voice profile is disabled",
            D16="the connection is disabled",
            D17="the account is disabled",
            D18="the connection is not active",
            D19="the account is blocked for its balance",
            D25="no account by this address and user name",
            D26="no connection for the caller",
            D29="an invalid token or address",
            D38="the connection has no outbound voice profile",
            D7="the connection has no outbound voice profile"),
    *_codes(About.CALLER_ID, Action.RETIRE_NUMBER, SWITCH,
            D34="the caller ID is of a country that the plan does not call from",
            D35="the caller ID is invalid",
            D36="the caller ID belongs to another account",
            D46="the caller ID is on a do-not-originate list",
            D49="the caller ID does not exist",
            D51="the caller ID has not been verified",
            D52="the caller ID is restricted",
            D53="the caller ID is forbidden",
            D54="the caller ID is restricted for its reputation",
            D63="the caller ID is not ported yet",
            D64="the caller ID still lacks documents"),
    *_codes(About.CALLEE, Action.INVALID_NUMBER, SWITCH,
            D11="the destination number is invalid",
            D14="the dialed number is not valid",
            D50="the destination number does not exist"),
    *_codes(About.CALLEE, Action.UNREACHABLE, SWITCH,
            D21="nothing is behind the destination number",
            D40="no route to the destination number",
            D48="nothing is behind the destination number"),
    *_codes(About.CALLEE, Action.BLOCKED, SWITCH,
            D12="the destination is not in the service plan",
            D13="the destination's country is not among those the profile allows",
            D24="the destination costs more a minute than the profile allows",
            D37="an emergency number",
            D41="the destination's prefix is forbidden",
            D58="the destination number is restricted",
            D59="a short or special number that cannot be called from here",
            D8="an emergency number"),
    *_codes(About.CALLEE, Action.BLOCKED, SWITCH, TRIAL,
            D60="a number that is not verified, at this level of the account",
            D61="not at this level of the account"),
    *_codes(About.CALLEE, Action.BLOCKED, SEEN + "public reports of other clients", TRIAL,
            _10039="only verified destinations at this level of the account"),
    *_codes(About.CALLEE, Action.LATER, SWITCH,
            D39="the day's limit of spending abroad is reached",
            D9="the number abroad was called too often within a minute"),
    *_codes(About.REQUEST, Action.MALFORMED, API,
            _10003="invalid URL",
            _10004="a required parameter is missing",
            _10006="an invalid id",
            _10015="bad request",
            _10023="invalid JSON"),
    *_codes(About.REQUEST, Action.MALFORMED, SWITCH,
            D44="the connection id is invalid"),
]}  # fmt: skip
"""What each code has us do; any other goes by its HTTP status. Left out are the switch's codes for calls that come in
(D65), for SIP addresses and transfers (D30 D31 D42), and for what we never ask for (D57). D10 is taken as the switch's
list has it now; once it was a forbidden header, which we send none of."""

CALLS_ITSELF = Code("D53", About.CALLEE, Action.BLOCKED, "the destination number is the caller ID itself", SWITCH)
"""What D53 says of a contact whose number is the one it is called from. Telnyx's other list of these codes has D52 to
D54 as restrictions of the caller ID, so of any other call it is taken for that
(https://developers.telnyx.com/docs/voice/sip-trunking/troubleshooting/response-codes)."""

BY_FIELD = {"to": Action.INVALID_NUMBER, "from": Action.RETIRE_NUMBER}
"""What a 400 or 422 has us do whose ``source.pointer`` ends in this field, whatever its code."""
