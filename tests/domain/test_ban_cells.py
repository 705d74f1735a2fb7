"""What stands in a column of bans: an opt-out in any words is one, and what cannot be read binds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.ban_cells import BINDS, LONGEST_READ, REFUSES, BanAnswer, read_ban

YES = """
true|TRUE|True|t|yes|Yes|Y|y|x|X|1|1.0|1,0|-1|2|on|TRUE()|=TRUE()|=WAHR()|wahr|ja|JA|oui|vrai|si|sí|Sì|
vero|sim|verdadero|sant|tak|prawda|ano|igen|kyllä|evet|да|Да|так|истина|ναι|はい|是|예|네|نعم|כן|✓|✔|✔️|
☑|☑️|☒|✅|√|●|Yes.|yes!|"yes"|'Yes'|Yes - 2024|yes (by phone)|Yes, in May|YES: asked|Ja, seit Mai|
oui - 2023|y - asked|checked|registered|2024-05-01|01/05/2024|1.5.24|5/1/2024|2024-05-01T10:00:00Z|
2024-05-01 10:00|01.05.2024 09:30:12|May 1, 2024|1 May 2024|1st May 2024|01-Mai-2024|mai 2024|2024/05/01|
2024年5月1日|20240501|45413|45413.5|\u200byes\u200b|\u00a0yes\u202f|ＹＥＳ
"""
BANS = """
Do Not Call|do-not-call|DO_NOT_CALL|DNC|dnc|Opt-out|opt out|opted out|OptOut|Unsubscribed|blacklisted|
Blocked|never call|No calls|no calls please|Stop calling!|do not contact|Refuses calls|Robinson|TPS|
nicht anrufen|Bitte nicht anrufen|ne pas appeler|no llamar|non chiamare|niet bellen|Не звонить|
电话黑名单|请勿致电|wants no more calls|please don't phone|suppressed|Litigator|On DNC list
"""
NO = """
false|FALSE|f|no|No|NO|n|off|0|0.0|0,0|-0|00|FALSE()|=FALSCH()|falsch|nein|Nein|non|faux|nee|não|nao|nej|
nei|ei|nie|ne|nem|hayır|нет|ні|όχι|いいえ|否|아니오|لا|לא|No.|no!|0000-00-00|0000-00-00 00:00:00|
0/0/0000|unchecked|\u200bno|\u00a0no\u00a0
"""
MAY = """
ok|OK|Okay|OK to call|ok_to_call|callable|Callable|can call|may call|may be called|call ok|Calls allowed|
allowed|opt-in|Opted in|OptIn|subscribed|consent|not DNC|No DNC|not on DNC list|not listed|clean|clear|
Permitted
"""
NOTHING = "|-|--|–|—|.|n/a|N/A|#N/A|na|NaN|none|None|null|NULL|(none)|(blank)|nil|undefined|not set|☐|  |\u200b"
UNREADABLE = """
maybe|?|yes?|no?|unknown|pending|tbd|ask first|call after 5|prefers mornings|Bob|no thanks|No - verified|
not sure|later|active|✗|❌|××|do not email|email only|sms opt out|1 or 2|12 34 56 78|+12025550123|10:30|
https://example.com|{"a": 1}|yesterday|nothing|now|=A1
"""


def words(table: str) -> list[str]:
    return table.replace("|\n", "|").strip("\n").split("|")


@pytest.mark.parametrize(
    ("table", "answer"),
    [
        (YES, BanAnswer.YES), (BANS, BanAnswer.BAN), (NO, BanAnswer.NO), (MAY, BanAnswer.MAY_BE_CALLED),
        (NOTHING, BanAnswer.NOTHING), (UNREADABLE, BanAnswer.UNREADABLE),
    ],
    ids=["yes", "bans", "no", "may", "nothing", "unreadable"],
)  # fmt: skip
def test_a_cell_is_read_in_the_words_people_use(table: str, answer: BanAnswer) -> None:
    read = {written: read_ban(written) for cell in words(table) for written in (cell, f"  {cell}\t")}
    assert {written: found for written, found in read.items() if found is not answer} == {}


@given(st.text(max_size=300))
def test_a_cell_lets_somebody_be_called_only_in_words_of_the_table(cell: str) -> None:
    answer = read_ban(cell)
    assert (answer in BINDS) == (answer not in (BanAnswer.NO, BanAnswer.MAY_BE_CALLED, BanAnswer.NOTHING))
    if len(cell) > LONGEST_READ:
        assert answer is BanAnswer.UNREADABLE


@pytest.mark.parametrize("cell", ["no", "Nein", "false", "0", "opted out", "do not call", "withdrawn consent", "DNC"])
def test_a_consent_is_refused_by_a_plain_no_or_by_a_ban(cell: str) -> None:
    assert read_ban(cell) in REFUSES


@pytest.mark.parametrize(
    "cell", ["", "yes", "ja", "opt-in", "ok", "2024-05-01", "web form", "pending", "n/a", "-", "unknown"]
)
def test_a_consent_is_not_refused_by_anything_else(cell: str) -> None:
    assert read_ban(cell) not in REFUSES
