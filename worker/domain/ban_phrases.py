"""What forbids calls in other languages, and run together in ours: parts of what is left of the words when only letters
and digits count (:func:`worker.domain.letters.key_of`). They are looked for where a word begins, and within words."""

from __future__ import annotations

PHRASES = (
    # English
    "dnc", "donotcall", "dontcall", "donotcontact", "dontcontact", "donotphone", "dontphone",
    "donotdial", "donotring", "donotsolicit", "donotdisturb", "donottelephone", "nocall", "nophone",
    "nocontact", "nosolicit", "nevercall", "nevercontact", "neverphone", "stopcall", "stopcontact",
    "notcall", "notcontact", "notphone", "uncallable", "noncallable", "uncontactable", "optout",
    "optedout", "optingout", "optsout", "unsubscri", "blacklist", "blocklist", "blockedlist",
    "denylist", "stoplist", "killlist", "suppress", "robinson", "bloctel",
    # German
    "nichtanruf", "nichtanzuruf", "nichtangeruf", "nichttelefon", "nichtkontakt", "nichtstoren",
    "nichtmehranruf", "nichtwahlen", "nichtansprech", "keineanruf", "keinenanruf", "keinanruf",
    "keintelefon", "keinetelefon", "keinewerb", "keinkontakt", "keinekontakt", "anrufverbot", "anrufstop",
    "kontaktstop", "werbestop", "opposeau", "oppositionau",
    "nichterwunscht",
    "anrufsperr", "rufsperr", "telefonsperr", "kontaktsperr", "kontaktverbot", "telefonverbot",
    "werbesperr", "werbeverbot", "werbewiderspr", "widerspruch", "widerruf", "sperrlist",
    "sperrvermerk", "sperrkennz", "schwarzelist", "ausschlusslist", "abgemeldet",
    # French
    "nepasappel", "neplusappel", "nepascontact", "nepluscontact", "nepasdemarch", "neplusdemarch",
    "nepastelephon", "neplustelephon", "nepasderang", "nepassollicit", "pasdappel", "aucunappel",
    "appelinterdit", "listenoire", "listerouge", "listedexclusion", "desabon", "desinscri",
    "desinscription", "refusappel", "refusdappel", "refusdetreappel", "pasetreappel", "pasetrecontact",
    "pasetredemarch", "antidemarchage", "listedopposition",
    # Spanish, Portuguese, Italian
    "nollam", "nocontactar", "nocontacto", "nomolest", "nodeseallamad", "sinllamad", "listanegra",
    "listadeexclusion", "exclusionlist", "prohibidollamar", "naoligar", "naoligue", "naocontat",
    "naocontact", "naochamar", "naopertur", "naomeperturb", "naotelefon", "descadastr", "nonchiam",
    "noncontatt", "nondisturb", "nontelefon", "listanera", "revocaconsenso",
    # Dutch, Scandinavian, Finnish
    "nietbellen", "nietmeerbellen", "nietcontact", "nietbenader", "nietstoren", "belmeniet",
    "nietopbellen", "zwartelijst", "afgemeld", "nietgebeld", "ringinte", "ringej", "interinga",
    "kontaktainte", "kontaktaej", "fejringa", "ejringa", "nixtelefon", "sparrlist", "svartlist",
    "ringikke", "ikkering", "ikkekontakt", "kontaktikke", "maikkering", "reservasjon", "robinsonlist",
    "alasoita", "eisaasoittaa", "eisoiteta", "kielto", "estolista",
    # Polish, Czech, Slovak, Hungarian, Romanian, Turkish
    "niedzwon", "niekontakt", "czarnalist", "sprzeciw", "zakazdzwon", "nevolat", "nekontakt",
    "zakazvolan", "cernalist", "cernylist", "nehiv", "tiltolist", "feketelist", "nusuna", "nuapel",
    "nucontact", "listaneagra", "aranmasin", "aramayin", "aramayiniz", "karaliste", "aranmayacak",
    # Russian, Ukrainian, Greek
    "незвонит", "непозвон", "небеспок", "незвонить", "черныисписок", "черныйсписок", "чернсписок",
    "стоплист", "недзвонит", "недзвон", "чорнийсписок", "чорниисписок", "μηνκαλ", "μηντηλεφων",
    "οχικλησ",
    # Japanese, Chinese, Korean, Arabic, Hebrew, Hindi
    "電話禁止", "架電禁止", "架電不可", "電話不可", "電話ng", "架電ng", "連絡不可", "拒否", "请勿致电",
    "請勿致電", "勿打", "勿致电", "勿致電", "黑名单", "黑名單", "拒绝来电", "拒絕來電", "免打扰",
    "免打擾", "不要打电话", "전화금지", "수신거부", "연락금지", "عدمالاتصال", "لاتتصل",
    "القائمةالسوداء", "לאלהתקשר", "רשימהשחורה", "कलनकर", "कॉलनकरें",
)  # fmt: skip
