"""A whole deployment on this machine: what ``dialer up`` and ``dialer demo`` have in common.

The embedded servers, the simulator, and the processes of the Procfile, started as they would be deployed: each a
process of its own, configured by its environment alone.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import click

from worker.carriers import registry
from worker.carriers.spec import SimulatedAt
from worker.clock import monotonic
from worker.dev.stack import Stack
from worker.domain.errors import Refused, Unavailable
from worker.flow.base import Dialer
from worker.process import wiring
from worker.store import ticks
from worker.store.database import once, open_database
from worker.store.migrate import migrate, newest, version

HOST = "127.0.0.1"
CARRIERS = [name for name, spec in registry.specs().items() if spec.protocol and spec.simulated]
"""Those the simulator can speak for."""
STREAM_URL = "wss://assistant.example/stream"
"""Where the simulator's callees are connected to; it opens nothing there."""
WORKERS = 2
BEGINS = "Starting PostgreSQL, Valkey, web, two workers, beat and a simulated carrier …"
"""What is said at once, for the first seconds have nothing else to show."""
SIMULATOR_READY_SECONDS = 15.0
READY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is running: ``url`` is the API's, ``dialer`` works on the same rows as its processes, which were given
    ``environment`` and ``started_at`` this moment of :func:`~worker.clock.monotonic`."""

    stack: Stack
    dialer: Dialer
    url: str
    ledger_path: Path
    environment: Mapping[str, str]
    started_at: float


carrier_option = click.option(
    "--carrier",
    type=click.Choice(CARRIERS),
    default=CARRIERS[0],
    show_default=True,
    help="Whose protocol is spoken with the simulator; nobody's telephone rings.",
)


def deploy(
    stack: Stack,
    *,
    port: int,
    carrier: str = CARRIERS[0],
    simulator: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
) -> Deployment:
    """Start everything on a stack that runs: the simulator speaks for ``carrier`` and gets the further options
    ``simulator``; ``settings`` are laid over those of our environment. Returns when the schema is there and
    every process has been started; they may not all answer yet."""
    started_at = monotonic()
    ledger_path, key_file = stack.directory / "ledger.jsonl", stack.workspace.directory / "simulator.key"
    secret, simulated = stack.simulator_secret, free_port()
    port_file = stack.workspace.directory / "simulator.port"
    options = ["--ledger", str(ledger_path), "--port", str(simulated), "--port-file", str(port_file)]
    options += ["--public-key-file", str(key_file), *simulator]
    command = [sys.executable, "-m", "worker.simulator", *options]
    stack.spawn("simulator", command, {"SIMULATOR_SECRET": secret}, ends_last=True)
    environment = {
        **(settings or {}),
        **stack.environment,
        "CELERY_BROKER_URL": "",  # a broker this shell is set up for is not ours
        "PUBLIC_BASE_URL": f"http://{HOST}:{port}",
        "SIMULATOR_URL": f"http://{HOST}:{simulated}",
    }
    _migrate(stack)
    _await_simulator(stack, port_file)
    environment |= _credentials(carrier, environment["SIMULATOR_URL"], secret, key_file)
    _spawn(stack, port, environment)
    os.environ.update(environment)  # from here on this process is one of the deployment's, and may send messages
    return Deployment(stack, wiring.dialer(), environment["PUBLIC_BASE_URL"], ledger_path, environment, started_at)


def _credentials(carrier: str, url: str, secret: str, key_file: Path) -> dict[str, str]:
    """The settings that lead the adapter of this carrier to the simulator."""
    simulated = registry.specs()[carrier].simulated
    return {} if simulated is None else dict(simulated(SimulatedAt(url, secret, key_file.read_text().strip())))


def _migrate(stack: Stack) -> None:
    """Bring the data of an older dialer up to date; that of a newer one is not for us to work on."""
    engine = open_database(stack.postgres.url, pool_size=1, statement_ms=0)
    try:
        found = once(engine, version)
        if found is not None and found > newest():
            raise Refused(
                f"The data in {stack.directory} is a newer dialer's (schema {found}, this one knows {newest()}); "
                "upgrade this one, or name another directory."
            )
        applied = migrate(engine, registry.specs())
    finally:
        engine.dispose()
    if found is not None and applied:
        click.echo(f"The data is an older dialer's; its schema was brought up to date: {', '.join(applied)}.", err=True)


def _spawn(stack: Stack, port: int, environment: Mapping[str, str]) -> None:
    """The processes of the Procfile."""
    web = [sys.executable, "-m", "worker", "web", "--host", HOST, "--port", str(port)]
    celery = [sys.executable, "-m", "celery", "-A", "worker"]
    stack.spawn("web", web, environment)
    for n in range(1, WORKERS + 1):
        stack.spawn(f"worker-{n}", [*celery, "worker", "-n", f"worker{n}@dialer"], environment)
    stack.spawn("beat", [*celery, "beat"], environment)


def _await_simulator(stack: Stack, port_file: Path) -> None:
    deadline = monotonic() + SIMULATOR_READY_SECONDS
    while not port_file.exists():
        ended = stack.wait(0.02)
        if ended is not None or monotonic() > deadline:
            raise Unavailable(
                f"The simulator did not start: {ended.last_words() if ended else 'it says no port after 15 s'}"
            )


def await_ready(running: Deployment) -> None:
    """Return when the API, the broker and the tick are at work: the tick of this start, not of one before."""
    deadline = monotonic() + READY_SECONDS
    plainly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        look_after(running.stack, 0.05)
        try:
            with plainly.open(f"{running.url}/readyz", timeout=5):
                if _has_ticked(running):
                    return
                said = "nobody has ticked yet"
        except urllib.error.HTTPError as error:  # it answers that it is not ready
            with error:
                said = error.read().decode()
            if _is_only_behind(said) and _has_ticked(running):
                return
        except OSError as error:  # nobody listens yet
            said = str(error)
        if monotonic() > deadline:
            raise Unavailable(f"The dialer was not ready after {READY_SECONDS:.0f} s: {said}")


def _is_only_behind(said: str) -> bool:
    """Whether everything is at work, and only what waited since before this start stands still yet."""
    try:
        words = json.loads(said)
    except ValueError:  # somebody else's answer
        return False
    return all(words.get(name) == "ok" for name in ("database", "schema", "writes", "tick", "broker"))


def _has_ticked(running: Deployment) -> bool:
    age = once(running.dialer.db, lambda conn: ticks.age_seconds(conn, "tick"))
    return age is not None and age < monotonic() - running.started_at


def look_after(stack: Stack, seconds: float) -> None:
    """Wait; raise :class:`Unavailable` with its last words as soon as some process ends, which none should while it
    starts, nor while it is checked. What is to stay up is looked after by :class:`worker.cli.keeping.Keeper`."""
    ended = stack.wait(seconds)
    if ended is not None:
        raise Unavailable(f"The process {ended.name} ended by itself; its last words: {ended.last_words()}")
    for server in (stack.postgres, stack.valkey):
        if not server.is_running:
            raise Unavailable(f"{server.title} ended by itself; see its log in {stack.directory}.")


def last_words(stack: Stack) -> str:
    """What the processes said last, for whoever must find out why it did not work."""
    logged = []
    for child in stack.children:
        lines = child.log_path.read_text(errors="replace").splitlines()[-3:] if child.log_path.exists() else []
        logged += [f"{child.name}: {line}" for line in lines]
    return "".join(f"{line}\n" for line in logged)


def free_port(wanted: int = 0) -> int:
    """A port nobody listens on: the one wanted, or any. Raises :class:`Unavailable` if that one is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError as error:
            raise Unavailable(f"Port {wanted} cannot be used ({error.strerror}); choose one with --port.") from error
        port: int = probe.getsockname()[1]
        return port


def how_to_call(command: str) -> str:
    """A command of ours as it can be typed in this very place."""
    if shutil.which("dialer") is not None:
        return f"dialer {command}"
    python = Path(sys.executable)
    with suppress(ValueError):
        python = python.relative_to(Path.cwd())
    return f"{shlex.quote(str(python))} -m worker {command}"


@contextmanager
def unwound_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the command as Ctrl-C does: orderly."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
