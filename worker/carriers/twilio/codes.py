"""Twilio's codes for a refused call, each with its page of the dictionary (https://www.twilio.com/docs/api/errors)."""

from __future__ import annotations

from worker.carriers.base import Action
from worker.carriers.codes import About, Code

PAGE = "https://www.twilio.com/docs/api/errors/"
TRIAL = "a trial account may only call numbers that were verified at Twilio; verify this one there, or upgrade"


def _codes(about: About, action: Action, says: str = "", **meanings: str) -> list[Code]:
    """Lines that differ in nothing but their code and its meaning; names are codes behind an underscore."""
    return [Code(name[1:], about, action, meaning, f"{PAGE}{name[1:]}", says) for name, meaning in meanings.items()]


CODES = {line.code: line for line in [
    *_codes(About.RATE, Action.BACK_OFF,
            _20429="too many requests; not processed"),
    *_codes(About.CHANNELS, Action.CHANNELS,
            _10004="as many concurrent calls as the account may have"),
    *_codes(About.ACCOUNT, Action.STOP_ACCOUNT,
            _10001="the account is not active",
            _10002="a trial account does not support the feature",
            _10005="voice calling has been disabled for the account",
            _20003="permission denied: wrong credentials, or the account is suspended",
            _20005="the account is not active",
            _20006="access denied",
            _20008="test credentials cannot do this",
            _70051="authorization failed: account or key unknown, suspended, or without the permission"),
    *_codes(About.CALLER_ID, Action.RETIRE_NUMBER,
            _13214="invalid caller ID",
            _13248="invalid caller ID: too long",
            _21210="'From' is not verified",
            _21212="'From' is invalid",
            _21213="'From' is required"),
    *_codes(About.CALLER_ID, Action.REST_NUMBER,
            _32017="the callee's carrier blocked the call because of the calling number"),
    *_codes(About.CALLEE, Action.INVALID_NUMBER,
            _13223="invalid phone number format",
            _21201="no 'To' given",
            _21211="'To' is invalid",
            _21217="the phone number does not appear to be valid"),
    *_codes(About.CALLEE, Action.UNREACHABLE,
            _13224="the number is not supported, or invalid; perhaps an outage of its network",
            _21214="'To' cannot be reached"),
    *_codes(About.CALLEE, Action.BLOCKED,
            _13225="the call is forbidden",
            _13226="the country code is unknown",
            _13227="no permission for the country",
            _21202="'To' is a premium number",
            _21203="international calling is not enabled",
            _21215="no permission for the country",
            _21216="Twilio blocks calls to the number"),
    *_codes(About.CALLEE, Action.BLOCKED, TRIAL,
            _21219="'To' is not verified",
            _573002="'From' is not the trial number that was assigned to 'To'",
            _573005="'To' has not completed its verification"),
    *_codes(About.REQUEST, Action.MALFORMED,
            _20001="unknown parameters",
            _21205="invalid URL",
            _21206="invalid SendDigits",
            _21207="invalid IfMachine",
            _21208="invalid Timeout",
            _21209="invalid method",
            _21218="invalid ApplicationSid",
            _21609="invalid StatusCallback",
            _21626="invalid StatusCallbackEvent"),
]}  # fmt: skip
"""What each code has us do; any other goes by its HTTP status."""

BY_STATUS = {401: Action.STOP_ACCOUNT, 429: Action.BACK_OFF}
