"""``dialer policy``: which rules there are, what they say of one call, and whether they are in order. It needs no
services: the rules are part of the program."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from worker.cli.context import in_options
from worker.cli.showing import Cell, json_option, plain, show_json, show_rows
from worker.domain.errors import Fault, Invalid, Refused
from worker.domain.kinds import Number164
from worker.law.words import LINES, PURPOSES, VOICES, Consent, Purpose

if TYPE_CHECKING:
    from worker.domain.places import Place
    from worker.domain.verdict import Verdict

_VERDICTS = {
    "dial": "It may be dialed.",
    "wait": "It has to wait until {until}.",
    "never": "It may not be dialed.",
}


@click.group()
def policy() -> None:
    """What the law of each place wants of a call. Not legal advice."""


@policy.command()
@click.argument("number")
@click.option("--at", metavar="INSTANT", help="When it would be placed, with an offset or Z; left out, now.")
@click.option("--purpose", type=click.Choice(PURPOSES), required=True, help="What the call is for.")
@click.option(
    "--voice", type=click.Choice(VOICES), default="automated", show_default=True,
    help="Who speaks; an AI voice is automated.",
)  # fmt: skip
@click.option(
    "--consent", type=click.Choice([each.name.lower() for each in Consent]), default="none", show_default=True,
    help="What the called party has agreed to.",
)  # fmt: skip
@click.option("--zone", metavar="ZONE", help="The time zone they are said to be in.")
@click.option("--zone-confirmed", is_flag=True, help="They are known to be in that zone, wherever their number is.")
@click.option("--country", metavar="CC", help="The country they are said to be in, such as US.")
@click.option("--state", metavar="STATE", help="The state or province, such as IN.")
@click.option("--postal-code", metavar="CODE", help="The postal code.")
@click.option(
    "--line", type=click.Choice([*LINES, "unknown"]), default="unknown", show_default=True,
    help="What kind of line it is; unknown counts as mobile.",
)  # fmt: skip
@json_option
def explain(
    number: str, at: str | None, purpose: str, voice: str, consent: str, zone: str | None, zone_confirmed: bool,
    country: str | None, state: str | None, postal_code: str | None, line: str, as_json: bool,
) -> None:  # fmt: skip
    """Say whether NUMBER may be called, by which rules, and from when on. How often it has been called is not known
    here."""
    given = {"number": number, "at": at, "zone": zone, "country": country, "state": state, "postal_code": postal_code}
    with in_options(**given):
        when = _instant(at)
        place = _place(number, zone, zone_confirmed, country, state, postal_code)
    from worker.domain.law import Calling
    from worker.domain.verdict import decide

    calling = Calling(
        Purpose(purpose), "live" if voice == "live" else "automated", "landline" if line == "landline" else "mobile"
    )
    verdict = decide(place, calling, Consent[consent.upper()], when)
    assumed = ["Nobody says what kind of line it is; it counts as mobile."] if line == "unknown" else []
    _show(place, verdict, when, assumed, as_json=as_json)


@policy.command("list")
@click.option("--place", metavar="PLACE", help="Only the rules of this place and those around it, such as US-FL.")
@json_option
def list_them(place: str | None, as_json: bool) -> None:
    """List the purposes, and the rules by place: what they want, how well each is proven, and when it was checked."""
    from worker.domain.policies import listing

    with in_options(place=place):
        found = listing(place)
    if as_json:
        show_json(**found)
        return
    click.echo(f"Purposes: {', '.join(each['name'] for each in found['purposes'])}")
    click.echo(f"Rules of {found['version']}. Not legal advice.")
    columns: dict[str, Cell] = {
        "place": "place", "rule": "id", "wants": "wants", "for": "applies", "proof": "evidence",
        "holds": lambda row: "binds" if row["binding"] else "warns", "since": "since", "until": "until",
        "checked": "checked",
    }  # fmt: skip
    show_rows(found["rules"], columns)


@policy.command()
@json_option
def check(as_json: bool) -> None:
    """Check that every rule can be read, and say which were checked too long ago; exit 1 if one cannot be read."""
    from worker.clock import wall
    from worker.domain.law import law
    from worker.domain.policies import outdated

    rules = law().rules
    old = outdated(datetime.fromtimestamp(wall(), UTC).date())
    if as_json:
        show_json(rules=len(rules), outdated=[rule.id for rule in old])
        return
    click.echo(f"{len(rules)} rules, all in order.")
    for rule in old:
        click.echo(f"{rule.id} was checked last on {rule.checked}; look at {rule.law} again.")


def _instant(at: str | None) -> datetime:
    from worker.clock import wall
    from worker.domain.future_instant import Start

    if at is None:
        return datetime.fromtimestamp(wall(), UTC)
    return Start(now=datetime.min.replace(tzinfo=UTC))(at, "at")


def _place(
    number: str, zone: str | None, is_confirmed: bool, country: str | None, state: str | None, postal_code: str | None
) -> Place:
    """Where the number may be. Raises :class:`Invalid` with every fault, by the option."""
    from worker.domain.address_words import read_country
    from worker.domain.addresses import read_address
    from worker.domain.contact import countries_of
    from worker.domain.places import place_of
    from worker.domain.screening import country_of
    from worker.domain.zone_words import read_zone

    region = read_country(country) if country else None
    e164 = Number164(region=region)(number, "number")
    own = country_of(e164)
    try:
        where = read_address(region, state, postal_code, of_number=own)
    except Invalid as error:
        names = {"region": "state", "postalCode": "postalCode", "country": "country"}
        raise Invalid([Fault(names[fault.path], fault.message) for fault in error.faults]) from None
    named = read_zone(zone, "zone", lambda: countries_of(e164, region)) if zone else None
    if is_confirmed and named is None:
        raise Refused("--zone-confirmed says that --zone is right; give --zone as well.")
    return place_of(
        e164, timezone=named, timezone_confirmed=is_confirmed, country=where[0], region=where[1], postal_code=where[2]
    )


def _show(place: Place, verdict: Verdict, at: datetime, assumed: list[str], *, as_json: bool) -> None:
    from worker.domain.on_the_clock import when as on_the_clock
    from worker.operations.instants import instant

    if as_json:
        because = [{"rule": each.rule, "text": each.text, "source": each.source} for each in verdict.because]
        show_json(
            verdict=verdict.verdict, until=instant(verdict.until), places=list(place.areas), because=because,
            zones=list(place.zones), basis=place.basis, assumed=assumed,
        )  # fmt: skip
        return
    zone = place.zones[0] if place.zones else None
    until = on_the_clock(verdict.until, at, zone) if verdict.until else "more is known of where it is"
    click.echo(_VERDICTS[verdict.verdict].format(until=until))
    click.echo(f"Place: {', '.join(place.areas) or 'unknown'}; by the clocks of {', '.join(place.zones) or 'nowhere'}.")
    for each in verdict.because:
        click.echo(plain(f"- {each.text} [{each.rule}: {each.source}]"))
    if not verdict.because:
        click.echo("- No rule that is known here is about such a call.")
    for sentence in assumed:
        click.echo(sentence)
    click.echo("Not legal advice.")
