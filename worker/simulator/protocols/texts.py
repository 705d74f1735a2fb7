"""How Twilio and Telnyx say that they refuse a call: statuses, codes and sentences as they publish them, or as they
have been seen. What the dialer makes of them stands elsewhere and is nobody's business here."""

from __future__ import annotations

TWILIO_REFUSED = {
    "too_many_requests": (429, 20429),
    "unauthorized": (401, 20003),
    "account_suspended": (403, 20005),
    "caller_id_not_allowed": (400, 21210),
    "caller_id_flagged": (400, 32017),
    "invalid_number": (400, 21211),
    "blocked_number": (400, 21216),
    "country_not_allowed": (400, 21215),
    "unverified_number": (400, 21219),
    "no_channel": (400, 10004),
    "malformed": (400, 20001),
    "unknown_call": (404, 20404),
    "no_such_path": (404, 20404),
}
"""Our words for why a request is refused, in Twilio's: HTTP status and error code."""

TELNYX_REFUSED = {
    "too_many_requests": (429, "10011"),
    "unauthorized": (401, "10009"),
    "account_suspended": (403, "D17"),
    "caller_id_not_allowed": (403, "D51"),
    "caller_id_flagged": (403, "D54"),
    "invalid_number": (422, "10016/to"),
    "blocked_number": (403, "D58"),
    "country_not_allowed": (403, "D13"),
    "unverified_number": (403, "D60"),
    "no_channel": (403, "90010"),
    "malformed": (400, "10015"),
    "unknown_call": (404, "10005"),
    "no_such_path": (404, "10005"),
}
"""The same in Telnyx's: HTTP status, error code, and the field at fault. A code of its switch stands in the sentence of
a 10010."""

TWILIO = {
    10004: "Call concurrency limit exceeded",
    20003: "Authenticate",
    20005: "Account {account} is not active",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    21210: "The source phone number provided, {from_number}, is not yet verified for your account.",
    21211: "The 'To' number {to_number} is not a valid phone number.",
    21215: "Account not authorized to call {to_number}. Perhaps you need to enable some international permissions: "
    "https://www.twilio.com/console/voice/calls/geo-permissions/low-risk",
    21216: "Account not allowed to call {to_number}",
    21219: "The number {to_number} is unverified. Trial accounts may only make calls to verified numbers.",
}
"""Messages by code (https://www.twilio.com/docs/api/errors)."""

TELNYX = {
    "10005": ("Resource not found", "The requested resource or URL could not be found."),
    "10009": ("Authentication failed", "The required authentication headers were invalid or not included."),
    "10010": ("Authorization failed", "You do not have permission to perform the requested action."),
    "10011": ("Too many requests", "You have exceeded the maximum number of allowed requests."),
    "10015": ("Bad Request", "The request failed because it was not well-formed."),
    "10016": ("Phone number must be in +E.164 format", "The specified phone number must be in +E.164 format."),
    "20100": ("Insufficient Funds", "You do not have sufficient funds to perform this action."),
    "90010": ("Channel limit exceeded", "User channel limit exceeded D1"),
    "90018": ("Call has already ended", "This call is no longer active and can't receive commands."),
}
"""Titles and details by code (https://developers.telnyx.com/development/api-fundamentals/api-errors); 90010 and 90018
are not published and have been seen."""

SWITCH = {
    "D1": "User channel limit exceeded",
    "D2": "OB profile channel limit exceeded",
    "D3": "Connection channel limit exceeded",
    "D11": "Destination Number {to_number} is invalid",
    "D12": "Destination Number {to_number} is not allowed for service plan us-48",
    "D13": "Dialed number {to_number} is not included in whitelisted countries USA,CAN",
    "D14": "Dialed number is not valid",
    "D17": "Account is disabled",
    "D22": "Channel limit exceeded",
    "D35": "Invalid Caller Origination Number",
    "D38": "Connection has no Outbound Profile assigned",
    "D40": "Not Found",
    "D51": "Unverified Caller Origination Number",
    "D54": "Restricted origination number",
    "D58": "Restricted destination number",
    "D60": "Can not make calls to non-verified numbers at this account level",
}
"""What stands before a code of Telnyx's switch, in the detail of a 10010
(https://support.telnyx.com/en/articles/4409457-telnyx-sip-response-codes); the others are ``Forbidden``."""
