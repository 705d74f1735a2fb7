"""``dialer up``: a dialer of one's own on this machine, with nothing to install, that keeps its data.

Embedded PostgreSQL and Valkey, the web process, two workers, beat and the simulator, in real time, until stopped.
The first start makes a team with what a campaign needs, and a key; they are written down in ``up.json`` in the
data directory, readable by its owner alone, before they are used, so that a start that was cut short is taken up
where it was.

No process is started again by itself. One that ends ends them all, with its last words and exit code 4: whoever
started ``up`` — a person, systemd — learns of it and starts it again, and the rows say what is to be done.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click

from worker import logs
from worker.cli.processes import (
    CARRIERS,
    STREAM_URL,
    Deployment,
    carrier_option,
    deploy,
    free_port,
    last_words,
    look_after,
    unwound_by_sigterm,
)
from worker.cli.services import services
from worker.cli.watching import Watcher, has_screen, watch_on_screen
from worker.clock import monotonic
from worker.dev.stack import Stack
from worker.domain import ids
from worker.domain.errors import DialerError, Refused, Unavailable
from worker.domain.parts import default_rate
from worker.flow.base import Dialer
from worker.flow.keys import create_key, who_bears
from worker.flow.parts import ACCOUNT, get_part
from worker.flow.watching import newest_campaign
from worker.store import setup
from worker.store.database import transact

READY_SECONDS = 60.0
CALLER_ID = "+12025550123"
CALLEE, ANOTHER_CALLEE = "+12025550142", "+12025550143"
SLUG = "my-team"


@dataclass(frozen=True, slots=True)
class Belongings:
    """What the first start made; everything a client needs but the address."""

    token: str
    team_id: str
    assistant_id: str
    company_id: str
    from_number_id: str
    account_id: str
    account_slug: str


def _default_directory() -> Path:
    """Where programs of this kind keep their data: $XDG_DATA_HOME, or ~/.local/share."""
    home = os.environ.get("XDG_DATA_HOME", "")
    return (Path(home) if os.path.isabs(home) else Path.home() / ".local" / "share") / "campaign-dialer"


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=_default_directory,
    help="Directory that keeps everything. Default: $XDG_DATA_HOME/campaign-dialer, or ~/.local/share/….",
)
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="Port; 0: a free one.")
@click.option("--json", "as_json", is_flag=True, help="Say where and who as one line of JSON.")
@carrier_option
@click.option("--watch", "with_screen", is_flag=True, help="Show the newest campaign live; q leaves the screen.")
def up(data: Path, port: int, as_json: bool, carrier: str, with_screen: bool) -> None:
    """Run a dialer on this machine until it is stopped.

    It keeps its data, and brings that of an older dialer up to date.
    """
    if with_screen and not has_screen():
        raise Refused("--watch needs a terminal; leave it out, and watch from one with: dialer campaigns watch")
    logs.configure("error")
    port = free_port(port)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with unwound_by_sigterm(), Stack(data, durable=True) as stack:
            _run(stack, port, as_json, carrier, with_screen)
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)


def _run(stack: Stack, port: int, as_json: bool, carrier: str, with_screen: bool) -> None:
    try:
        running = deploy(stack, port=port, carrier=carrier)
        mine = belongings(running.dialer, stack.directory / "up.json", carrier)
        _await_ready(running)
        click.echo(json.dumps(_facts(running.url, mine)) if as_json else _welcome(running, mine))
        sys.stdout.flush()
        if with_screen:
            _watch(running, mine.team_id)
        while True:
            look_after(stack, 1.0)
    except DialerError:
        click.echo(last_words(stack), err=True, nl=False)
        raise
    finally:
        # From here on everything ends in order; a second signal would only make it less so.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _watch(running: Deployment, team_id: str) -> None:
    """The newest campaign, whichever that is, until somebody leaves; the dialer stays up."""
    watcher = Watcher(running.dialer, team_id, lambda: newest_campaign(running.dialer, team_id), None)
    watch_on_screen(watcher, between=lambda: look_after(running.stack, 0.0))


def belongings(dialer: Dialer, path: Path, carrier: str = CARRIERS[0]) -> Belongings:
    """What the first start made, made now as far as it is not there. A key that was revoked is replaced. Raises
    :class:`Refused` where the first start chose another carrier: a number stays with its account for life."""
    mine = _read(path) or _plan(path)
    transact(dialer.db, lambda conn: _set_up(conn, mine, carrier))
    began_with = get_part(dialer, ACCOUNT, mine.team_id, mine.account_id).carrier
    if began_with != carrier:
        raise Refused(f"{path.parent} was begun with --carrier {began_with}; go on so, or name another --data.")
    if who_bears(dialer, mine.token) is None:
        _, token = create_key(dialer, mine.team_id, "up", actor="up")
        mine = replace(mine, token=token)
        _write(path, mine)
    return mine


def _plan(path: Path) -> Belongings:
    """Ids for what is to be made, written down before it is."""
    mine = Belongings(
        token="",
        team_id=ids.new(ids.TEAM),
        assistant_id=ids.new(ids.ASSISTANT),
        company_id=ids.new(ids.COMPANY),
        from_number_id=ids.new(ids.NUMBER),
        account_id=ids.new(ids.ACCOUNT),
        account_slug=SLUG,
    )
    _write(path, mine)
    return mine


def _set_up(conn: Any, mine: Belongings, carrier: str) -> None:
    """Each of them stays as it is where it exists."""
    setup.team(conn, mine.team_id, mine.account_slug, "My team")
    setup.company(conn, mine.company_id, mine.team_id, "My company")
    setup.assistant(conn, mine.assistant_id, mine.team_id, "My assistant", stream_url=STREAM_URL)
    rate = default_rate(carrier)
    setup.account(conn, mine.account_id, mine.team_id, carrier, carrier.title(), calls_per_second=rate)
    setup.number(conn, mine.from_number_id, mine.team_id, mine.account_id, CALLER_ID)


def _read(path: Path) -> Belongings | None:
    try:
        return Belongings(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise Refused(f"{path} cannot be read; move it away, and a new team and key are made.") from error


def _write(path: Path, mine: Belongings) -> None:
    """Whole or not at all, and for its owner alone."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(json.dumps(asdict(mine), indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _await_ready(running: Deployment) -> None:
    """Return when the API, the broker and the tick are at work."""
    deadline = monotonic() + READY_SECONDS
    plainly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        look_after(running.stack, 0.05)
        try:
            with plainly.open(f"{running.url}/readyz", timeout=5):
                return
        except OSError as error:  # nobody listens yet, or something answers that it is not ready
            if monotonic() > deadline:
                said = error.read().decode() if isinstance(error, urllib.error.HTTPError) else str(error)
                raise Unavailable(f"The dialer was not ready after {READY_SECONDS:.0f} s: {said}") from error


