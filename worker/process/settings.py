"""The deployment's settings: from the environment, checked once at start, frozen.

Every mistake is reported in one message, by the variable's name and without its value, for a value may be a
secret. No other module of the dialer's processes reads variables of the deployment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    create_model,
    field_validator,
)

from worker.carriers import registry
from worker.carriers.spec import CarrierSpec, Setting
from worker.domain.errors import Fault, Invalid
from worker.domain.fields import range_in_words
from worker.domain.model import Bounds
from worker.domain.public_address import EXAMPLE, why_unreachable
from worker.domain.spelling import did_you_mean, nearest
from worker.domain.window import CallWindow, parse_default_window
from worker.process.addresses import broker_fault, database_fault, for_celery, redis_fault, split

SHORTEST_RETENTION_DAYS, LONGEST_RETENTION_DAYS = 31, 36_500


def _retention(days: int) -> int:
    if days != 0 and not SHORTEST_RETENTION_DAYS <= days <= LONGEST_RETENTION_DAYS:
        raise ValueError("Give 0, which keeps all, or a whole number from 31 to 36 500")
    return days


Retention = Annotated[int, AfterValidator(_retention)]
"""For how many days something is kept; 0: for good."""


class BoundsSettings(BaseModel):
    """The settings that the dialer works by, each under its name in :class:`~worker.domain.model.Bounds`."""

    ring_seconds: int = Field(30, ge=15, le=120)
    longest_call_seconds: int = Field(1800, ge=60, le=14_400)
    dial_batch: int = Field(25, ge=1, le=100)
    settle_batch: int = Field(200, ge=1, le=1000)
    verdict_wait_seconds: float = Field(10.0, ge=0, le=60)
    outcome_wait_seconds: float = Field(120.0, ge=0, le=3600)
    send_fence_seconds: float = Field(2.0, gt=0, le=10)
    request_seconds: float = Field(16.0, gt=0, le=60)
    provable_end_margin_seconds: float = Field(60.0, ge=0, le=600)
    check_after_seconds: float = Field(15.0, gt=0, le=600)
    unknown_after_seconds: float = Field(300.0, ge=0, le=3600)
    redispatch_after_seconds: float = Field(10.0, gt=0, le=600)
    reconcile_every_seconds: float = Field(5.0, gt=0, le=60)
    slot_grace_seconds: float = Field(30.0, gt=0, le=600)
    rate_recovery_seconds: float = Field(60.0, gt=0, le=3600)
    breaker_window: int = Field(50, ge=2, le=1000)
    breaker_share: float = Field(0.5, gt=0, lt=1)
    breaker_pause_seconds: float = Field(60.0, gt=0, le=3600)
    breaker_longest_pause_seconds: float = Field(3600.0, gt=0, le=86_400)
    unknown_news_kept: int = Field(10_000, ge=0, le=1_000_000)
    news_raw_days: int = Field(30, ge=1, le=3650)
    retention_calls_days: Retention = 0
    retention_events_days: Retention = 0
    retention_audit_days: Retention = 0


class Settings(BoundsSettings):
    """One field a variable; the name in capitals. See ``worker/manual/settings.md`` for the table. The variables of the
    carriers are read besides (:func:`settings_model`): each carrier says which they are, and :meth:`of_carrier` returns
    them."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True)

    database_url: SecretStr = SecretStr("postgresql://localhost/dialer")
    redis_url: SecretStr = SecretStr("redis://localhost:6379/0")
    celery_broker_url: SecretStr | None = None
    redis_prefix: str = "dialer"
    public_base_url: str = "http://127.0.0.1:8000"
    default_call_window: str = ""
    require_purpose: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    trusted_proxies: str = ""

    worker_concurrency: int = Field(8, ge=1, le=64)
    placing_threads: int = Field(100, ge=1, le=1000)
    api_requests_per_second: float = Field(50.0, gt=0, le=100_000)
    api_burst: int = Field(100, ge=1, le=100_000)
    failed_logins_per_minute: int = Field(20, ge=1, le=100_000)
    refused_callbacks_per_minute: int = Field(60, ge=1, le=100_000)
    request_head_seconds: float = Field(15.0, gt=0, le=600)
    request_body_seconds: float = Field(30.0, gt=0, le=3600)
    max_body_bytes: int = Field(8 * 1024 * 1024, ge=1024, le=1024**3)
    max_import_bytes: int = Field(64 * 1024 * 1024, ge=1024, le=1024**3)
    database_pool_size: int | None = Field(None, ge=2, le=200)

    broker_visibility_seconds: int = Field(120, ge=1, le=3600)

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: SecretStr) -> SecretStr:
        _refuse(database_fault(value.get_secret_value()))
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: SecretStr) -> SecretStr:
        _refuse(redis_fault(value.get_secret_value()))
        return value

    @field_validator("celery_broker_url")
    @classmethod
    def _broker(cls, value: SecretStr | None) -> SecretStr | None:
        _refuse(None if value is None else broker_fault(value.get_secret_value()))
        return value

    @field_validator("public_base_url")
    @classmethod
    def _http(cls, value: str) -> str:
        return _web_address(value)

    @field_validator("redis_prefix")
    @classmethod
    def _prefix(cls, value: str) -> str:
        if not (1 <= len(value) <= 40 and set(value) <= _PREFIX_SIGNS):
            raise ValueError("Give 1 to 40 small letters, digits, hyphens and underscores, such as dialer")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, value: str) -> str:
        _networks(value)
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("default_call_window")
    @classmethod
    def _window(cls, value: str) -> str:
        try:
            parse_default_window(value)
        except Invalid as error:
            raise ValueError(" ".join(fault.message for fault in error.faults)) from None
        return value

    def of_carrier(self, spec: CarrierSpec) -> dict[str, str]:
        """The settings of a carrier by their names, as its adapter wants them; a missing one is empty."""
        values = {setting.name: getattr(self, setting.name.lower()) for setting in spec.settings}
        return {name: v.get_secret_value() if isinstance(v, SecretStr) else v for name, v in values.items()}

    @property
    def carriers(self) -> list[CarrierSpec]:
        """Those that are set up: whose required settings are all there."""
        return [spec for spec in registry.specs().values() if all(map(self.of_carrier(spec).get, spec.required))]

    @property
    def default_window(self) -> CallWindow | None:
        """``DEFAULT_CALL_WINDOW``, read."""
        return parse_default_window(self.default_call_window)

    @property
    def broker_url(self) -> str:
        """What Celery connects to: ``CELERY_BROKER_URL``, or else ``REDIS_URL``, in Celery's spelling."""
        urls = (self.celery_broker_url or self.redis_url).get_secret_value()
        return ";".join(map(for_celery, urls.split(";")))

    @property
    def proxy_networks(self) -> list[IPv4Network | IPv6Network]:
        """``TRUSTED_PROXIES``: whose word on a client's address counts."""
        return _networks(self.trusted_proxies)

    @property
    def bounds(self) -> Bounds:
        """The lengths of time and sizes of batches the dialer works by."""
        return as_bounds({name: getattr(self, name) for name in BoundsSettings.model_fields})


