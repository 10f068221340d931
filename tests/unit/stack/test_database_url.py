"""URLs for libpq, and URLs that may be shown."""

from __future__ import annotations

import pytest

from scheduler_defs.stack.machine.database_url import connection_string, without_password


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql+psycopg2://u:p@h:5432/d?sslmode=require", "postgresql://u:p@h:5432/d?sslmode=require"),
        ("postgresql+psycopg2://postgres@/signalbox?host=/run/pg&port=5432",
         "postgresql://postgres@/signalbox?host=/run/pg&port=5432"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
    ],
)  # fmt: skip
def test_given_a_sqlalchemy_url_then_libpq_gets_it_without_the_driver(url: str, expected: str) -> None:
    assert connection_string(url) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql+psycopg2://u:secret@h:5432/d", "postgresql+psycopg2://u@h:5432/d"),
        ("amqp://guest:secret@h//", "amqp://guest@h//"),
        ("redis://:secret@h:6379/0", "redis://h:6379/0"),
        ("redis://:se@cret@h:6379/0", "redis://h:6379/0"),
        ("redis+socket:///run/v.sock?virtual_host=0", "redis+socket:///run/v.sock?virtual_host=0"),
        ("postgresql://u@h/d?password=secret", "postgresql://u@h/d"),
        ("redis+socket:///run/v.sock?password=secret", "redis+socket:///run/v.sock"),
    ],
)
def test_given_a_url_with_a_password_then_what_is_shown_has_none(url: str, expected: str) -> None:
    assert without_password(url) == expected
