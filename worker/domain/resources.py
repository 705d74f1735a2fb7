"""What a campaign is made of besides contacts: a team, a company, an assistant, numbers, the account they are called
with; and the numbers nobody calls. Each in the names of the API."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from worker.domain.assistant import api_name
from worker.domain.errors import Fault, Invalid
from worker.domain.fields import (
    Check,
    Rule,
    an_id,
    flag,
    freeform,
    number,
    one_of,
    read_fields,
    text,
    url,
    whole,
    wrong,
)
from worker.domain.screening import Phone, check_region, normalize

SLOWEST, FASTEST = 0.01, 1000.0
"""Calls per second that may be asked for."""
_SLUG = re.compile("[a-z0-9][a-z0-9-]{0,62}")
MOST_NUMBERS_AT_ONCE = 10_000


def _phone(region: str | None) -> Check:
    """A number that may be called, as E.164; without a country code it is one of the region."""

    def check(value: object, path: str) -> str:
        if not isinstance(value, str) or not value.strip():
            empty = "It is empty; give" if isinstance(value, str) else "Give"
            raise wrong(path, f"{empty} a phone number in international form, such as +12025550123.")
        read = normalize(text(64)(value, path), region)
        if isinstance(read, Phone):
            return read.e164
        raise wrong(path, read.message)

    return check


def _country(value: object, path: str) -> str:
    try:
        return check_region(text(64)(value, path))
    except Invalid as error:
        raise wrong(path, error.faults[0].message) from None


def _slug(value: object, path: str) -> str:
    if isinstance(value, str) and _SLUG.fullmatch(value):
        return value
    raise wrong(path, "Give 1 to 63 small letters, digits and hyphens, such as my-team.")


def _phones(region: str | None, known: Mapping[str, Sequence[str]]) -> Check:
    each = _phone(region)

    def check(value: object, path: str) -> list[str]:
        if not isinstance(value, list) or not value or len(value) > MOST_NUMBERS_AT_ONCE:
            size = f"; this one has {len(value)}" if isinstance(value, list) else ""
            raise wrong(path, f"Give a list of 1 to {MOST_NUMBERS_AT_ONCE} phone numbers{size}.")
        found: list[str] = []
        faults: list[Fault] = []
        for i, entry in enumerate(value):
            also = known.get(entry, ()) if isinstance(entry, str) else ()
            found.extend(also)
            try:
                found.append(each(entry, f"{path}[{i}]"))
            except Invalid as error:
                faults.extend(() if also else error.faults)
        if faults:
            raise Invalid(faults)
        return list(dict.fromkeys(found))

    return check


_NAME = Rule("name", text(200, least=1), required=True)
_RATE = Rule("calls_per_second", number(SLOWEST, FASTEST))
_ENABLED = Rule("enabled", flag, may_be_null=False)

TEAM_EDIT: Mapping[str, Rule] = {
    "name": _NAME,
    "maxConcurrentCalls": Rule("max_concurrent_calls", whole(1, 10_000), may_be_null=False),
    "country": Rule("country", _country),
}
TEAM: Mapping[str, Rule] = {"slug": Rule("slug", _slug, required=True), **TEAM_EDIT}
KEY: Mapping[str, Rule] = {"name": _NAME}
COMPANY: Mapping[str, Rule] = {"name": _NAME}
ASSISTANT: dict[str, Rule] = {
    "name": _NAME,
    "streamUrl": Rule("stream_url", url("wss", "ws")),
    "answerUrl": Rule("answer_url", url("https", "http")),
    "settings": Rule("settings", freeform, null={}),
}
NUMBER_EDIT: Mapping[str, Rule] = {
    "maxConcurrentCalls": Rule("max_concurrent_calls", whole(1, 1000), may_be_null=False),
    "callsPerSecond": _RATE,
    "enabled": _ENABLED,
}
NUMBER: Mapping[str, Rule] = {
    "number": Rule("number", _phone(None), required=True),
    "carrierAccountId": Rule("account_id", an_id, required=True),
    **NUMBER_EDIT,
}
ACCOUNT_EDIT: Mapping[str, Rule] = {
    "name": _NAME,
    "maxConcurrentCalls": Rule("max_concurrent_calls", whole(1, 10_000), may_be_null=False),
    "callsPerSecond": _RATE,
    "enabled": _ENABLED,
}
BAN: Mapping[str, Rule] = {
    "numbers": Rule("numbers", _phones(None, {}), required=True),
    "reason": Rule("reason", text(200), null=""),
}
_ALSO = ("teamId",)


def parse_company(body: object, *, is_new: bool = True) -> dict[str, Any]:
    """A company's fields by column. Raises :class:`Invalid` with every fault, as do all of these."""
    return read_fields(body, COMPANY, is_new=is_new, also=_ALSO)


