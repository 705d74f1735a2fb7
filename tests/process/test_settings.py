from __future__ import annotations

import re
from base64 import b64encode
from secrets import token_hex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu import Connection
from pydantic import SecretStr

from worker.carriers import registry
from worker.carriers.twilio import tokens_of
from worker.domain.errors import Invalid
from worker.domain.window import CallWindow
from worker.process.settings import FORMER_NAMES, BoundsSettings, Settings, as_bounds, misnamed, read_settings
from worker.process.wiring import build

ADDRESSES = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "PUBLIC_BASE_URL", "SIMULATOR_URL")
SECRET = ADDRESSES[:3]
MARK = "s3cr3t-5f2d9c07be"
PASSWORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8).map(lambda rest: MARK + rest)
BEFORE = st.sampled_from(["postgresql", "redis", "unix", "http", "postgressql", "rediss", "sentinel", "", "1"])
AFTER = st.sampled_from(["@host:5432/name", "@host:port/name", "@host:99999/0", "@[host/x", "@host/x?sslmoode=1", ""])

BASE = {"PUBLIC_BASE_URL": "https://dialer.example.com"}
TWILIO = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t0ken"}
TELNYX = {"TELNYX_API_KEY": "KEY1", "TELNYX_PUBLIC_KEY": b64encode(b"k" * 32).decode(), "TELNYX_CONNECTION_ID": "1"}


def mistakes(**environment: str) -> dict[str, str]:
    """What is wrong with each variable."""
    with pytest.raises(Invalid) as refused:
        read_settings(environment)
    return {fault.path: fault.message for fault in refused.value.faults}


def test_an_empty_environment_has_the_defaults() -> None:
    chosen = read_settings({})
    assert chosen.database_url.get_secret_value() == "postgresql://localhost/dialer"
    assert chosen.redis_url.get_secret_value() == chosen.broker_url == "redis://localhost:6379/0"
    assert (chosen.default_window, chosen.log_level, chosen.log_format) == (None, "info", "text")
    assert (chosen.ring_seconds, chosen.longest_call_seconds, chosen.dial_batch) == (30, 1800, 25)
    assert (chosen.bounds.ring_seconds, chosen.bounds.dial_batch) == (30, 25)


def test_a_variable_that_is_empty_counts_as_not_set() -> None:
    assert read_settings({"RING_SECONDS": "", "DEFAULT_CALL_WINDOW": "", "CELERY_BROKER_URL": ""}) == read_settings({})


def test_the_environment_of_the_process_is_read_unless_one_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RING_SECONDS", "45")
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    assert (read_settings().ring_seconds, read_settings().log_level) == (45, "warning")
    assert (read_settings({}).ring_seconds, read_settings({}).log_level) == (30, "info")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read_settings({}).ring_seconds = 60


def test_every_mistake_is_reported_at_once_by_the_name_of_its_variable() -> None:
    wrong = {
        "DATABASE_URL": "mysql://host/name",
        "REDIS_URL": "http://host",
        "CELERY_BROKER_URL": "amqp://host",
        "PUBLIC_BASE_URL": "dialer.example.com",
        "DEFAULT_CALL_WINDOW": "9-17 Nowhere",
        "LOG_LEVEL": "loud",
        "LOG_FORMAT": "xml",
        "REDIS_PREFIX": "a b",
        "RING_SECONDS": "14",
        "LONGEST_CALL_SECONDS": "soon",
        "WORKER_CONCURRENCY": "0",
        "SEND_FENCE_SECONDS": "nan",
    }
    assert set(mistakes(**wrong)) == set(wrong)