def _facts(url: str, mine: Belongings) -> dict[str, str]:
    names = ("token", "team_id", "assistant_id", "company_id", "from_number_id", "account_slug")
    return {"url": url, **{name: getattr(mine, name) for name in names}}


def _welcome(running: Deployment, mine: Belongings) -> str:
    """What runs, what it has, and a first campaign to paste, by commands and by the API."""
    facts = "\n".join(f"  {name:<15} {value}" for name, value in _facts(running.url, mine).items())
    found = "\n".join(f"  {each.name:<15} {each.version:<24} {each.health}" for each in services(running))
    return f"""The dialer is up; stop it with Ctrl-C. Its data and logs are in {running.stack.directory}.

{found}

{facts}

Paste this for a first campaign; nobody's telephone rings, calls go to the simulator:

{first_commands(running.stack.environment, mine)}

Or the same by the API:

{first_campaign(running.url, mine)}
"""


def first_commands(environment: Mapping[str, str], mine: Belongings) -> str:
    """The same for the commands: they find the dialer by its servers, which are at another address at every start."""
    where = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
    parts = f"--assistant-id {mine.assistant_id} --company-id {mine.company_id} --from-number-id {mine.from_number_id}"
    return f"""\
export {where}
CONTACT=$(dialer contacts create --first-name Bob --phone {ANOTHER_CALLEE})
CAMPAIGN=$(dialer campaigns create --name 'First campaign' \\
  {parts})
dialer contacts add $CAMPAIGN $CONTACT
dialer campaigns run $CAMPAIGN --max-calls 20
dialer campaigns watch $CAMPAIGN"""


def first_campaign(url: str, mine: Belongings) -> str:
    """Lines for a POSIX shell: a contact, a campaign, the contact in it, a run, and how it goes."""
    campaigns = f"{url}/api/crm/campaigns"
    bearer = f'-H "Authorization: Bearer {mine.token}"'
    post = f'{bearer} -H "Content-Type: application/json"'
    contact = {
        "teamId": mine.team_id,
        "companyId": mine.company_id,
        "firstName": "Ada",
        "phone": CALLEE,
    }
    campaign = {
        "teamId": mine.team_id,
        "assistantId": mine.assistant_id,
        "companyId": mine.company_id,
        "fromNumberIds": [mine.from_number_id],
        "name": "First campaign",
    }
    run = {"accountSlug": mine.account_slug, "maxCalls": 20}
    return f"""\
CONTACT=$(curl -sS -X POST {url}/api/crm/contacts {post} \\
  -d '{json.dumps(contact)}' | grep -o 'cont_[0-9a-z]*' | head -n 1)
CAMPAIGN=$(curl -sS -X POST {campaigns} {post} \\
  -d '{json.dumps(campaign)}' | grep -o 'camp_[0-9a-z]*' | head -n 1)
curl -sS -X POST {campaigns}/$CAMPAIGN/contacts {post} \\
  -d "{{\\"contactIds\\": [\\"$CONTACT\\"]}}"; echo
curl -sS -X POST {campaigns}/$CAMPAIGN/run {post} \\
  -d '{json.dumps(run)}'; echo
curl -sS {campaigns}/$CAMPAIGN/progress {bearer}; echo
curl -sS "{campaigns}?teamId={mine.team_id}" {bearer}; echo"""