def parse_assistant(body: object, carrier_ids: Collection[str], *, is_new: bool = True) -> dict[str, Any]:
    """An assistant's fields by column. ``carrier_ids`` are the fields that single carriers read, as answers call them:
    those given are together in the column of that name, ``None`` where one is to be cleared."""
    rules = {api_name(key): Rule(key, an_id) for key in carrier_ids}
    fields = read_fields(body, ASSISTANT | rules, is_new=is_new, also=_ALSO)
    ids = {key: fields.pop(key) for key in carrier_ids if key in fields}
    return fields | ({"carrier_ids": ids} if ids else {})


def parse_number(body: object, *, is_new: bool = True, region: str | None = None) -> dict[str, Any]:
    """A caller ID's fields by column. The number and its account are for life: calls and their records carry
    both. ``region`` is where a number without a country code belongs."""
    whole_rules = {**NUMBER, "number": Rule("number", _phone(region), required=True)}
    changes = read_fields(body, whole_rules if is_new else NUMBER_EDIT, is_new=is_new, also=_ALSO)
    if changes.get("enabled"):
        changes["disabled_reason"] = None
    return changes


def parse_account(
    body: object, carriers: Collection[str], set_up_by: Mapping[str, str], first_rates: Mapping[str, float | None]
) -> dict[str, Any]:
    """A new carrier account's fields by column. ``carriers`` are those this deployment can call with; those there could
    be are ``set_up_by`` these settings. Without a ``callsPerSecond`` the account has its carrier's first rate."""
    carrier = Rule("carrier", _carrier(carriers, set_up_by), required=True)
    account = read_fields(body, {"carrier": carrier, **ACCOUNT_EDIT}, also=_ALSO)
    account.setdefault("calls_per_second", first_rates.get(account["carrier"]))
    return account


def parse_account_edit(body: object) -> dict[str, Any]:
    """The fields of a carrier account to change, by column."""
    return read_fields(body, ACCOUNT_EDIT, is_new=False, also=_ALSO)


def _carrier(there: Collection[str], set_up_by: Mapping[str, str]) -> Check:
    """One of the carriers that are there; of one that could be, it is said what is missing."""
    every = sorted({*there, *set_up_by})
    word = one_of(*every)

    def check(value: object, path: str) -> str:
        carrier: str = word(value, path)
        if carrier not in there:
            needs = f"set {set_up_by[carrier]} for every process and start them again"
            now = f"; until then there is {', '.join(sorted(there))}" if there else ""
            raise wrong(path, f"This deployment cannot call through {carrier} yet: {needs}{now}.")
        return carrier

    return check


def parse_team(body: object, *, is_new: bool = True) -> dict[str, Any]:
    """A team's fields by column. Its slug is for life: it stands in the requests of the team's clients."""
    return read_fields(body, TEAM if is_new else TEAM_EDIT, is_new=is_new)


def parse_key_name(value: object) -> str:
    """What a bearer key is for."""
    name: str = read_fields({} if value is None else {"name": value}, KEY)["name"]
    return name


def parse_ban(
    body: object, *, region: str | None = None, known: Mapping[str, Sequence[str]] | None = None
) -> tuple[list[str], str]:
    """Numbers for the do-not-call list, in E.164, each once; and why. ``region`` is where those without a country code
    belong; ``known`` are the numbers that contacts have who are shown with such a text: they are meant, too."""
    read = read_fields(
        body, {**BAN, "numbers": Rule("numbers", _phones(region, known or {}), required=True)}, also=_ALSO
    )
    return read["numbers"], read.get("reason", "")
