"""The deployment's settings: from the environment, checked once at start, frozen.

Every mistake is reported in one message, by the variable's name and without its value, for a value may be a
secret. Nothing else in the product reads the environment.
"""

from __future__ import annotations

from functools import cache
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from worker.domain.errors import Fault, Invalid
from worker.domain.model import Bounds
from worker.domain.window import CallWindow, parse_default_window

_DATABASE = ("postgres", "postgresql", "postgresql+psycopg")
_REDIS = ("redis", "rediss", "unix", "valkey", "valkeys")
_BROKER = (*_REDIS[:2], "redis+socket", "unix", "valkey", "valkeys", "sentinel")


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
    simulator_secret: SecretStr = SecretStr("simulator")

    worker_concurrency: int = Field(8, ge=1, le=64)
    placing_threads: int = Field(25, ge=1, le=200)
    database_pool_size: int | None = Field(None, ge=2, le=200)

    ring_seconds: int = Field(30, ge=15, le=120)
    longest_call_seconds: int = Field(1800, ge=60, le=14_400)
    dial_batch: int = Field(25, ge=1, le=100)
    settle_batch: int = Field(200, ge=1, le=1000)
    send_fence_seconds: float = Field(2.0, gt=0, le=10)
    request_seconds: float = Field(16.0, gt=0, le=60)
    provable_end_margin_seconds: float = Field(60.0, ge=0, le=600)
    check_after_seconds: float = Field(15.0, gt=0, le=600)
    unknown_after_seconds: float = Field(300.0, ge=0, le=3600)
    doorbell_after_seconds: float = Field(10.0, gt=0, le=600)
    reconcile_every_seconds: float = Field(5.0, gt=0, le=60)
    slot_grace_seconds: float = Field(30.0, gt=0, le=600)

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: SecretStr) -> SecretStr:
        return _scheme(value, _DATABASE, "postgresql://user:password@host/name")

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: SecretStr) -> SecretStr:
        return _scheme(value, _REDIS, "redis://host:6379/0")

    @field_validator("celery_broker_url")
    @classmethod
    def _broker(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else _scheme(value, _BROKER, "redis://host:6379/0")

    @field_validator("public_base_url", "simulator_url")
    @classmethod
    def _http(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("give an address such as https://dialer.example.com")
        return value.rstrip("/")

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


def _scheme(value: SecretStr, schemes: tuple[str, ...], example: str) -> SecretStr:
    if urlsplit(value.get_secret_value()).scheme not in schemes:
        raise ValueError(f"give an address such as {example}")
    return value


def read_settings() -> Settings:
    """The settings of this environment. Raises :class:`Invalid` listing every variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        faults = [
            Fault(str(fault["loc"][0]).upper(), fault["msg"].removeprefix("Value error, ") + ".")
            for fault in error.errors(include_input=False, include_url=False)
        ]
    raise Invalid(faults)


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return read_settings()
