"""What is known of a carrier before any request is sent to it: one :class:`CarrierSpec` a carrier.

Everything outside ``carriers`` that depends on which carriers there are reads it from these, by way of
:mod:`worker.carriers.registry`: the settings that are read, the words of the API and of the errors, the first rate of
an account. A spec names what it takes time to import (the adapter, the simulator's protocol) instead of importing it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.domain.assistant import api_name

if TYPE_CHECKING:
    import httpx2

    from worker.carriers.base import Carrier

CALLS_PER_SECOND_AT_FIRST = 1.0
"""What carriers allow a new account."""


def as_it_is(value: str) -> str:
    """The check of a setting that takes any text."""
    return value


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable of the environment, which begins with the carrier's name.

    A carrier is set up when all its settings that are ``required`` are given; some of them without the others are a
    mistake. ``check`` returns the value as the adapter wants it, or raises :class:`ValueError` with a sentence that
    says what to give and does not repeat the value. A ``url`` is one of http or https, and loses its last slash.
    """

    name: str
    default: str = ""
    required: bool = False
    secret: bool = False
    url: bool = False
    check: Callable[[str], str] = as_it_is


@dataclass(frozen=True, slots=True)
class AssistantField:
    """A field of an assistant that only one carrier reads: a name by which that carrier knows it, 1 to 200 characters.
    Its ``key``, such as ``acme_agent_id``, begins with the carrier's name and is what answers call it; requests call it
    ``acmeAgentId``. It is kept in the column ``carrier_ids`` of the assistant. ``help`` is a sentence for the API page.
    """

    key: str
    help: str

    @property
    def name(self) -> str:
        """What requests call it."""
        return api_name(self.key)


@dataclass(frozen=True, slots=True)
class SimulatedAt:
    """Where a simulator listens, the ``secret`` it shares with the dialer, and the ``public_key`` (base64) of the
    Ed25519 key that it signs with where a protocol does so."""

    url: str
    secret: str
    public_key: str


@dataclass(frozen=True, slots=True)
class CarrierSpec:
    """A carrier.

    ``name`` is what the API, the database and the addresses of callbacks call it (small letters and digits, a letter
    first), ``title`` what people do.

    ``adapter`` is the dotted name, ``package.module:object``, of what builds its
    :class:`~worker.carriers.base.Carrier`: it is called with the settings by name, a shared
    :class:`httpx2.Client` and the seconds that a request may take.

    ``connects_by`` are the fields of an assistant, as answers call them, by which the carrier connects a callee: the
    first that the assistant has. Empty where it connects nobody. ``assistant_fields`` are its own among them.

    ``first_rate`` is how many calls per second a new account makes when nobody says otherwise (``None``: no limit).
    ``shares_credentials`` where all accounts with the carrier are one there, because the deployment's credentials are.
    ``api_setting`` is the setting with the address of its API: unless that is on this machine or network, the carrier
    must be able to reach ``PUBLIC_BASE_URL``.

    ``protocol`` is the dotted name of what speaks for this carrier in the simulator (:mod:`worker.simulator.protocols`
    says what it must do), and ``simulated`` gives the settings that lead the adapter there; without them the carrier
    cannot be simulated. ``codes`` is that of a mapping of its codes for refused calls to
    :class:`~worker.carriers.codes.Code`, by which people are shown what one means.
    """

    name: str
    title: str
    adapter: str
    settings: tuple[Setting, ...]
    connects_by: tuple[str, ...] = ()
    assistant_fields: tuple[AssistantField, ...] = ()
    first_rate: float | None = CALLS_PER_SECOND_AT_FIRST
    shares_credentials: bool = False
    api_setting: str | None = None
    protocol: str | None = None
    simulated: Callable[[SimulatedAt], Mapping[str, str]] | None = None
    codes: str | None = None

    @property
    def required(self) -> list[str]:
        """The names of the settings that set it up, all together."""
        return [setting.name for setting in self.settings if setting.required]

    @property
    def set_up_by(self) -> str:
        """The same for people: ``A_SID and A_TOKEN``."""
        *others, last = self.required
        return f"{', '.join(others)} and {last}" if others else last

    def build(self, settings: Mapping[str, str], client: httpx2.Client, request_seconds: float) -> Carrier:
        """What speaks to the carrier, by these settings."""
        carrier: Carrier = pkgutil.resolve_name(self.adapter)(settings, client, request_seconds)
        return carrier