PROXIES = "Give addresses and networks with commas between them, such as 127.0.0.1, 10.0.0.0/8."
WRONG = (
    "x",
    "-1",
    "1.5",
    "nan",
    "inf",
    "1e99",
    "true",
    "null",
    "[]",
    " ",
    "é" * 300,
    "99999999999999999999",
    "http://[",
)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_whatever_is_wrong_with_a_variable_is_a_sentence_of_ours(name: str) -> None:
    field, messages = Settings.model_fields[name], set()
    for value in WRONG:
        try:
            read_settings(BASE | {name.upper(): value})
        except Invalid as refused:
            messages |= {fault.message for fault in refused.faults if fault.path == name.upper()}
    for message in messages:
        assert re.fullmatch(r"(Give|Set|Write|It|The) [^\n]*[^.\n]\.", message), message
        assert not re.search(r"Input should|Value error|pydantic|valid|None|string|integer|\bx\b", message), message
    numbers = [bound for each in field.metadata for bound in (getattr(each, "ge", None), getattr(each, "le", None))]
    assert all(f"{bound:,}".replace(",", " ") in message for bound in numbers if bound for message in messages)
    assert messages or field.annotation in (str, SecretStr), "something was refused"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("LOG_LEVEL", "loud", "Give one of: debug, info, warning, error."),
        ("LOG_FORMAT", "xml", "Give one of: text, json."),
        ("WORKER_CONCURRENCY", "many", "Give a whole number from 1 to 64."),
        ("WORKER_CONCURRENCY", "65", "Give a whole number from 1 to 64."),
        ("DATABASE_POOL_SIZE", "1", "Give a whole number from 2 to 200."),
        ("SEND_FENCE_SECONDS", "0", "Give a number above 0 and at most 10."),
        ("BREAKER_SHARE", "1", "Give a number above 0 and below 1."),
        ("RETENTION_CALLS_DAYS", "30", "Give 0, which keeps all, or a whole number from 31 to 36 500."),
        ("RETENTION_EVENTS_DAYS", "-1", "Give 0, which keeps all, or a whole number from 31 to 36 500."),
        ("RETENTION_AUDIT_DAYS", "36501", "Give 0, which keeps all, or a whole number from 31 to 36 500."),
        ("API_BURST", "0", "Give a whole number from 1 to 100 000."),
        ("REDIS_PREFIX", "A b", "Give 1 to 40 small letters, digits, hyphens and underscores, such as dialer."),
        ("TRUSTED_PROXIES", "nginx", PROXIES),
        ("TRUSTED_PROXIES", "10.0.0.1/8", PROXIES),
        ("TRUSTED_PROXIES", "*", PROXIES),
    ],
)
def test_a_mistake_says_what_to_write(name: str, value: str, message: str) -> None:
    assert mistakes(**{name: value}) == {name: message}


@pytest.mark.parametrize("option", ["none", "optional", "required", "CERT_NONE", "CERT_OPTIONAL", "CERT_REQUIRED"])
@pytest.mark.parametrize("scheme", ["rediss", "valkeys"])
def test_certificates_are_spoken_of_in_anybodys_words(scheme: str, option: str) -> None:
    chosen = read_settings({"REDIS_URL": f"{scheme}://:pw@host/0?ssl_cert_reqs={option}&socket_timeout=2"})
    word = option.lower().removeprefix("cert_")
    assert chosen.broker_url == f"rediss://:pw@host/0?ssl_cert_reqs={word}"
    build(chosen)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis://host/0?ssl_cert_reqs=none", "The option ssl_cert_reqs is for an encrypted connection;"),
        ("rediss://host/0?ssl_cert_reqs=maybe", "Give the option ssl_cert_reqs as none, optional or required."),
        ("rediss://host/0?ssl_cert_reqs=", "Give the option ssl_cert_reqs as none, optional or required."),
        ("rediss://host/0?ssl_ca_certs=", "Give the option ssl_ca_certs as the path of a file."),
        ("redis://host/0?socket_timeout=soon", "Give the option socket_timeout as seconds."),
        ("redis://host/0?socket_timeout=nan", "Give the option socket_timeout as seconds."),
        ("redis://host/0?max_connections=0", "Give the option max_connections as a whole number from 1."),
        ("redis://host/0?protocol=9", "Give the option protocol as 2 or 3."),
        ("redis://host/0?foo=1", "It has an option that is not known"),
        ("redis://host/0?credential_provider=a.b", "It has an option that is not known"),
        ("redis://host?db=2", "It has an option that is not known"),
        ("unix:///run/valkey.sock?db=x", "Give the option db as the number of a database."),
        ("unix:///run/valkey.sock?virtual_host=1", "It has an option that is not known"),
    ],
)
def test_an_option_of_redis_that_cannot_be_is_named(url: str, message: str) -> None:
    assert mistakes(REDIS_URL=url)["REDIS_URL"].startswith(message)


