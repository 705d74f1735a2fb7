"""Columns that say who may be called: there a *no* is what a *yes* is in a column of bans.

They stay custom fields, for what they say of others than those who said no is not ours to judge; but a plain *no* in
one, or words that forbid calls, bind as do-not-call.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from worker.domain.ban_words import forbids_calls, names_calls, names_other_channel, speaks_of_consent
from worker.domain.letters import key_of, word_set, words_of

_DETAILS = word_set(
    "date dates time timestamp at on source ip url text version method form id language count number reference "
    "record proof channel datum quelle fecha"
)
"""Words of columns about a consent that do not say whether there is one."""
_MAY = word_set("can may ok okay allow allows allowed accept accepts accepted agree agrees agreed want wants willing "
                 "safe free good permitted authorized authorised available")  # fmt: skip
_ONE = word_set("call called calls calling contact contacted phone phoned dial dialed dialled ring")
_BETWEEN = word_set("to be we i you us")
_WHOLE = word_set("callable contactable dialable subscribed reachable")
_KEYS = (
    "einwilligung", "zustimmung", "werbeeinwilligung", "darfangerufen", "anruferlaubt", "anruferlaubnis",
    "telefonerlaubnis", "consentement", "accordtelephon", "peutetreappel", "consentimiento", "autorizacion",
    "sepuedellamar", "consentimento", "autorizacao", "podeligar", "consenso", "toestemming", "magbellen", "samtycke",
    "samtykke", "suostumus", "zgoda", "souhlas", "suhlas", "hozzajarulas", "согласие", "onay", "izin",
)  # fmt: skip


_CALLS = word_set(
    "calls calling telemarketing telesales phonecalls robocalls telefonwerbung telefonmarketing werbeanrufe anrufe "
    "llamadas chiamate appels ligacoes"
)
_BESIDE_CALLS = word_set(
    "call phone telephone voice marketing sales cold outreach by via for the of autodialed automated"
)


@lru_cache(maxsize=1024)
def is_about_calls(name: str) -> bool:
    """Whether a column's name says no more than calls (``Marketing calls``, ``Phone marketing``): it may count them or
    have notes on them, but a plain word for *no* there is somebody's who wants none."""
    words = set(words_of(name))
    is_named = bool(_CALLS & words) or ("marketing" in words and bool(words & {"call", "phone", "telephone", "voice"}))
    return is_named and words <= _CALLS | _BESIDE_CALLS


@lru_cache(maxsize=1024)
def allows_calls(name: str) -> bool:
    """Whether a column of this name says who may be called."""
    words = words_of(name)
    if _DETAILS.intersection(words) or forbids_calls(name):
        return False
    if names_other_channel(words) and not names_calls(words):
        return False
    if speaks_of_consent(words) or _WHOLE.intersection(words) or key_of(name).startswith(_KEYS):
        return True
    if words == ["call"] and "?" in name:
        return True
    pairs = list(pairwise(word for word in words if word not in _BETWEEN))
    if {("by", "phone"), ("by", "telephone"), ("by", "call"), ("via", "phone")}.intersection(pairs):
        return True
    return any(a in _MAY and b in _ONE and (a, b) != ("may", "calls") for a, b in pairs) or any(
        a in _ONE and b in _MAY - {"may", "can", "free"} for a, b in pairs
    )
