"""``dialer up``: a dialer of one's own on this machine, with nothing to install, that keeps its data.

Embedded PostgreSQL and Valkey, the web process, two workers, beat and the simulator, in real time, until stopped.
The first start makes a team with what a campaign needs, and a key; they are written down in ``up.json`` in the
data directory, readable by its owner alone, before they are used, so that a start that was cut short is taken up
where it was. Each start writes ``env``, which a shell reads to find this dialer.

Once all is up, whoever dies is started again (:mod:`worker.cli.keeping`). A process that ends before that ends them
all, with its last words and exit code 4, as does one that cannot live later: whoever started ``up`` — a person,
systemd — learns of it, and the rows say what is to be done.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click

from worker import logs
from worker.carriers import registry
from worker.cli.env_file import write_env
from worker.cli.keeping import Keeper
from worker.cli.processes import (
    BEGINS,
    CARRIERS,
    STREAM_URL,
    Deployment,
    await_ready,
    carrier_option,
    deploy,
    free_port,
    last_words,
    unwound_by_sigterm,
)
from worker.cli.services import services
from worker.cli.watching import Watcher, has_screen, watch_on_screen
from worker.dev.private_file import write_privately
from worker.dev.stack import Stack, refuse_taken
from worker.domain import ids
from worker.domain.errors import DialerError, Refused
from worker.domain.resources import ACCOUNT
from worker.flow.base import Dialer
from worker.operations.keys import create_key, who_bears
from worker.operations.resources import get_resource
from worker.operations.watching import newest_campaign
from worker.store.crm import setup
from worker.store.database import transact

FOREVER_SECONDS = 1e9
CALLER_ID = "+12025550123"
CALLEE = "+12025550143"
SLUG = "my-team"


@dataclass(frozen=True, slots=True)
class FirstSetup:
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
    refuse_taken(data)
    port = free_port(port)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    click.echo(BEGINS, err=True)
    try:
        with unwound_by_sigterm(), Stack(data, durable=True) as stack:
            _run(stack, port, as_json, carrier, with_screen)
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)


def _run(stack: Stack, port: int, as_json: bool, carrier: str, with_screen: bool) -> None:
    try:
        running = deploy(stack, port=port, carrier=carrier)
        mine = first_setup(running.dialer, stack.directory / "up.json", carrier)
        await_ready(running)
        env = stack.directory / "env"
        _write_env(env, running, mine)
        click.echo(json.dumps(_facts(running, mine, env)) if as_json else welcome(running, mine, env))
        sys.stdout.flush()
        _keep(running, mine.team_id, with_screen)
    except KeyboardInterrupt:
        click.echo("Stopping …", err=True)
        raise
    except DialerError:
        click.echo(last_words(stack), err=True, nl=False)
        raise
    finally:
        # From here on everything ends in order; a second signal would only make it less so.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _keep(running: Deployment, team_id: str, with_screen: bool) -> None:
    """Keep it running until somebody stops it; on a screen, show the newest campaign, whichever that is, until
    somebody leaves: the dialer stays up."""
    keeper = Keeper(running.stack, _say)
    if with_screen:
        unprinted: list[str] = []
        keeper.say = unprinted.append  # what is written past the screen spoils it
        watcher = Watcher(running.dialer, team_id, lambda: newest_campaign(running.dialer, team_id), None)
        try:
            watch_on_screen(watcher, between=keeper.check)
        finally:
            for line in unprinted:
                _say(line)
        keeper.say = _say
    keeper.keep(FOREVER_SECONDS)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _write_env(path: Path, running: Deployment, mine: FirstSetup) -> None:
    write_env(
        path,
        {**running.environment, "DIALER_TEAM": mine.team_id},
        api=f"{running.url}/api/crm",
        token=mine.token,
        ids={
            "COMPANY": mine.company_id,
            "ASSISTANT": mine.assistant_id,
            "ACCOUNT": mine.account_id,
            "NUMBER": mine.from_number_id,
        },
    )


def first_setup(dialer: Dialer, path: Path, carrier: str = CARRIERS[0]) -> FirstSetup:
    """What the first start made, made now as far as it is missing. A key that was revoked is replaced. Raises
    :class:`Refused` where the first start chose another carrier: a number stays with its account for life."""
    mine = _read(path) or _plan(path)
    transact(dialer.db, lambda conn: _set_up(conn, mine, carrier))
    began_with = get_resource(dialer, ACCOUNT, mine.team_id, mine.account_id)["carrier"]
    if began_with != carrier:
        raise Refused(f"{path.parent} was set up with --carrier {began_with}; use that one, or name another --data.")
    if who_bears(dialer, mine.token) is None:
        _, token = create_key(dialer, mine.team_id, "up", actor="up")
        mine = replace(mine, token=token)
        _write(path, mine)
    return mine


def _plan(path: Path) -> FirstSetup:
    """Ids for what is to be made, written down before it is."""
    mine = FirstSetup(
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


def _set_up(conn: Any, mine: FirstSetup, carrier: str) -> None:
    """Each of them stays as it is where it exists."""
    setup.team(conn, mine.team_id, mine.account_slug, "My team")
    setup.company(conn, mine.company_id, mine.team_id, "My company")
    setup.assistant(conn, mine.assistant_id, mine.team_id, "My assistant", stream_url=STREAM_URL)
    spec = registry.specs()[carrier]
    setup.account(conn, mine.account_id, mine.team_id, carrier, spec.title, calls_per_second=spec.first_rate)
    setup.number(conn, mine.from_number_id, mine.team_id, mine.account_id, CALLER_ID)


def _read(path: Path) -> FirstSetup | None:
    try:
        return FirstSetup(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise Refused(f"{path} cannot be read; move it away, and a new team and key are made.") from error


def _write(path: Path, mine: FirstSetup) -> None:
    write_privately(path, json.dumps(asdict(mine), indent=2) + "\n")


def _facts(running: Deployment, mine: FirstSetup, env: Path) -> dict[str, str]:
    """What a program needs to know, for it to read as JSON."""
    names = ("token", "team_id", "assistant_id", "company_id", "from_number_id", "account_slug")
    servers = {name: running.environment[name.upper()] for name in ("database_url", "redis_url")}
    return {"url": running.url, **{name: getattr(mine, name) for name in names}, **servers, "env": str(env)}


def welcome(running: Deployment, mine: FirstSetup, env: Path) -> str:
    """What runs, where it is, and a first campaign to paste."""
    found = "\n".join(f"  {each.name:<11} {each.version:<22} {each.health}" for each in services(running))
    stack, sockets = running.stack, running.stack.workspace.directory
    elsewhere = "" if sockets.parent == stack.directory else f" The servers' sockets are in {sockets}."
    return f"""\
The dialer is up at {running.url}; Ctrl-C stops it.
Its data and logs stay in {stack.directory}.{elsewhere}

{found}

Paste this into another terminal for a first campaign. It calls through the simulator: nobody's telephone rings.

{first_campaign(env)}

The API is described at {running.url}/docs; the same shell can call it:

curl -sS "$API/campaigns/$CAMPAIGN/progress" -H "$AUTH"
"""


def first_campaign(env: Path) -> str:
    """Lines for a POSIX shell: a contact, a campaign, the contact in it, a run, and how it goes. The last one is for
    somebody who looks on, and is left with q, so it comes last."""
    return f"""\
. {shlex.quote(str(env))}
CONTACT=$(dialer contacts create --first-name Bob --phone {CALLEE})
CAMPAIGN=$(dialer campaigns create --name 'First campaign' --retry-delay-minutes 1 \\
  --company-id $COMPANY --assistant-id $ASSISTANT --from-number-id $NUMBER)
dialer contacts add $CAMPAIGN $CONTACT
dialer campaigns run $CAMPAIGN
dialer campaigns watch $CAMPAIGN"""
