"""``python -m worker.simulator``: run the simulator until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import logging
import math
import os
import pkgutil
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from worker.carriers import registry
from worker.domain.errors import DialerError, Fault, Invalid
from worker.simulator.agenda import Agenda
from worker.simulator.courier import Courier
from worker.simulator.exchange import Exchange
from worker.simulator.lives import DEMO_ODDS, Book
from worker.simulator.protocols.base import ProtocolOptions, ServedProtocol, public_key
from worker.simulator.script import parse_odds, parse_script
from worker.simulator.server import SimulatorServer
from worker.simulator.terms import Terms

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def main(arguments: Sequence[str] | None = None) -> int:
    logging.basicConfig(level=logging.WARNING, format="simulator: %(message)s")
    try:
        options = parser().parse_args(arguments)
        book = read_book(options)
        return serve(options, book)
    except DialerError as error:
        print(f"simulator: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 3


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m worker.simulator", description="A carrier without telephones.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one (default)")
    parser.add_argument("--port-file", type=Path, help="file the port is written to once it listens")
    parser.add_argument("--ledger", type=Path, required=True, help="file of JSON lines to append to")
    parser.add_argument(
        "--secret",
        default=os.environ.get("SIMULATOR_SECRET"),
        help="shared with the dialer: bearer of requests and key of signatures, Twilio's auth token, Telnyx's API key "
        "(default $SIMULATOR_SECRET)",
    )
    parser.add_argument("--seed", type=int, default=1, help="what the odds are drawn with (default %(default)s)")
    parser.add_argument("--speed", type=float, default=1.0, help="divides ringing and talking (default %(default)s)")
    parser.add_argument("--script", type=Path, help="JSON file of lives per number")
    parser.add_argument("--odds", help="such as answered=80,busy=20; for numbers without a script")
    parser.add_argument("--nasty", type=float, default=0.0, help="share of drawn calls that meet a mishap, 0 to 1")
    parser.add_argument(
        "--calls-per-second", type=float, help="of an account; beyond it Twilio's protocol queues and the others refuse"
    )
    parser.add_argument(
        "--list-lag", type=float, default=0.0, help="seconds until a call is in Twilio's lists (default %(default)s)"
    )
    parser.add_argument("--channels", type=int, help="calls an account may have at once; one more is refused")
    parser.add_argument(
        "--calls-to", metavar="PREFIXES", help="where accounts may call, such as +1,+44; other numbers are refused"
    )
    parser.add_argument(
        "--trial", metavar="NUMBERS", help="accounts are on trial: only these numbers, with commas, may be called"
    )
    parser.add_argument("--public-key-file", type=Path, help="file for the key that verifies what is signed by Ed25519")
    return parser


def read_book(options: argparse.Namespace) -> Book:
    """The lives these options ask for. Raises :class:`Invalid`."""
    faults = []
    if not options.secret:
        sentence = "Give --secret or set SIMULATOR_SECRET to what the dialer has; openssl rand -hex 16 makes one."
        faults.append(Fault("secret", sentence))
    if not 0 < options.speed < float("inf"):
        faults.append(Fault("speed", "Must be above zero."))
    if not 0 <= options.nasty <= 1:
        faults.append(Fault("nasty", "Must be from 0 to 1."))
    if options.calls_per_second is not None and not 0 < options.calls_per_second < math.inf:
        faults.append(Fault("calls-per-second", "Must be above zero."))
    if options.channels is not None and options.channels < 0:
        faults.append(Fault("channels", "Must not be negative."))
    if faults:
        raise Invalid(faults)
    return Book(
        seed=options.seed,
        odds=parse_odds(options.odds) if options.odds else DEMO_ODDS,
        nasty=options.nasty,
        script=parse_script(options.script.read_text()) if options.script else {},
    )


def serve(options: argparse.Namespace, book: Book) -> int:
    """Run until a signal stops it. A thread that dies of a mistake takes the process along: half a carrier that
    answers but lets no call live would look like a slow one.

    The signals are blocked before any thread starts and waited for, not caught: a handler would run in the
    middle of whatever lock the main thread holds."""
    mistakes = threading.Event()

    def give_up(failure: threading.ExceptHookArgs) -> None:
        threading.__excepthook__(failure)
        mistakes.set()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.excepthook = give_up
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    agenda = Agenda()
    courier = Courier(agenda)
    protocols = served(ProtocolOptions(options.secret, options.list_lag))
    pace = options.calls_per_second or math.inf
    terms = Terms(options.channels, _listed(options.calls_to), _listed(options.trial))
    exchange = Exchange(
        book, options.ledger, agenda, courier, protocols, speed=options.speed, calls_per_second=pace, terms=terms
    )
    server = SimulatorServer((options.host, options.port), protocols, exchange, courier)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="accept", daemon=True).start()
    if options.public_key_file:
        write_whole(options.public_key_file, public_key(options.secret))
    announce(options, server.server_address[1])
    signal.sigwait(STOP_SIGNALS)
    server.close()
    exchange.close()
    courier.close()
    agenda.close()
    return 4 if mistakes.is_set() else 0


def served(options: ProtocolOptions) -> list[ServedProtocol]:
    """The protocols of the carriers that have one."""
    names = [spec.protocol for spec in registry.specs().values() if spec.protocol is not None]
    return [pkgutil.resolve_name(name)(options) for name in names]


def _listed(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def announce(options: argparse.Namespace, port: int) -> None:
    """Say where it listens, when all else is written: others wait for it."""
    if options.port_file:
        write_whole(options.port_file, str(port))
    print(f"simulator listening on http://{options.host}:{port}", flush=True)


def write_whole(path: Path, line: str) -> None:
    """Let the file appear whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(f"{line}\n")
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(main())