@pytest.mark.parametrize("option", ["foo=1", "ssl_cert_reqs=maybe", "db=1", "ssl=1"])
def test_an_option_the_broker_does_not_know_is_reported(option: str) -> None:
    assert "option" in mistakes(CELERY_BROKER_URL=f"rediss://host/0?{option}")["CELERY_BROKER_URL"]


@pytest.mark.parametrize("option", ["socket_timeout=2", "ssl_cert_reqs=CERT_NONE", "ssl_ca_certs=/ca.pem"])
def test_what_the_broker_is_given_it_can_read(option: str) -> None:
    for name in ("CELERY_BROKER_URL", "REDIS_URL"):
        Connection(read_settings({name: f"rediss://host/0?{option}"}).broker_url).release()


@pytest.mark.parametrize(
    "base", ["", "http://127.1:8000", "https://localhost.", "http://dialer.example.com", "https://dialer"]
)
@pytest.mark.parametrize("carrier", [0, 1])
def test_a_carrier_that_calls_people_must_be_able_to_reach_us(base: str, carrier: int) -> None:
    real, api = (TWILIO, TELNYX)[carrier], ("TWILIO_API_BASE_URL", "TELNYX_API_BASE_URL")[carrier]
    messages = mistakes(**real, PUBLIC_BASE_URL=base)
    assert messages.keys() == {"PUBLIC_BASE_URL"}
    assert ("Twilio", "Telnyx")[carrier] in messages["PUBLIC_BASE_URL"]
    assert messages["PUBLIC_BASE_URL"].endswith("such as https://dialer.example.com.")
    assert mistakes(**TWILIO, **TELNYX, PUBLIC_BASE_URL=base)["PUBLIC_BASE_URL"].count(" and ") >= 1
    simulated = real | {"PUBLIC_BASE_URL": base, api: "http://127.0.0.1:8010"}
    assert read_settings(simulated).public_base_url == (base or "http://127.0.0.1:8000")
    assert read_settings({"PUBLIC_BASE_URL": base}).of_carrier(registry.specs()["twilio"])["TWILIO_ACCOUNT_SID"] == ""


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DATABSE_URL", "DATABASE_URL"),
        ("DATABASE_ULR", "DATABASE_URL"),
        ("PUBLIC_BASEURL", "PUBLIC_BASE_URL"),
        ("TWILIO_ACOUNT_SID", "TWILIO_ACCOUNT_SID"),
        ("PATH", None),
        ("PORT", None),
        ("LANG", None),
        ("MYSQL_DATABASE_URL", None),
        ("LOG_LEVEL", None),
    ],
)
def test_a_variable_that_is_nearly_ours_is_found(name: str, meant: str | None) -> None:
    assert misnamed({name: "x", "HOME": "/root"}) == ({} if meant is None else {name: meant})
    assert misnamed({name: "x", str(meant): "y"}) == {}


@pytest.mark.parametrize("name", sorted(BoundsSettings.model_fields))
def test_a_setting_that_bounds_the_dialer_is_read_where_the_dialer_looks(name: str) -> None:
    chosen = read_settings({})
    assert getattr(chosen.bounds, name) == getattr(chosen, name)


