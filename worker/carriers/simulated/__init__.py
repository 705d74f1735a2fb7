"""The carrier without telephones, as the dialer sees it: the program itself is :mod:`worker.simulator`.

=============== =========================================================================================
``adapter``     the requests; keeps the contract of :mod:`worker.carriers.base`
``translation`` the simulator's words in the dialer's
``protocol``    what both sides must agree on: statuses, refusal codes, the signature of a callback
=============== =========================================================================================
"""

from __future__ import annotations

from worker.carriers import registry
from worker.carriers.spec import CarrierSpec, Setting
from worker.domain.guessing import why_guessable


def _secret(value: str) -> str:
    """Whoever can guess it decides what became of simulated calls; a deployment without a simulator has none."""
    why = why_guessable(value, also=registry.specs()) if value else None
    if why is not None:
        raise ValueError(
            f"It {why}: whoever guesses it can forge callbacks; take what openssl rand -hex 16 prints, for the "
            "simulator too, or leave it out where no simulator is called through"
        )
    return value


SPEC = CarrierSpec(
    name="simulator",
    title="Simulator",
    adapter="worker.carriers.simulated.adapter:SimulatorCarrier.from_settings",
    settings=(
        Setting("SIMULATOR_SECRET", required=True, secret=True, check=_secret),
        Setting("SIMULATOR_URL", "http://127.0.0.1:8010", url=True),
    ),
    first_rate=None,
    protocol="worker.simulator.protocols.own:OwnProtocol.from_options",
    simulated=lambda at: {"SIMULATOR_SECRET": at.secret, "SIMULATOR_URL": at.url},
)
