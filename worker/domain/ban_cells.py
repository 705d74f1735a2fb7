"""What stands in a column of bans: who may not be called, said in people's words.

An opt-out in any words is one: *yes* in many languages, a mark, a number but zero, a date, and whatever forbids calls.
What plainly says no, or nothing, is none. Everything else cannot be read: it binds as do-not-call, for to leave one
out by mistake costs a call, and to call one costs a complaint; and it is reported, for somebody to look at.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from functools import lru_cache

from worker.domain.ban_words import forbids_calls
from worker.domain.letters import key_of, plainly_spaced

LONGEST_READ = 100
"""Characters of a cell that can be an answer; a longer text is none."""


class BanAnswer(Enum):
    """What a cell says to the question of its column."""

    NOTHING = "nothing"
    NO = "no"
    MAY_BE_CALLED = "may be called"
    YES = "yes"
    BAN = "ban"
    UNREADABLE = "unreadable"


BINDS = frozenset((BanAnswer.YES, BanAnswer.BAN, BanAnswer.UNREADABLE))
"""Answers of a column of bans after which nobody is called."""
REFUSES = frozenset((BanAnswer.NO, BanAnswer.BAN))
"""Answers of a column of consents after which nobody is called."""

_WORDS = {
    BanAnswer.NOTHING: ("na nan none null nil blank empty unset notset undefined notapplicable keine leer vide vacio"),
    BanAnswer.NO: (
        "no n nope false f off not nein falsch non faux nee onwaar falso nao nej nei ei epatosi falskt falsk usant nie "
        "falsz ne nem hamis hayir h yanlis nu fals ni tidak khong unchecked unmarked unticked нет н ні не ложь οχι "
        "ψευδησ いいえ 否 不 不是 아니오 아니요 لا לא नही 無 无 偽"
    ),
    BanAnswer.MAY_BE_CALLED: (
        "ok okay oktocall okaytocall oktocontact cancall canbecalled maycall maybecalled callable callok callallowed "
        "callsallowed callsok allowed permitted optin optedin subscribed consent consented consentgiven notdnc nodnc "
        "nondnc notondnc notonlist notondnclist notlisted unlisted notregistered unregistered clear clean docall "
        "pleasecall acceptscalls accepts anrufenerlaubt erlaubt autorise permitido"
    ),
    BanAnswer.YES: (
        "yes y yep yeah yup true t on x ja j jawohl wahr oui o vrai si s sim verdadero verdadera verdadeiro vero certo "
        "waar sant sand tosi kylla k tak prawda ano igen igaz evet dogru da jes jah taip ya co dung checked marked "
        "ticked listed registered confirmed requested да д так истина правда ναι αληθησ はい 是 예 네 نعم כן 有 真"
    ),
}
_MEANS = {word: answer for answer, words in _WORDS.items() for word in words.split()}
_BEGINS_YES = {word for word in _WORDS[BanAnswer.YES].split() if len(word) > 1 or word == "y"} - {
    "co",
    "on",
    "da",
    "tak",
}
_NOTHING_SIGNS = frozenset(("", "-", "--", "---", "–", "—", "―", "−", ".", "_", "/", "\\", "☐", "□", "▢", "#n/a", "()"))
_MARKS = frozenset("✓✔☑☒✅🗹√●⬤■◉⦿○〇\ufe0f")
_NUMBER = re.compile(r"[+-]?[0-9]{1,8}([.,][0-9]{1,15})?%?")
_ZEROS = re.compile(r"[-+]?[ .,:/\-TtZz%]*0[0 .,:/\-TtZz%]*")
_MONTH = (
    "jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez|fev|fév|avr|juin|juil|aoû|déc|ene|abr|ago|dic|gen|"
    "mag|giu|lug|set|ott|mei|maj|mrt"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?\.?"
_YEAR = r"(?:\d{4}|\d{2})"
_DATE = re.compile(
    r"(?:\d{4}[-/.年] ?\d{1,2}[-/.月] ?\d{1,2}日?|\d{1,2}[-/. ]+\d{1,2}[-/. ]+" + _YEAR + r"|\d{4}-\d{2}"
    rf"|(?:{_DAY}[- ]*)?(?:{_MONTH})[^\W\d]*\.?[-, ]+(?:{_DAY}[-, ]+)?{_YEAR})(?:[T ,]+\d{{1,2}}:\d{{2}}.*)?",
    re.IGNORECASE,
)
_FIRST = re.compile(r"[\s,;:(/–—-]")
_FUNCTION = re.compile(r"^=?\s*([^\W\d]+)\s*\(\s*\)$")


def read_ban(cell: str) -> BanAnswer:
    """What the cell says. A long text is no answer."""
    return BanAnswer.UNREADABLE if len(cell) > LONGEST_READ else _read(cell)


@lru_cache(maxsize=8192)
def _read(cell: str) -> BanAnswer:
    text = plainly_spaced(unicodedata.normalize("NFKC", cell)).strip("'\"“”„«»").strip()
    called = _FUNCTION.match(text)
    text = (called[1] if called else text).rstrip(".! ").casefold()
    if text in _NOTHING_SIGNS:
        return BanAnswer.NOTHING
    if _ZEROS.fullmatch(text):
        # A date of zeros is how a database writes none.
        return BanAnswer.NO
    if _NUMBER.fullmatch(text) or _DATE.fullmatch(text) or _MARKS.issuperset(text):
        return BanAnswer.YES
    if "?" in text:
        return BanAnswer.UNREADABLE
    meant = _MEANS.get(key_of(text))
    if meant is not None:
        return meant
    if forbids_calls(text):
        return BanAnswer.BAN
    return BanAnswer.YES if key_of(_FIRST.split(text, maxsplit=1)[0]) in _BEGINS_YES else BanAnswer.UNREADABLE
