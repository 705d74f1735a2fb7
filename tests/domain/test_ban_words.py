"""What may be a ban on calls, in a column's name; what must not be taken for one; and what says who may be called."""

from __future__ import annotations

import itertools

from worker.domain.ban_words import forbids_calls
from worker.domain.consent_words import allows_calls

BANS = """
Do Not Call? | Do_Not_Call__c | doNotCall | DONOTCALL | Do\u00a0Not\u202fCall | do-not-call | DNC (Y/N) |
DNC Reason | isOnDNCList | National DNC | NDNC | DNCR | DNCL | DND | TPS | CTPS registered | Do not phone |
do not ring | donotdial | Do Not Telephone | Do Not Solicit | Do not disturb | Do not contact | Don't call |
Don’t call | dont_phone | Please do not ever try to call | No calls | no more calls | No calls please |
No sales calls | No phone calls | No telemarketing | No Contact | Never call | Never contact | Must not call |
Cannot be called | May not be called | Not to be called | Not callable | Uncallable | Non-callable | Stop |
Stop calling | Stop calls | Stop-list | Stop contact | Cease contact | Wants no calls | Refuses calls |
Call refused | Calls not wanted | Calling not permitted | Calls: do not | Calls prohibited |
Calling is forbidden | Remove from call list | Exclude from calling | Exclude | Excluded | Exclusion list |
Call block | Call blocked | Block calls | Blocked | Banned | Blacklist | Black List | blacklisted | Blocklist |
Denylist | Suppress | Suppressed | Suppression list | Call suppression | Opt out | opt-out | OptOut |
opted_out | Opted-out | Opt-Out (Voice) | Phone opt out | Call opt-out | Opt out of calls |
HasOptedOutOfCalls | Marketing opt out | Mobile opt out | Unsubscribe | Unsubscribed | unsub |
Revoked consent | Consent revoked | Consent withdrawn | No consent | Consent missing | Permission denied |
Call objection | Restricted | Litigator | Robinson | Do not call or email | Do not email or call |
Do not market | Robocall opt out | Telemarketing ban | Avoid calling | Opt-in/out | Opted In or Out | Remove |
Removed | Do not use | Do not process | Dialer exclusion | D.N.C. | Stop appels | Aucun appel | Kein Anruf |
Anrufstopp | Kontakt unerwünscht | Telefonische Werbung untersagt | Opposé au démarchage | Geen bellen |
Sin llamadas, por favor | Appels interdits | Nicht anrufen | Bitte nicht mehr anrufen! |
Darf nicht angerufen werden | Keine Anrufe | Anrufsperre | Telefonsperre | Sperrliste | Sperrvermerk |
Kontaktsperre | Werbesperre | Werbewiderspruch | Widerspruch | Gesperrt | Robinsonliste | Nicht kontaktieren |
Ne pas appeler | Ne plus appeler | NE_PAS_CONTACTER | Ne pas démarcher | Pas d'appel | Liste noire |
Liste rouge | Bloctel | Ne souhaite pas être appelé | Opposition | Désabonné | No llamar | No Llame |
No contactar | No molestar | Sin llamadas | Lista negra | Lista Robinson | Bloqueado | Não ligar |
Não me perturbe | Non chiamare | Non contattare | Registro Opposizioni | Lista nera | Niet bellen |
Bel-me-niet | Niet benaderen | Zwarte lijst | Ring inte | Ring ikke | Spärrad | Reservert | NIX | Älä soita |
Markkinointikielto | Nie dzwonić | Nie kontaktować | Czarna lista | Nevolat | Nekontaktovat | Ne hívja |
Tiltólista | Nu suna | Aranmasın | Kara liste | Не звонить | Не беспокоить | Чёрный список | Стоп-лист |
Отказ | Не дзвонити | Чорний список | Μην καλείτε | 電話禁止 | 架電NG | 着信拒否 | 请勿致电 | 黑名单 | 免打扰 |
전화금지 | 수신거부 | عدم الاتصال | لا تتصل | לא להתקשר | कॉल न करें
"""
NO_BANS = """
Do not email | Do not e-mail | Do not mail | Do Not Post | Do not text | Do not fax | Don't SMS |
No newsletter | No mailings | Email opt out | E-mail Opt-Out | SMS opt out | smsOptOut | Fax Opt Out |
HasOptedOutOfEmail | HasOptedOutOfFax | WhatsApp opt out | Unsubscribed from email |
Unsubscribed from all email | Email unsubscribed | Newsletter unsubscribed | Direct mail opt out |
Email consent withdrawn | Do not contact by email | Contact by e-mail: no | Cookie opt out | Push opt out |
Stop date | Stop time | Bus stop | Stopover | Opt-in | Opt in | Consent | Consent to call | Can call |
Call notes | Last call | Last call result | Number of calls | No. of calls | No of contacts | Call attempts |
Missed calls | Letzter Anruf | Anzahl Anrufe | Notes d'appel | Última llamada | Kontakt | Sin | Kein Titel |
Unanswered calls | Call not answered | Best time to call | Preferred contact time | Callback | Caller ID |
Called at | Donor | Donation | Do | Not | Notes | Notice | Note | Block number | Block | Building block |
Blockchain | Number | Phone | Phone type | Mobile carrier | Contact owner | Contact ID | Recall |
Notify by call | Nonprofit | Non-profit contact | Non-EU | Cannot recall | Market | Marketing contact status |
Campaign | Status | Lead status | Active | Country | Notification | Technical contact | Denomination |
Sound NC | Landing page | Stock | Bandwidth | Banner | Urban | Banking | Postal code | Rank | Owner |
Comments | Title | Zone | Order number | Contract end | Optometrist
"""
CONSENTS = """
Opt-in | Opt In | optin | Opted in | opted_in | OptIn__c | Opt-in (phone) | Consent | Consent to call |
Call consent | Phone consent | Marketing consent | GDPR Consent | Permission to call | Call permission |
Can call | Can call? | Can we call you? | May we call | May be called | OK to call | Okay to phone |
ok_to_contact | Callable | Contactable | Call allowed | Calls allowed | Allow calls | Accepts calls | Call? |
Contact by phone | Contact via phone? | Agrees to be called | Wants calls | Safe to call | Einwilligung |
Consentement | Zgoda | Toestemming
"""
NO_CONSENTS = """
Opt-in date | Opt-in source | Consent timestamp | Consent IP | Consent text | Email opt-in | SMS opt-in |
Email consent | Cookie consent | May calls | Call | Contact by email | Last call | Best time to call | Canada |
Can | Okay | Name | No consent | Opt out | Consent withdrawn | Calls | Call count
"""


