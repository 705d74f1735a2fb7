"""R: how long the path of a refill is, from the arrival of a callback to the request for the next call.

One campaign with one slot, calls of a second, and every process as deployed: web, a worker, the simulator, each
reaching PostgreSQL, Redis and one another by relays that count (:mod:`tests.bench.wire`). What is counted is the
longest row of round trips in between, one after the other; what was sent together before an answer came is one. There
is no time in it, so that it is the same on any machine.
"""

from __future__ import annotations

import json
import secrets
import socket
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from urllib.parse import quote

from celery import Celery

from tests.bench.bare import bare
from tests.bench.deployment import Deployment, started
from tests.bench.effort import Effort
from tests.bench.report import Figure, say
from tests.bench.shape import TEAM, WINDOW, furnish
from tests.bench.wire import Exchange, Wire
from worker.dev.stack import Stack
from worker.operations import campaigns
from worker.operations.examine import examine
from worker.process import celery_app
from worker.slots import connect

CALLS, QUICK_CALLS = 25, 12
LIFE = {"ring": 0.3, "talk": 0.5}
PATIENCE_SECONDS = 120.0
NUMBER = "pn_bench000"


@dataclass(frozen=True, slots=True)
class Path:
    """One refill: its exchanges, in a row."""

    exchanges: Sequence[Exchange]

    @property
    def round_trips(self) -> int:
        return len(self.exchanges)

    @property
    def commits(self) -> int:
        return sum(exchange.commits for exchange in self.exchanges)

    def lines(self) -> list[str]:
        return [f"{n:3} {e.service:10} {' · '.join(e.words)[:150]}" for n, e in enumerate(self.exchanges, 1)]


def measure(stack: Stack, effort: Effort) -> list[Figure]:
    """The middle one of the paths, which are nearly all the same; a tick or a watchdog in between makes one longer."""
    paths = refills(stack, effort.of(CALLS, QUICK_CALLS))
    one = middle(paths)
    say("\n".join(["R, the path of one refill:", *one.lines()]))
    counts = Counter(path.round_trips for path in paths)
    say(f"R: {dict(sorted(counts.items()))} (round trips: refills)")
    return [
        Figure("R", "R round trips of a refill", ratio=one.round_trips, at_most=8.0),
        Figure("R commits", "   commits among them", ratio=one.commits, at_most=2.0),
    ]


def middle(paths: Sequence[Path]) -> Path:
    """The one in the middle by length."""
    return sorted(paths, key=lambda path: (path.round_trips, path.commits))[len(paths) // 2]


def shortest(paths: Sequence[Path]) -> Path:
    """The one that nothing else joined in: what a refill takes, whatever the machine is busy with."""
    return min(paths, key=lambda path: (path.round_trips, path.commits))


def refills(stack: Stack, calls: int = CALLS) -> list[Path]:
    """The paths of all refills of a campaign but the first ones, which open connections."""
    with Wire() as wire, deployed(stack, wire) as there:
        with there.dialer.db.begin() as conn:
            furnish(conn, [f"cont_{n:07d}" for n in range(calls)])
        body = {
            "name": "Path",
            "assistantId": "asst_bench",
            "companyId": "comp_bench",
            "fromNumberIds": [NUMBER],
            "maxConcurrentCalls": 1,
            **WINDOW,
        }
        campaign = campaigns.create_campaign(there.dialer, TEAM, body, actor="bench")
        campaigns.add_contacts(there.dialer, campaign, [f"cont_{n:07d}" for n in range(calls)], actor="bench")
        there.celery.send_task("worker.run_campaign", [campaign])
        is_over = "SELECT 1 FROM campaigns WHERE id = :id AND status = 'completed'"
        there.wait(lambda: bool(there.sql(is_over, id=campaign)), "the campaign completed", seconds=PATIENCE_SECONDS)
        broken = {name: rows for name, rows in examine(there.dialer).items() if rows}
        assert not broken, f"invariants are broken: {broken}"
    requests = [post.at for post in wire.posts if post.to == "carrier"]
    callbacks = [post.at for post in wire.posts if post.to == "web" and "/events/" in post.path]
    assert len(requests) == calls, f"{len(requests)} requests for {calls} contacts"
    return [Path(wire.path(max(at for at in callbacks if at < request), request)) for request in requests[calls // 5 :]]


@contextmanager
def deployed(stack: Stack, wire: Wire) -> Iterator[Deployment]:
    """A worker, a web process and the simulator, all on the wire; no beat, for a tick is of no path."""
    with ExitStack() as running:
        made = running.enter_context(bare(stack, "bench_path"))
        celery = Celery("bench_path")
        celery_app.configure(celery, made.settings)
        running.callback(celery.close)
        redis = running.enter_context(connect(stack.valkey.url))
        web_port, secret = _free_port(), secrets.token_hex(16)
        ours = stack.directory / "wire"
        ours.mkdir(mode=0o755)
        wire.postgres(ours / ".s.PGSQL.5432", stack.postgres.socket_directory / ".s.PGSQL.5432")
        wire.redis(ours / "valkey.sock", stack.valkey.socket_path)
        life = {f"+9992{n:08d}": [LIFE] for n in range(CALLS)}
        (stack.directory / "lives.json").write_text(json.dumps(life))
        port_file = stack.directory / "simulator.port"
        options = ["--ledger", stack.directory / "path.ledger", "--script", stack.directory / "lives.json"]
        command = [sys.executable, "-m", "worker.simulator", "--port-file", port_file, *options]
        children = [running.enter_context(started(stack, "path-simulator", command, {"SIMULATOR_SECRET": secret}))]
        there = Deployment("bench_path", stack, made.environment, made.dialer, celery, redis, tuple(children), {})
        there.wait(lambda: port_file.exists() and bool(port_file.read_text()), "the simulator listens", seconds=30)
        environment = {
            **made.environment,
            "DATABASE_URL": f"postgresql:///bench_path?host={quote(str(ours), safe='')}&port=5432&user=dialer",
            "REDIS_URL": f"unix://{ours}/valkey.sock",
            "CELERY_BROKER_URL": f"redis+socket://{ours}/valkey.sock",
            "SIMULATOR_SECRET": secret,
            "SIMULATOR_URL": f"http://127.0.0.1:{wire.http('carrier', int(port_file.read_text()))}",
            "PUBLIC_BASE_URL": f"http://127.0.0.1:{wire.http('web', web_port)}",
        }
        for name, words in (
            ("web", ["worker", "web", "--host", "127.0.0.1", "--port", str(web_port)]),
            ("worker", ["celery", "-A", "worker", "worker", "-n", "worker@bench_path"]),
        ):
            argv = [sys.executable, "-m", *words]
            children.append(running.enter_context(started(stack, f"path-{name}", argv, environment)))
        yield replace(there, children=tuple(children))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