def test_a_setting_that_is_spelt_otherwise_than_its_bound_is_an_error_at_start() -> None:
    with pytest.raises(TypeError, match=r"dail_batch is no field of Bounds; did you mean dial_batch\?"):
        as_bounds({"ring_seconds": 30, "dail_batch": 25})


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_goes_by_all_its_names(scheme: str) -> None:
    url = f"{scheme}://me:p%40ss@host:5433/name?sslmode=require&application_name=dialer"
    assert read_settings({"DATABASE_URL": url}).database_url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "host/name",
        "mysql://host/name",
        "postgresql://host:port/name",
        "postgresql://host:99999/name",
        "postgresql://host/name?sslmoode=require",
        "postgresql://me:p@ss@host/name",
    ],
)
def test_a_database_address_that_leads_nowhere_is_refused(url: str) -> None:
    assert mistakes(DATABASE_URL=url)["DATABASE_URL"].startswith("Give an address such as postgresql://")


@pytest.mark.parametrize(
    ("redis", "celery"),
    [
        ("redis://host:6380/3", "redis://host:6380/3"),
        ("rediss://:pw@host/0", "rediss://:pw@host/0"),
        ("valkey://host/1", "redis://host/1"),
        ("valkeys://host/1", "rediss://host/1"),
        ("unix:///run/valkey.sock?db=2", "redis+socket:///run/valkey.sock?virtual_host=2"),
        ("unix:///run/valkey.sock", "redis+socket:///run/valkey.sock"),
    ],
)
def test_celery_is_given_the_address_of_redis_in_its_own_spelling(redis: str, celery: str) -> None:
    assert read_settings({"REDIS_URL": redis}).broker_url == celery
    assert read_settings({"CELERY_BROKER_URL": redis}).broker_url == celery


@pytest.mark.parametrize("url", ["sentinel://a:26379;sentinel://b:26379", "redis+socket:///run/valkey.sock"])
def test_the_broker_may_have_an_address_of_its_own(url: str) -> None:
    chosen = read_settings({"CELERY_BROKER_URL": url, "REDIS_URL": "redis://host/1"})
    assert (chosen.broker_url, chosen.redis_url.get_secret_value()) == (url, "redis://host/1")


@pytest.mark.parametrize("url", ["host", "http://host", "redis://host:port/0", "redis://host/x"])
def test_an_address_of_redis_that_cannot_be_read_is_refused(url: str) -> None:
    assert mistakes(REDIS_URL=url)["REDIS_URL"].startswith("Give an address such as redis://")


@pytest.mark.parametrize("url", ["redis://host:port/0", "redis://host/x", "redis://a:1;amqp://b:2", "x"])
def test_an_address_of_a_broker_that_cannot_be_read_is_refused(url: str) -> None:
    assert mistakes(CELERY_BROKER_URL=url)["CELERY_BROKER_URL"].startswith("Give an address such as redis://")


@pytest.mark.parametrize("url", ["dialer.example.com", "ftp://host", "https://", "http://[host", "https://host/?a=1"])
def test_a_base_that_callbacks_cannot_be_addressed_to_is_refused(url: str) -> None:
    assert set(mistakes(PUBLIC_BASE_URL=url)) == {"PUBLIC_BASE_URL"}


def test_a_base_loses_its_last_slash() -> None:
    assert read_settings({"PUBLIC_BASE_URL": "https://host/dialer/"}).public_base_url == "https://host/dialer"


def test_the_default_window_is_read_once_and_for_all() -> None:
    chosen = read_settings({"DEFAULT_CALL_WINDOW": "09:00-17:00 America/New_York"})
    assert chosen.default_window == CallWindow("09:00", "17:00", "America/New_York")