def names(table: str) -> list[str]:
    return [name.strip() for name in table.split("|")]


def test_a_name_that_may_be_a_ban_on_calls_is_seen() -> None:
    def ways(name: str) -> tuple[str, ...]:
        return name, name.upper(), name.lower(), f" {name} ", f"\u200b{name}?", f"{name}__c"

    assert [written for name in names(BANS) for written in ways(name) if not forbids_calls(written)] == []


def test_a_name_that_is_about_something_else_is_none() -> None:
    def ways(name: str) -> tuple[str, ...]:
        return name, name.upper(), name.lower(), f" {name}: "

    assert [written for name in names(NO_BANS) for written in ways(name) if forbids_calls(written)] == []


NEGATIONS = "do not|don't|never|no more|stop|must not be|not to be|cannot be|refuses|block|no"
ACTS = "call|calls|calling|called|phone|phoned|telephone|dial|dialed|ring|contact|solicit"


def test_every_not_with_every_word_for_calling_is_one() -> None:
    def ways(words: str) -> tuple[str, ...]:
        title = words.title()
        return words, title, words.replace(" ", "_"), title.replace(" ", ""), f"customer {words}"

    bans = [" ".join(pair) for pair in itertools.product(names(NEGATIONS), names(ACTS))]
    assert [written for words in bans for written in ways(words) if not forbids_calls(written)] == []


def test_a_name_that_says_who_may_be_called_is_no_ban_and_is_known_for_what_it_is() -> None:
    assert [name for name in names(CONSENTS) if not allows_calls(name) or forbids_calls(name)] == []


def test_what_is_about_a_consent_or_another_channel_says_nothing_of_who_may_be_called() -> None:
    assert [name for name in names(NO_CONSENTS) if allows_calls(name)] == []