def as_bounds(values: Mapping[str, Any]) -> Bounds:
    """The bounds with these values. Raises :class:`TypeError` for a name that is none of theirs: a setting that is
    spelt otherwise than the bound it sets would do nothing."""
    for name in values.keys() - Bounds.__dataclass_fields__.keys():
        raise TypeError(f"{name} is no field of Bounds;{did_you_mean(name, Bounds.__dataclass_fields__)}")
    return Bounds(**values)


SHORTEST_COMPARED = 8
"""Letters of a variable's name, below which half of all environments hold one that resembles it."""
_PREFIX_SIGNS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")


def _refuse(fault: str | None) -> None:
    """Raise what pydantic takes for a fault of the field."""
    if fault is not None:
        raise ValueError(fault)


def _web_address(value: str) -> str:
    parts = split(value)
    if not parts or parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("Give an address such as https://dialer.example.com")
    return value.rstrip("/")


def _networks(text: str) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(word) for word in text.replace(",", " ").split()]
    except ValueError:
        example = "127.0.0.1, 10.0.0.0/8"
        raise ValueError(f"Give addresses and networks with commas between them, such as {example}") from None


@cache
def settings_model() -> type[Settings]:
    """The settings together with those of the carriers there are. A carrier's never replace ours."""
    fields = {setting.name.lower(): setting for spec in registry.specs().values() for setting in spec.settings}
    return create_model(
        Settings.__name__,
        __base__=Settings,
        **{name: _field(setting) for name, setting in fields.items() if name not in Settings.model_fields},
    )


