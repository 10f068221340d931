"""Shapes of secrets that once stayed readable in failure messages, alerts and reports."""

import pytest

from scheduler_defs.redaction import redact_secrets
from scheduler_defs.stack.machine.database_url import without_password

A = "AbCdEf0123456789xyzw"


@pytest.mark.case("attack-b4-redaction")
@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ('{"password":"ab\\"cdefgh", "user": "ann"}', ["ab", "cdefgh"]),
        ('{"log": "{\\"password\\": \\"ab\\\\\\"cdefgh\\"}"}', ["ab", "cdefgh"]),
        ('{"api_key": "x\\\\", "note": "keep"}', ["x"]),
        ("post to https://hooks.slack.com/services/T0AAA/B0BBB/cccdddeee failed", ["T0AAA", "cccdddeee"]),
        ("https://hooks.slack.com/workflows/T0AAA/A1/22/zzz", ["T0AAA", "zzz"]),
        ("https://discord.com/api/webhooks/123/tok-en_x?wait=true", ["tok-en_x"]),
        ("https://discordapp.com/api/v10/webhooks/123/tok-en_x", ["tok-en_x"]),
        ("https://api.telegram.org/bot123:ABC-x_y/sendMessage", ["123:ABC", "ABC-x_y"]),
        ("telegram bot 123456789:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr started", ["AAbbCC"]),
        (f"npm_{A}{A[:16]}", [A]),
        (f"//registry.npmjs.org/:_authToken=npm_{A}", [A]),
        (f"using hf_{A}", [A]),
        (f"docker login with dckr_pat_{A}", [A]),
        ("openssl rsa -passin pass:sekret", ["sekret"]),
        ("the api key is 's3 kret'", ["s3 k"]),
        ("+ curl -u user:sekret https://x", ["sekret"]),
        ("curl -sSu 'user:se kret' https://x", ["se k", "kret"]),
        ("curl --user=user:sekret https://x", ["sekret"]),
        ("mysql -psekret -u root db", ["sekret"]),
        ("mysqldump -h db -p'se kret' all", ["se kret"]),
        ("mariadb -u root -psekret", ["sekret"]),
        ("key 0123456789abcdef0123456789abcdef used", ["0123456789abcdef"]),
        ("curl -u 'user':'se kret' https://x", ["se k", "kret"]),
        ("curl -uuser:sekret https://x", ["sekret"]),
        ("docker login -u me -p sekret registry", ["sekret"]),
        ("az acr login -n x -p sekret", ["sekret"]),
        ("mongosh -u root -p 'se kret' db", ["se k", "kret"]),
        ("REDISCLI_AUTH=sekret redis-cli ping", ["sekret"]),
        ("https://chat.example/hooks/abcdefghijklmnopqrstuvwxyz", ["abcdefghij"]),
        ("https://hc-ping.com/0a1b2c3d-1111-2222-3333-444455556666/fail", ["0a1b2c3d", "444455556666"]),
        ("requests cookies={'sid': 'abc'}", ["abc"]),
    ],
)
def test_given_a_secret_of_a_known_kind_then_none_of_it_stays(text: str, secrets: list[str]) -> None:
    shown = redact_secrets(text)
    assert "[redacted]" in shown
    for secret in secrets:
        assert secret not in shown
    assert redact_secrets(shown) == shown


@pytest.mark.case("attack-b4-redaction")
@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sentinel://:pw1@h1;sentinel://:pw2@h2", "sentinel://h1;sentinel://h2"),
        ("amqp://u:pw1@h1//;amqp://u:pw2@h2//", "amqp://u@h1//;amqp://u@h2//"),
        ("redis://u:p/w@1@h1:6379/0", "redis://u@h1:6379/0"),
        ("redis://u:p;w@h1:6379/0", "redis://u@h1:6379/0"),
        ("redis://h1:6379/0?password=x;redis://h2:6379/0?db=1", "redis://h1:6379/0;redis://h2:6379/0?db=1"),
        (
            "postgresql+psycopg2://postgres@/signalbox?host=/run/x",
            "postgresql+psycopg2://postgres@/signalbox?host=/run/x",
        ),
        ("postgresql://u:p?w#@h/db", "postgresql://u@h/db"),
        ("redis://h1:6379/0", "redis://h1:6379/0"),
    ],
)
def test_given_urls_with_passwords_then_every_one_is_shown_without(url: str, shown: str) -> None:
    assert without_password(url) == shown


@pytest.mark.case("attack-b4-redaction")
@pytest.mark.parametrize(
    "text",
    [
        "git sha 3f786850e387550fdab836ed7e6dc881de23001b",
        "image sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "docker run -u 1000:1000 -p 8080:80 image",
        "docker login registry.example failed",
        "see .git/hooks/pre-commit and src/hooks/useState",
        "tests pass, 3 passed: all",
        "GET https://host:8080/path",
        "token is required",
        "the password is incorrect",
        "/usr/lib/python3/dist/packages/Foo2/bar/baz/quux/corge",
    ],
)
def test_given_harmless_text_then_it_stays(text: str) -> None:
    assert redact_secrets(text) == text