@given(password=PASSWORDS, before=BEFORE, after=AFTER)
def test_a_password_is_never_repeated_whatever_is_wrong_with_its_address(
    password: str, before: str, after: str
) -> None:
    url = f"{before}://me:{password}{after}"
    for name in ADDRESSES:
        try:
            shown = f"{read_settings({name: url})!r}" if name in SECRET else ""
        except Invalid as refused:
            shown = f"{refused} {refused.faults}"
        assert MARK not in shown


def test_no_secret_shows_when_settings_are_printed() -> None:
    chosen = read_settings({"SIMULATOR_SECRET": MARK, "DATABASE_URL": f"postgresql://me:{MARK}@host/name"})
    assert MARK not in f"{chosen} {chosen!r} {chosen.model_dump()} {chosen.model_dump_json()}"


def test_every_field_has_a_default_so_that_a_bare_environment_works() -> None:
    assert [name for name, field in Settings.model_fields.items() if field.is_required()] == []


SIMULATOR = {"SIMULATOR_SECRET": token_hex(16)}


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({}, set()),
        ({"SIMULATOR_URL": "http://127.0.0.1:8010"}, set()),
        (SIMULATOR, {"simulator"}),
        (TWILIO, {"twilio"}),
        (TELNYX, {"telnyx"}),
        (SIMULATOR | TWILIO | TELNYX, {"simulator", "telnyx", "twilio"}),
    ],
)
def test_a_carrier_is_there_when_its_credentials_are(environment: dict[str, str], names: set[str]) -> None:
    dialer = build(read_settings(environment | BASE))
    assert dialer.carriers.keys() == names


@pytest.mark.parametrize("secret", ["simulator", "secret", "shared-secret", "x" * 32, "0123456789abcdef"])
def test_a_secret_that_can_be_guessed_is_a_mistake_that_says_what_to_do_and_does_not_repeat_it(secret: str) -> None:
    (message,) = mistakes(SIMULATOR_SECRET=secret).values()
    assert "openssl rand -hex 16" in message
    assert "leave it out where no simulator is called through" in message
    assert secret not in message.replace("no simulator", "").replace("for the simulator", "")


@pytest.mark.parametrize("whole", [TWILIO, TELNYX])
def test_a_carrier_that_is_half_set_up_is_a_mistake(whole: dict[str, str]) -> None:
    for name in whole:
        half = {other: value for other, value in whole.items() if other != name}
        assert mistakes(**half, **BASE) == {name: f"Set it too, or none of {', '.join(whole)}."}


def test_while_its_token_is_rotated_twilio_has_two() -> None:
    chosen = read_settings(TWILIO | BASE | {"TWILIO_AUTH_TOKEN": "new, old"})
    assert tokens_of(chosen.of_carrier(registry.specs()["twilio"])["TWILIO_AUTH_TOKEN"]) == ["new", "old"]
    assert mistakes(**TWILIO | BASE | {"TWILIO_AUTH_TOKEN": " , "}).keys() == {"TWILIO_AUTH_TOKEN"}


@pytest.mark.parametrize("key", ["%%", b64encode(b"k" * 31).decode(), "é" * 32])
def test_a_public_key_that_is_none_is_a_mistake_and_not_repeated(key: str) -> None:
    (message,) = mistakes(**TELNYX | BASE | {"TELNYX_PUBLIC_KEY": key}).values()
    assert message.startswith("Give the public key")
    assert key not in message


def test_no_credential_is_in_what_the_settings_look_like() -> None:
    shown = repr(read_settings(TWILIO | TELNYX | BASE))
    assert not [secret for secret in ("t0ken", "KEY1", TELNYX["TELNYX_PUBLIC_KEY"]) if secret in shown]


@pytest.mark.parametrize(("former", "now"), FORMER_NAMES.items())
def test_a_variable_under_its_former_name_counts_where_the_present_one_is_not_set(former: str, now: str) -> None:
    assert getattr(read_settings({former: "7"}), now.lower()) == 7
    assert getattr(read_settings({former: "7", now: "8"}), now.lower()) == 8
    assert former not in misnamed({former: "7"})
