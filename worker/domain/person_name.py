"""The name of a person in one cell, and rows that are nobody: the sum below a column, the foot of a page."""

from __future__ import annotations

import re

from worker.domain.letters import plainly_spaced, word_set, words_of

_PARTICLES = word_set(
    "van von vom zu zum zur de der den del della di da do dos das du la le les bin ibn al el ter ten y e af av"
)
"""Words that stand before a family name and belong to it."""
_SUFFIXES = word_set("jr sr ii iii iv phd md esq mba dds")
"""Words that stand behind one."""
_FOOT_WORDS = word_set(
    "total totals grandtotal subtotal subtotals sum sums summe zwischensumme gesamt gesamtsumme insgesamt somme totale "
    "totaal totaux suma razem lacznie итого всего count anzahl 合計 总计 總計"
)
_FOOT = re.compile(
    r"(grand |sub ?|row |record |total |overall )?(total|totals|sum|count|summe|gesamt)( (of|general|records?|rows?|"
    r"contacts?|leads?|people|count|calls?|entries|customers?|zeilen|kontakte|amount))*( \d+)*( (records?|rows?|"
    r"contacts?|leads?|people|entries))?|(page|seite|pagina|strona) \d+( (of|von|de|di|van|z) \d+)?|"
    r"end of (file|list|report|data|page)|(printed|generated|exported|created|report generated) (on|at|by) .*|"
    r"(copyright|confidential)\b.*|\d+ (records?|rows?|contacts?|leads?|entries)( .*)?"
)


def split_name(whole: str) -> tuple[str, str]:
    """First and last name of a full one.

    The last word is the last name, with the particles before it (``van der``) and what stands behind it (``Jr.``);
    ``Lovelace, Ada`` is turned round; a single word is a first name. Nothing is left out.
    """
    text = plainly_spaced(whole)
    last, comma, first = text.partition(",")
    if comma and last.strip() and "," not in first and _SUFFIXES.isdisjoint(behind := words_of(first)[:1]) and behind:
        return first.strip(), last.strip()
    words = text.split(" ")
    begin = len(words) - 1
    while begin > 1 and _bare(words[begin]) in _SUFFIXES:
        begin -= 1
    while begin > 1 and _bare(words[begin - 1]) in _PARTICLES:
        begin -= 1
    return (" ".join(words[:begin]), " ".join(words[begin:])) if begin > 0 else (text, "")


def is_foot(name: str) -> bool:
    """Whether the text where a name should be is the foot of a table: a total, a page number, a line of signs."""
    words = words_of(name)
    letters = "".join(word for word in words if not word.isdigit())
    return bool(name) and (not letters or letters in _FOOT_WORDS or bool(_FOOT.fullmatch(" ".join(words))))


def _bare(word: str) -> str:
    return "".join(words_of(word))
