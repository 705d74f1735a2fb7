"""Make the packs of ``facts.yaml``: ``python -m worker.law.build`` writes them, and a test says when they are old.

What a fact says in prose is read by tables of whole phrases. A phrase that no table has ends the run: whoever changes a
fact decides what it means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from worker.law.words import PURPOSES

HERE = Path(__file__).parent
HEAD = "# Made of facts.yaml by `python -m worker.law.build`: change that, not this. Not legal advice.\n"

Fact = Mapping[str, Any]
Clause = dict[str, Any]

VOICES = {
    None: "any",
    "any": "any",
    "automated": "automated",
    "automated (plays recorded messages)": "automated",
    "live (rule text); use for all": "any",
}
LINES = {
    None: "any",
    "mobile": "mobile",
    "residential incl. wireless": "any",
    "person's residence": "any",
    "residential, mobile, paging": "any",
    "residential": "any",
    "residential subscriber": "any",
    "residential or mobile": "any",
    "consumer's residence": "any",
    "residence": "any",
    "consumer at home": "any",
}
"""A line that is called residential may be a mobile one: in doubt the rule applies."""
CLOCKS = {
    None: ["called_party"],
    "called_party": ["called_party"],
    "Central Standard Time (fixed UTC-6) and called party: apply both": ["Etc/GMT+6", "called_party"],
}
OPEN_ON_HOLIDAYS = {
    None,
    "none",
    "none found",
    "none (provincial law may narrow)",
    "subscriber may block public and national holidays",
}
CALENDARS = {
    "US-AL public": "US-AL",
    "US-LA public incl. Mardi Gras, Good Friday, All Saints": "US-LA",
    "US-PA legal holidays (73 P.S. 2245(a)(10), secondary)": "US-PA",
    "US federal and US-RI public incl. Victory Day": "US-RI",
    "US-UT legal holidays (63G-1-301) incl. Pioneer Day": "US-UT",
    "FR public (Code du travail L. 3133-1)": "FR",
    "ES public (national, regional, local)": "ES",
    "IT public": "IT",
    "AU national": "AU",
    "NZ public": "NZ",
    "BR public": "BR",
    "ZA public": "ZA",
}
CONSENTS = {
    "express_written": "written",
    "express_written (automated selection and dialing, or recorded message)": "written",
    "express_written (automated selection OR dialing)": "written",
    "express": "express",
    "express (ADAD solicitation)": "express",
    "express, for automated calls of this caller": "express",
    "express unless us.fcc.exempt_residential applies": "express",
    "prior": "express",
    "prior: free, specific, informed, unambiguous, revocable, by a clear act; burden on the caller": "express",
}
CONSENT_LINES = {"mobile": "mobile", "residential": "landline"}
NO_SALE = [each for each in PURPOSES if each != "telemarketing"]
CONSENT_KEYS: Mapping[str, Clause] = {
    "telemarketing": {"purposes": ["telemarketing"]},
    "informational": {"purposes": NO_SALE},
    "automated": {"voice": "automated"},
}
EXEMPTIONS = {
    "us.fcc.exempt_residential": ("us.fcc.ai_voice", "landline"),
    "us.fcc.exempt_health_mobile": ("us.fcc.ai_voice", "mobile"),
    "us.fcc.exempt_bank_mobile": ("us.fcc.ai_voice", "mobile"),
}
"""What a rule lifts the consent of, and on which line: an exception is read narrowly."""
PROHIBITIONS: Mapping[object, Clause] = {
    None: {},
    True: {"prohibited": True},
    "unless solicited": {"consent": [{"consent": "express"}]},
}
PERIODS = {
    "day": 25, "week": 7 * 24 + 1, "3 days and event": 3 * 24 + 1, "7 consecutive days": 7 * 24 + 1,
    "30 consecutive days": 30 * 24 + 1, "30 calendar days": 30 * 24 + 1, "8 hours": 8, "24 hours": 24,
}  # fmt: skip
"""In hours. A rule in days has an hour more: the day on which the clocks go back has 25."""
AFTER = {"conversation": "conversation", "refusal in conversation": "refusal", "refusal": "refusal"}
WHOLE_DAYS = "full calendar days"
KNOWN = {
    "id", "place", "title", "law", "applies", "hours", "clock", "holidays", "caps", "lockouts", "consent", "prohibited",
    "in_force", "before", "binding", "evidence", "sources", "checked",
    # What is said besides, and decides nothing:
    "waived_by", "notes", "disagree", "duties", "ring_at_least", "metric", "speech_within_seconds", "opt_out",
    "upcoming", "lists", "retention", "signal", "also", "ambiguous_location", "counts", "locate", "caller_id",
    "hours_basis", "preferences",
}  # fmt: skip
ONLY_SAID = {"us.none"}
"""Says which states have no hours of their own; what holds there is the federal rule."""
_COPY = re.compile(r"stored (?:repository )?(?:files?|state table) [0-9]+(?:, [0-9]+)*")
"""A source that nobody else can look up: what is said of it is kept, its number is not."""
DUTIES = ("ring_at_least", "metric", "speech_within_seconds", "opt_out", "lists", "retention", "signal", "caller_id")


def packs(facts: Mapping[str, Any]) -> dict[str, str]:
    """The text of each pack, by the name of its file."""
    by_country: dict[str, list[Clause]] = {}
    for fact in facts["rules"]:
        country = fact["place"].partition("-")[0]
        by_country.setdefault(country, []).extend(_rules_of(fact))
    return {
        f"pack_{country.lower()}.toml": HEAD + "".join(map(_block, rules))
        for country, rules in sorted(by_country.items())
    }


def version(facts: Mapping[str, Any]) -> str:
    """The text of ``version.py``."""
    return f'"""Made by `python -m worker.law.build`."""\n\nPACK_VERSION = "{facts["meta"]["version"]}"\n'


def _rules_of(fact: Fact) -> Iterator[Clause]:
    """The rule a fact states, and the one that held before, if it says so."""
    if unknown := fact.keys() - KNOWN:
        raise ValueError(f"{fact['id']}: nobody has decided what {', '.join(sorted(unknown))} means.")
    since = _day(fact.get("in_force", {}).get("since"))
    rule = _rule_of(fact)
    if since:
        rule["since"] = since
    if before := fact.get("before"):
        earlier = _rule_of({**fact, "holidays": None, "caps": [], "lockouts": [], "hours": before["hours"]})
        yield {**earlier, "id": f"{fact['id']}.before", "until": _day(before["until"])}
    yield rule


def _rule_of(fact: Fact) -> Clause:
    applies = fact["applies"]
    purposes = applies.get("purpose", ["any"])
    exempts, line = EXEMPTIONS.get(fact["id"], (None, LINES[applies.get("line")]))
    rule: Clause = {
        "id": fact["id"],
        "place": fact["place"],
        "title": fact["title"],
        "law": fact["law"],
        "evidence": fact["evidence"],
        "binding": fact["evidence"] != "secondary" and fact.get("binding", True) is True,
        "checked": _day(fact["checked"]),
        "purposes": [] if purposes == ["any"] else purposes,
        "voice": VOICES[applies.get("voice")],
        "line": line,
    }
    if exempts:
        rule["exempts"] = exempts
    if fact.get("hours") and fact["id"] not in ONLY_SAID:
        rule |= {"clocks": CLOCKS[fact.get("clock")], "hours": fact["hours"], **_closed(fact.get("holidays"))}
    rule["caps"] = [_cap(cap) for cap in fact.get("caps", ())]
    rule["quiet"] = [_quiet(each) for each in fact.get("lockouts", ())]
    rule["consent"] = list(_consents(fact.get("consent", {})))
    rule |= PROHIBITIONS[fact.get("prohibited")]
    rule["duties"] = [
        *([f"no hours of their own: {fact['law']}"] if fact["id"] in ONLY_SAID else []),
        *fact.get("duties", ()),
        *(f"{_words(key)}: {_words(fact[key])}" for key in DUTIES if key in fact),
    ]
    rule["sources"] = [_COPY.sub("a copy", source["url"]) for source in fact["sources"]]
    return {key: value for key, value in rule.items() if value != []}


def _words(said: Any) -> str:
    """What is only said, for people to read."""
    match said:
        case Mapping():
            return ", ".join(f"{_words(key)} {_words(value)}" for key, value in said.items())
        case list():
            return " / ".join(map(_words, said))
        case _:
            return str(said).replace("_", " ")


def _closed(holidays: Any) -> Clause:
    if isinstance(holidays, Mapping):
        return {"closed": CALENDARS[holidays["closed"]]}
    if holidays not in OPEN_ON_HOLIDAYS:
        raise KeyError(holidays)
    return {}


def _cap(cap: Fact) -> Clause:
    purposes = {"purposes": cap["purpose"]} if "purpose" in cap else {}
    return {"calls": cap["calls"], "hours": PERIODS[cap["per"]], "per": cap["per"], **purposes}


def _quiet(lockout: Fact) -> Clause:
    """Whole calendar days begin with the day after; all others with the instant itself."""
    days = lockout["days"]
    after = {"after": AFTER[lockout["after"]]}
    if days is None:
        return after
    return {**after, "hours": (days + (lockout.get("unit") == WHOLE_DAYS)) * 24 + 1, "days": days}


def _consents(consent: Mapping[str, Any]) -> Iterator[Clause]:
    for key, wanted in consent.items():
        if key == "unless":
            continue
        if isinstance(wanted, Mapping):
            for line, level in wanted.items():
                yield {**CONSENT_KEYS[key], "line": CONSENT_LINES[line], "consent": CONSENTS[level]}
        else:
            yield {**CONSENT_KEYS[key], "consent": CONSENTS[wanted]}


def _day(text: Any) -> date | None:
    return date.fromisoformat(str(text)) if text else None


def _block(rule: Clause) -> str:
    return "\n[[rule]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in rule.items())


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | date():
            return str(value)
        case str():
            return '"' + re.sub(r'["\\]', r"\\\g<0>", value) + '"'
        case Mapping():
            return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
        case Sequence():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case _:
            raise TypeError(value)


def main() -> None:
    facts = yaml.safe_load((HERE / "facts.yaml").read_text("utf-8"))
    made = packs(facts)
    for old in HERE.glob("pack_*.toml"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (HERE / name).write_text(text, "utf-8")
    (HERE / "version.py").write_text(version(facts), "utf-8")


if __name__ == "__main__":
    main()
