"""Words that forbid a call: how to see that a column, or what stands in a cell, may be about being called at all.

Who makes a list says "do not call" in his own words, and a column of bans that is taken for any other calls people
who have asked not to be called. So these tables are wide, and what they take for a ban too much costs a renamed column.
What is plainly about another way to reach somebody (e-mail, text messages, letters, fax) is no ban on calls, unless
calls are named beside it.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import dropwhile, pairwise

from worker.domain.ban_phrases import PHRASES
from worker.domain.letters import key_of, word_set, words_of

_CALL = word_set(
    "call calls called calling caller callable callback callbacks phone phones phoned phoning telephone "
    "telephones telephoned telephoning tel dial dials dialed dialled dialing dialling dialer dialler dialable "
    "ring rings rang ringing voice robocall robocalls robocalling autodial autodialer autodialled autodialed "
    "telemarketing telemarketer telemarketers telemarket telesales coldcall coldcalls phonecall phonecalls "
    "outbound appel appels appeler anruf anrufe anrufen anruft llamada llamadas llamar chiamata chiamate chiamare "
    "bellen telefonieren telefonisch telefonische"
)
"""Words that say it is about calls."""
_CONTACT = word_set(
    "contact contacts contacted contacting contactable solicit solicits solicited soliciting solicitation "
    "solicitations disturb disturbed bother bothered outreach approach approached market marketed marketing "
    "communicate communication communications campaign campaigns pester harass reach use process kontakt kontakte "
    "contacter contactar contattare"
)
"""Words that may mean calls among other ways to reach somebody."""
_NOT = word_set(
    "not dont donot never cant cannot mustnt shouldnt wont doesnt stop stops stopped cease quit refuse refuses "
    "refused refusing refusal decline declines declined deny denies denied forbid forbids forbidden prohibit "
    "prohibits prohibited prohibition block blocks blocking blocked ban bans banned barred exclude excludes "
    "excluded excluding exclusion avoid revoke revokes revoked revocation withdraw withdraws withdrawn withdrew "
    "withdrawal remove removed restrict restricts restricted restriction restrictions objection objections object "
    "objects objected unwanted disallow disallowed rejects skip exempt optout optedout kein keine keinen keiner "
    "nicht pas aucun aucune jamais sin nunca nao geen niet nooit ikke aldrig inte ej nie nikdy removal "
    "unsubscribe unsubscribed verboten unerwunscht interdit interdits interdite prohibido vietato"
)
_CONSENT = word_set("consent consents consented permission permissions optin optedin")
_LACKING = _NOT | word_set("no without missing lacking lacks expired lapsed none")
_BETWEEN = 3
"""So many words may stand between a *not* and what is not to be done: ``do not ever try to call``."""
_NO_MORE = word_set("more further longer any phone cold sales marketing unsolicited outbound automated auto robo")
"""Words that may stand between ``no`` and it: ``no more sales calls``, but not ``no of calls``."""

_OTHER_WORDS = word_set(
    "mail mails mailing mailings mailer mms text texts texting txt fax faxes post postal letter letters push "
    "notification notifications cookie cookies brief briefe post posta courriel correo linkedin facebook viber "
    "wechat rcs edm telegram"
)
_OTHER_PARTS = (
    "email", "newsletter", "whatsapp", "sms", "optoutoffax", "optedoutoffax", "notmail", "nomail", "nottext", "notext",
    "notfax", "nofax",
)  # fmt: skip
"""Other ways to reach somebody."""

_WHOLE = word_set(
    "dnd ndnc dncr dncl tps ctps nix rpo repep sperre gesperrt gesperrte bloque bloques bloqueado bloqueada bloqueo "
    "bloqueados bloccato bloccata geblokkeerd zablokowany zablokowane opposizione opposizioni oposicion oposicao "
    "letiltva tiltott sparr sparrad sparrat sperret reservert reserveret nixad отказ unsub unsubs litigator litigators "
    "litigious untersagt unerwunscht"
)
"""Words that mean one wherever they stand."""
_ALONE = word_set(
    "blocked banned barred exclude excluded excludes exclusion exclusions restricted revoked withdrawn opposition "
    "refused remove removed removal"
)
"""Words that mean one if nothing else is said, but for words such as ``flag`` or ``date``."""
_BESIDE = word_set("is the on in at by date flag status list lists indicator yn y n field customer contact person")


_BY_ITSELF = word_set(
    "dnc dncl dnclist ondnc ondnclist ondonotcalllist donotcall donotcalls donotcalllist donotcallagain donotcallever "
    "donotevercall dontcall dontcallagain dontevercall donotphone dontphone donotdial donotring donotcontact "
    "dontcontact donotcontactagain donotsolicit nevercallagain nevercontactagain stopcalling stopcallingme "
    "nomorecalls optedoutofcalls optedoutcalls optedoutofcalling calloptout optoutofcalls optoutcalls phoneoptout "
    "optedoutofphone optedoutbyphone calloptedout callsoptedout internaldnc federaldnc statednc nationaldnc "
    "optedout optout askednottobecalled askednottocall pleasedonotcall pleasedontcall "
    "doesnotwantcalls doesntwantcalls nocallsplease "
    "requestednocalls donotcallrequest dncrequest donotcallrequested nichtanrufen bittenichtanrufen keineanrufe "
    "nepasappeler nollamar nonchiamare nietbellen naoligar"
)
_LONGEST_BY_ITSELF = 40


@lru_cache(maxsize=8192)
def forbids_by_itself(cell: str) -> bool:
    """Whether a cell can mean nothing else, whatever column it stands in: the ``DNC`` of a dialer's column of states.
    ``Never called`` or ``No contact`` say there what has been tried, and are none."""
    return len(cell) <= _LONGEST_BY_ITSELF and key_of(cell) in _BY_ITSELF


@lru_cache(maxsize=4096)
def forbids_calls(text: str) -> bool:
    """Whether the words may be a ban on calls: the name of a column, or what stands in one."""
    words = words_of(text)
    if names_other_channel(words) and not _CALL.intersection(words):
        return False
    return _says_it(words) or _not_to_be_called(words) or _lacks_consent(words)


def names_other_channel(words: list[str]) -> bool:
    """Whether they are about e-mail, messages, letters or fax."""
    return bool(_OTHER_WORDS.intersection(words)) or any(
        part in run for run in (*words, "".join(words)) for part in _OTHER_PARTS
    )


def names_calls(words: list[str]) -> bool:
    """Whether they are about calls."""
    return bool(_CALL.intersection(words))


def _says_it(words: list[str]) -> bool:
    rest = set(words) - _BESIDE
    if _WHOLE.intersection(words) or words == ["stop"] or (len(rest) == 1 and rest <= _ALONE):
        return True
    if {"opt", "opted", "opts"}.intersection(words) and {"out", "outs"}.intersection(words):
        return True
    return any(run.startswith(PHRASES) for run in _runs(words)) or any(
        part in word for word in words for part in PHRASES
    )


def _runs(words: list[str]) -> list[str]:
    """What is left from each word on: parts that are several words begin where a word does, or ``sound nc`` would
    have a ``dnc`` in it."""
    return ["".join(words[i:]) for i in range(len(words))]


def _not_to_be_called(words: list[str]) -> bool:
    return any(
        (word in _NOT and _is_about(words[i + 1 : i + 2 + _BETWEEN]))
        or (
            word in ("no", "non")
            and _is_about(list(dropwhile(_NO_MORE.__contains__, words[i + 1 :]))[:1] or words[i + 1 :])
        )
        or (word in _CALL and _is_unwelcome(words[i + 1 :]))
        for i, word in enumerate(words)
    )


def _is_about(words: list[str]) -> bool:
    return any(word in _CALL or word in _CONTACT for word in words)


def _is_unwelcome(after: list[str]) -> bool:
    """``calls refused``, ``calls not wanted``; but not ``call not answered``."""
    return any(a in _NOT and (a != "not" or b in _WELCOME) for a, b in _pairs([*after, ""]))


_WELCOME = word_set("allowed permitted wanted ok okay desired welcome accepted possible authorized authorised") | {""}


def _lacks_consent(words: list[str]) -> bool:
    return speaks_of_consent(words) and bool(_LACKING.intersection(words))


def speaks_of_consent(words: list[str]) -> bool:
    """Whether they are about a consent, an opt-in, a permission."""
    has_opt_in = any(a in ("opt", "opts", "opted") and b in ("in", "ins") for a, b in _pairs(words))
    return has_opt_in or bool(_CONSENT.intersection(words))


def _pairs(words: list[str]) -> list[tuple[str, str]]:
    return list(pairwise(words))
