"""Addresses and logins of databases and brokers: outages that look like errors, and passwords that stay hidden."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from amqp.exceptions import AccessRefused, NotAllowed
from redis.exceptions import AuthenticationError, NoPermissionError

from scheduler_defs import database
from scheduler_defs.errors import SignalboxError, UsageError
from scheduler_defs.execution.broker import is_broker_outage
from scheduler_defs.execution.worker.celery_app import make_app
from scheduler_defs.settings import PROJECT_ROOT
from scheduler_defs.stack.machine.database_url import check_readable, without_password

PASSWORD = "kv:Lm/Wp%Ht#Bn Xd9@"
POSTGRES = f"postgresql+psycopg2://sb_red@{PASSWORD}127.0.0.1:5432/yard"
REDIS = f"redis://:{PASSWORD}127.0.0.1:6379/0"


@pytest.mark.case("production-PR-08")
@pytest.mark.parametrize(
    "error",
    [
        AccessRefused("ACCESS_REFUSED - Login was refused"),
        NotAllowed("vhost yard not found"),
        AuthenticationError("invalid username-password pair"),
        NoPermissionError("NOPERM"),
        ConnectionRefusedError(),
    ],
)
def test_given_a_broker_that_refuses_then_the_run_waits_for_it(error: Exception) -> None:
    assert is_broker_outage(error)


def test_given_a_fault_of_the_run_then_it_is_not_the_brokers() -> None:
    assert not is_broker_outage(ValueError("no such job"))


@pytest.mark.case("production-PR-08")
def test_given_a_refused_login_then_a_worker_waits_for_its_broker_and_does_not_end() -> None:
    app = make_app("amqp://guest:guest@127.0.0.1:1//")
    assert app.conf.broker_channel_error_retry
    transport = app.connection_for_read().transport_cls
    assert transport == "amqp"
    assert issubclass(AccessRefused, app.connection_for_read().channel_errors)


@pytest.mark.case("production-PR-03")
@pytest.mark.parametrize("url", [POSTGRES, REDIS])
def test_given_a_password_that_is_not_encoded_then_nothing_shows_it(url: str) -> None:
    shown = without_password(url)
    with pytest.raises(UsageError, match="must be percent-encoded") as raised:
        check_readable("SIGNALBOX_POSTGRES_URL", url)
    for text in (shown, str(raised.value)):
        assert not any(part in text for part in ("Lm", "Wp", "Ht", "Bn", "Xd9"))
    assert "127.0.0.1" in shown


@pytest.mark.case("production-PR-03")
@pytest.mark.parametrize(
    "text", ["host=h user=u password=hunter2", "postgres//u:hunter2@h/yard", "u:hunter2@h"]
)
def test_given_what_is_no_url_then_nothing_of_it_is_shown(text: str) -> None:
    with pytest.raises(UsageError, match=r"^BROKER: it is no URL; write it as SCHEME://") as raised:
        check_readable("BROKER", text)
    assert "hunter2" not in f"{raised.value} {without_password(text)}"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg2://u:p%40ss%2Fw@h:5432/d?sslmode=require",
        "postgresql+psycopg2://postgres@/signalbox?host=/run/pg&port=5432",
        "amqp://guest:secret@h/%2Fyard",
        "redis+socket:///run/v.sock?virtual_host=0",
        "sentinel://:p@h1:26379;sentinel://:p@h2:26379",
        "redis://u:p;w@h:6379/0",
    ],
)
def test_given_an_encoded_url_then_it_is_taken(url: str) -> None:
    check_readable("X", url)


@pytest.mark.case("production-PR-02")
def test_the_documentation_says_how_to_encode_a_password() -> None:
    text = (PROJECT_ROOT / "docs" / "operations.md").read_text()
    assert "p%40ss" in text
    assert "%2F" in text


@pytest.mark.case("production-PR-18")
def test_given_a_database_of_a_newer_release_then_the_error_is_one_line(migrated_url: str) -> None:
    engine = sa.create_engine(migrated_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE signalbox.alembic_version SET version_num = '9999'"))
        connection.execute(sa.text("UPDATE signalbox.schema_floor SET revision = '9999'"))
    with pytest.raises(
        SignalboxError, match=r"of a newer Signalbox \(schema 9999, this one knows up to"
    ) as raised:
        database.upgrade(engine)
    engine.dispose()
    assert "\n" not in str(raised.value)