def _field(setting: Setting) -> Any:
    """A setting of a carrier for pydantic: its type with its checks, and its default."""

    def read(value: str) -> str:
        return setting.check(_web_address(value) if setting.url else value)

    if not setting.secret:
        return Annotated[str, AfterValidator(read)], setting.default
    return (
        Annotated[SecretStr, AfterValidator(lambda value: SecretStr(read(value.get_secret_value())))],
        SecretStr(setting.default),
    )


FORMER_NAMES = {"DOORBELL_AFTER_SECONDS": "REDISPATCH_AFTER_SECONDS"}
"""Variables that have another name now; what stands under the former one counts where the present one is not set."""


def _given(environment: Mapping[str, str]) -> dict[str, str]:
    """What is set, by the name of its field."""
    given = {name: value for name, value in environment.items() if value}
    former = {now: given[name] for name, now in FORMER_NAMES.items() if name in given}
    return {name.lower(): value for name, value in (former | given).items()}


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process's environment, or of the one given, which then is all that counts. Raises
    :class:`Invalid` listing every variable that is wrong."""
    chosen: Settings | None = None
    try:
        chosen = settings_model().model_validate(_given(os.environ if environment is None else environment))
        faults = [*_half_set_up(chosen), *_out_of_reach(chosen)]
    except ValidationError as error:
        faults = [
            Fault(str(fault["loc"][0]).upper(), _sentence(str(fault["loc"][0]), fault))
            for fault in error.errors(include_input=False, include_url=False)
        ]
    if chosen is None or faults:
        raise Invalid(faults)
    return chosen


def _sentence(name: str, fault: Mapping[str, Any]) -> str:
    """What is wrong with a variable, in our words: a value pydantic cannot read, by what the field may be."""
    if fault["type"] == "value_error":
        return f"{fault['msg'].removeprefix('Value error, ').removesuffix('.')}."
    field = settings_model().model_fields[name.lower()]
    kinds = (field.annotation, *get_args(field.annotation))
    if int in kinds or float in kinds:
        return f"Give a {'whole number' if int in kinds else 'number'} {range_in_words(field.metadata)}."
    choices = [choice for choice in kinds[1:] if isinstance(choice, str)]
    return f"Give one of: {', '.join(choices)}." if choices else "Give a text."


def _half_set_up(chosen: Settings) -> list[Fault]:
    """What is missing of a carrier of which something is there: it would be left out without a word."""
    faults = []
    for spec in registry.specs().values():
        given = chosen.of_carrier(spec)
        missing = [name for name in spec.required if not given[name]]
        if len(missing) < len(spec.required):
            faults += [Fault(name, f"Set it too, or none of {', '.join(spec.required)}.") for name in missing]
    return faults


def _out_of_reach(chosen: Settings) -> list[Fault]:
    """Where the carriers that people are rung through cannot post to. One whose API is itself on this machine or
    network is a simulator: it reaches what we reach."""
    carriers = [
        spec.title
        for spec in chosen.carriers
        if spec.api_setting is not None and why_unreachable(chosen.of_carrier(spec)[spec.api_setting]) is None
    ]
    why = why_unreachable(chosen.public_base_url) if carriers else None
    if why is None:
        return []
    return [Fault("PUBLIC_BASE_URL", f"{why}, and {' and '.join(carriers)} must reach it; {EXAMPLE}.")]


def misnamed(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that are nearly ours and therefore do nothing, each with the one that was probably meant: one that is
    not set itself."""
    ours = {name.upper() for name in settings_model().model_fields}
    missing = [name for name in sorted(ours) if not environment.get(name) and len(name) >= SHORTEST_COMPARED]
    ours |= FORMER_NAMES.keys()
    found = {name: nearest(name, missing) for name in environment if name.upper() not in ours}
    return {name: meant for name, meant in found.items() if meant is not None}


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return read_settings()
