"""The deployment's settings: from the environment, checked once at start, frozen.

Every mistake is reported in one message, by the variable's name and without its value, for a value may be a
secret. Nothing else in the product reads the environment.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from functools import cache
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from psycopg.pq import Conninfo
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from worker.domain.errors import Fault, Invalid, Refused
from worker.domain.guessing import why_guessable
from worker.domain.model import Bounds
from worker.domain.window import CallWindow, parse_default_window
from worker.slots import connect

_DATABASE = ("postgres", "postgresql", "postgresql+psycopg")
_BROKER = ("redis", "rediss", "redis+socket", "unix", "valkey", "valkeys", "sentinel")
_WRITTEN = "; in a password write %40 for @, %2F for / and so on"
_REDIS_EXAMPLE = f"give an address such as redis://:password@host:6379/0{_WRITTEN}"


class Settings(BaseSettings):
    """One field a variable; the name in capitals. See the README for the table."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: SecretStr = SecretStr("postgresql://localhost/dialer")
    redis_url: SecretStr = SecretStr("redis://localhost:6379/0")
    celery_broker_url: SecretStr | None = None
    redis_prefix: str = Field("dialer", pattern=r"^[a-z0-9_-]{1,40}$")
    public_base_url: str = "http://127.0.0.1:8000"
    default_call_window: str = ""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"

    simulator_url: str = "http://127.0.0.1:8010"
    simulator_secret: SecretStr = SecretStr("")

    twilio_account_sid: str = ""
    twilio_auth_token: SecretStr = SecretStr("")
    twilio_api_base_url: str = "https://api.twilio.com"
    telnyx_api_key: SecretStr = SecretStr("")
    telnyx_public_key: SecretStr = SecretStr("")
    telnyx_connection_id: str = ""
    telnyx_api_base_url: str = "https://api.telnyx.com"

    worker_concurrency: int = Field(8, ge=1, le=64)
    placing_threads: int = Field(25, ge=1, le=200)
    api_requests_per_second: float = Field(50.0, gt=0, le=100_000)
    api_burst: int = Field(100, ge=1, le=100_000)
    failed_logins_per_minute: int = Field(20, ge=1, le=100_000)
    refused_callbacks_per_minute: int = Field(60, ge=1, le=100_000)
    max_body_bytes: int = Field(8 * 1024 * 1024, ge=1024, le=1024**3)
    max_import_bytes: int = Field(64 * 1024 * 1024, ge=1024, le=1024**3)
    database_pool_size: int | None = Field(None, ge=2, le=200)

    ring_seconds: int = Field(30, ge=15, le=120)
    longest_call_seconds: int = Field(1800, ge=60, le=14_400)
    dial_batch: int = Field(25, ge=1, le=100)
    settle_batch: int = Field(200, ge=1, le=1000)
    verdict_wait_seconds: float = Field(10.0, ge=0, le=60)
    send_fence_seconds: float = Field(2.0, gt=0, le=10)
    request_seconds: float = Field(16.0, gt=0, le=60)
    provable_end_margin_seconds: float = Field(60.0, ge=0, le=600)
    check_after_seconds: float = Field(15.0, gt=0, le=600)
    unknown_after_seconds: float = Field(300.0, ge=0, le=3600)
    broker_visibility_seconds: int = Field(120, ge=1, le=3600)
    doorbell_after_seconds: float = Field(10.0, gt=0, le=600)
    reconcile_every_seconds: float = Field(5.0, gt=0, le=60)
    slot_grace_seconds: float = Field(30.0, gt=0, le=600)
    rate_recovery_seconds: float = Field(60.0, gt=0, le=3600)
    breaker_window: int = Field(50, ge=2, le=1000)
    breaker_share: float = Field(0.5, gt=0, lt=1)
    breaker_pause_seconds: float = Field(60.0, gt=0, le=3600)
    breaker_longest_pause_seconds: float = Field(3600.0, gt=0, le=86_400)
    unknown_news_kept: int = Field(10_000, ge=0, le=1_000_000)
    news_raw_days: int = Field(30, ge=1, le=3650)

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: SecretStr) -> SecretStr:
        if not _is_database(value.get_secret_value()):
            raise ValueError(f"give an address such as postgresql://user:password@host/name{_WRITTEN}")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: SecretStr) -> SecretStr:
        try:
            connect(value.get_secret_value()).close()  # reads the address, opens nothing
        except Refused:
            raise ValueError(_REDIS_EXAMPLE) from None
        if not _is_broker(value.get_secret_value()):  # it is Celery's, too
            raise ValueError(_REDIS_EXAMPLE)
        return value

    @field_validator("celery_broker_url")
    @classmethod
    def _broker(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not all(_is_broker(url) for url in value.get_secret_value().split(";")):
            raise ValueError(_REDIS_EXAMPLE)
        return value

    @field_validator("public_base_url", "simulator_url", "twilio_api_base_url", "telnyx_api_base_url")
    @classmethod
    def _http(cls, value: str) -> str:
        parts = _split(value)
        if not parts or parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("give an address such as https://dialer.example.com")
        return value.rstrip("/")

    @field_validator("simulator_secret")
    @classmethod
    def _simulator_secret(cls, value: SecretStr) -> SecretStr:
        """Whoever can guess it decides what became of simulated calls; a deployment without a simulator has none."""
        why = why_guessable(value.get_secret_value()) if value.get_secret_value() else None
        if why is not None:
            raise ValueError(
                f"it {why}: whoever guesses it can forge callbacks; take what openssl rand -hex 16 prints, for the "
                "simulator too, or leave it out where no simulator is called through"
            )
        return value

    @field_validator("telnyx_public_key")
    @classmethod
    def _public_key(cls, value: SecretStr) -> SecretStr:
        try:
            length = len(b64decode(value.get_secret_value(), validate=True))
        except ValueError:
            length = -1
        if length not in (0, 32):
            raise ValueError("give the public key as the Telnyx portal shows it, 32 bytes in base64")
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

    @property
    def twilio_auth_tokens(self) -> list[str]:
        """``TWILIO_AUTH_TOKEN``: the one requests are made with, and, while it is rotated, another that callbacks may
        still be signed with, behind a comma."""
        return [token.strip() for token in self.twilio_auth_token.get_secret_value().split(",") if token.strip()]

    @property
    def default_window(self) -> CallWindow | None:
        """``DEFAULT_CALL_WINDOW``, read."""
        return parse_default_window(self.default_call_window)

    @property
    def broker_url(self) -> str:
        """What Celery connects to: ``CELERY_BROKER_URL``, or else ``REDIS_URL`` in Celery's spelling."""
        url = (self.celery_broker_url or self.redis_url).get_secret_value()
        for ours, celerys in (
            ("unix://", "redis+socket://"),
            ("valkeys://", "rediss://"),
            ("valkey://", "redis://"),
        ):
            if url.startswith(ours):
                return celerys + url[len(ours) :].replace("?db=", "?virtual_host=")
        return url

    @property
    def bounds(self) -> Bounds:
        """The lengths of time and sizes of batches the dialer works by."""
        names = Bounds.__dataclass_fields__.keys() & type(self).model_fields.keys()
        return Bounds(**{name: getattr(self, name) for name in names})


def _split(url: str) -> SplitResult | None:
    """The parts of an address; ``None`` if it has none. What Python says of such an address repeats it."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_database(url: str) -> bool:
    """Whether SQLAlchemy and libpq can read it. A password with an @ in it would end up in the host's name, and
    one with a question mark among the options, from where they find their way into messages."""
    try:
        read = make_url(url)
    except (ArgumentError, ValueError):
        return False
    options = {option.keyword.decode() for option in Conninfo.get_defaults()}
    port_exists = read.port is None or 0 < read.port < 65_536
    return (
        read.drivername in _DATABASE and port_exists and "@" not in (read.host or "") and options >= read.query.keys()
    )


def _is_broker(url: str) -> bool:
    """Whether kombu can read it; where it leads over the network, the path is a database's number."""
    parts = _split(url)
    if parts is None or parts.scheme not in _BROKER:
        return False
    number = parts.path.strip("/")
    return parts.scheme in ("unix", "redis+socket", "sentinel") or not number or number.isdecimal()


class _Given(Settings):
    """The same, from arguments alone."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process's environment, or of the one given, which then is all that counts. Raises
    :class:`Invalid` listing every variable that is wrong."""
    chosen: Settings | None = None
    try:
        if environment is None:
            chosen = Settings()
        else:
            chosen = _Given.model_validate({name.lower(): value for name, value in environment.items() if value})
        faults = _half_set_up(chosen)
    except ValidationError as error:
        faults = [
            Fault(str(fault["loc"][0]).upper(), fault["msg"].removeprefix("Value error, ").removesuffix(".") + ".")
            for fault in error.errors(include_input=False, include_url=False)
        ]
    if chosen is None or faults:
        raise Invalid(faults)
    return chosen


def _half_set_up(chosen: Settings) -> list[Fault]:
    """What is missing of a carrier of which something is there: it would be left out without a word."""
    twilio = {"TWILIO_ACCOUNT_SID": chosen.twilio_account_sid, "TWILIO_AUTH_TOKEN": chosen.twilio_auth_tokens}
    telnyx = {
        "TELNYX_API_KEY": chosen.telnyx_api_key.get_secret_value(),
        "TELNYX_PUBLIC_KEY": chosen.telnyx_public_key.get_secret_value(),
        "TELNYX_CONNECTION_ID": chosen.telnyx_connection_id,
    }
    return [
        Fault(name, f"Set it too, or none of {', '.join(parts)}.")
        for parts in (twilio, telnyx)
        if any(parts.values())
        for name, value in parts.items()
        if not value
    ]


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return read_settings()
