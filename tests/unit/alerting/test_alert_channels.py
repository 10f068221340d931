"""Each type of channel against the real thing: a web server, a mail server, a program, a file."""

from __future__ import annotations

import email
import json
import logging
import sys
import threading
from collections.abc import Iterator
from email.policy import default
from pathlib import Path
from typing import Any

import psutil
import pytest

from scheduler_defs.alerting.channels import AddressError, DeliveryError, Place, send
from scheduler_defs.alerting.channels import command as command_channel
from scheduler_defs.alerting.channels import log as log_channel
from scheduler_defs.alerting.channels import webhook as webhook_channel
from scheduler_defs.alerting.channels.email import parse
from scheduler_defs.declarations.models.alerts import Channel
from scheduler_defs.declarations.models.base import Position
from tests.patience import wait_until
from tests.unit.alerting.receivers import Mailbox, Webhook, mailbox, webhook

DOCUMENT = {
    "id": 7,
    "text": "schedule nightly: run failed: exit code 3\nBcc: x",
    "state": "failing",
    "run_id": None,
}


def channel(kind: Any, **fields: Any) -> Channel:
    return Channel(name="ops", source=Position(file="a.yaml", line=1, column=1), type=kind, **fields)


def place(folder: Path, **environ: str) -> Place:
    return Place(folder / "logs", folder, environ)


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as found:
        yield found


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    with mailbox() as found:
        yield found


WEBHOOK = channel("webhook", url_env="OPS_URL")
EMAIL = channel("email", url_env="MAIL_URL", to=("a@example.org", "b@example.org"))


def test_given_a_webhook_when_an_alert_is_sent_then_it_is_posted_as_json_with_its_id(
    hook: Webhook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        send(WEBHOOK, DOCUMENT, place(tmp_path, OPS_URL=hook.url))
    assert hook.got == [DOCUMENT]
    assert hook.headers[0]["Idempotency-Key"] == "signalbox-alert-7"
    assert "s3cr3tpath" not in caplog.text


@pytest.mark.parametrize("status", [301, 404, 500])
def test_given_a_webhook_that_refuses_when_sending_then_the_status_is_said_and_not_the_url(
    hook: Webhook, tmp_path: Path, status: int
) -> None:
    hook.status, hook.location = status, hook.url
    with pytest.raises(DeliveryError) as caught:
        send(WEBHOOK, DOCUMENT, place(tmp_path, OPS_URL=hook.url))
    assert str(caught.value) == f"channel ops: the webhook answered {status}"
    assert len(hook.got) == 1, "a redirection is not followed"


def test_given_nobody_listens_when_sending_then_it_fails_without_the_url(tmp_path: Path) -> None:
    with webhook() as gone:
        url = gone.url
    with pytest.raises(DeliveryError, match=r"^channel ops: ConnectError$"):
        send(WEBHOOK, DOCUMENT, place(tmp_path, OPS_URL=url))


def test_given_a_webhook_that_hangs_when_sending_then_it_fails_soon(
    hook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_channel, "TIMEOUT_SECONDS", 0.2)
    hook.waits = threading.Event()
    with pytest.raises(DeliveryError, match=r"^channel ops: ReadTimeout$"):
        send(WEBHOOK, DOCUMENT, place(tmp_path, OPS_URL=hook.url))


@pytest.mark.parametrize("url", ["", "  ", "file:///etc/passwd", "ops.example.org/hook", "http://h:s3cr3t"])
@pytest.mark.parametrize("of", [WEBHOOK, EMAIL], ids=lambda each: each.type)
def test_given_no_address_when_sending_then_the_variable_is_named_and_not_its_value(
    of: Channel, url: str, tmp_path: Path
) -> None:
    with pytest.raises(AddressError) as caught:
        send(of, DOCUMENT, place(tmp_path, OPS_URL=url, MAIL_URL=url))
    assert str(of.url_env) in str(caught.value)
    assert caught.value.exit_code == 2
    assert not url.strip() or url not in str(caught.value)


def test_given_a_mail_server_when_an_alert_is_sent_then_all_get_it_and_no_header_is_smuggled_in(
    mail: Mailbox, tmp_path: Path
) -> None:
    url = f"smtp://me:p%40ss@127.0.0.1:{mail.port}?from=box@example.org"
    send(EMAIL, DOCUMENT, place(tmp_path, MAIL_URL=url))
    (text,) = mail.mails
    got = email.message_from_string(text, policy=default)
    assert got["From"] == "box@example.org"
    assert got["To"] == "a@example.org, b@example.org"
    assert got["Subject"] == "[signalbox] schedule nightly: run failed: exit code 3 Bcc: x"
    assert got["Bcc"] is None
    assert "state: failing" in got.get_content()
    recipients = [each for each in mail.commands if each.lower().startswith("rcpt to")]
    assert [each[8:] for each in recipients] == ["<a@example.org>", "<b@example.org>"]


def test_given_a_mail_server_that_refuses_when_sending_then_its_code_is_said(
    mail: Mailbox, tmp_path: Path
) -> None:
    mail.refuses = 552
    with pytest.raises(DeliveryError, match=r"^channel ops: the server answered 552$"):
        send(EMAIL, DOCUMENT, place(tmp_path, MAIL_URL=f"smtp://127.0.0.1:{mail.port}"))


def test_given_no_starttls_when_the_server_is_elsewhere_then_the_password_is_not_sent(
    mail: Mailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scheduler_defs.alerting.channels import email as email_channel

    monkeypatch.setattr(email_channel, "_LOOPBACK", frozenset())
    with pytest.raises(DeliveryError, match="no password is sent"):
        send(EMAIL, DOCUMENT, place(tmp_path, MAIL_URL=f"smtp://me:hush@127.0.0.1:{mail.port}"))
    assert not any(each.startswith("AUTH") for each in mail.commands)
    assert mail.mails == []


def test_given_smtp_urls_when_read_then_ports_and_options_follow() -> None:
    assert parse("smtps://h").port == 465
    assert parse("smtp://h").port == 25
    assert not parse("smtp://h?starttls=no").starttls
    assert parse("smtp://u:p%40@h:587").password == "p@"


def test_given_a_program_when_an_alert_is_sent_then_it_gets_json_and_no_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = (
        "import json, os, sys; "
        "json.dump([json.load(sys.stdin), dict(os.environ), os.getcwd()], open('got.json', 'w'))"
    )
    to = channel("command", command=(sys.executable, "-c", program))
    send(to, DOCUMENT, place(tmp_path, SIGNALBOX_POSTGRES_URL="postgresql://s3cr3t", OPS_URL="s3cr3t"))
    document, environ, folder = json.loads((tmp_path / "got.json").read_text())
    assert document == DOCUMENT
    assert environ["SIGNALBOX_CHANNEL"] == "ops"
    assert "s3cr3t" not in json.dumps(environ)
    assert Path(folder) == tmp_path


def test_given_a_program_that_fails_when_sending_then_its_words_are_said_without_secrets(
    tmp_path: Path,
) -> None:
    program = "import sys; sys.exit('no: token=abcdef123')"
    to = channel("command", command=(sys.executable, "-c", program))
    with pytest.raises(DeliveryError) as caught:
        send(to, DOCUMENT, place(tmp_path))
    assert str(caught.value) == "channel ops: exit code 1: no: token=[redacted]"


def test_given_no_such_program_when_sending_then_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match=r"^channel ops: no-such-program: No such file or directory$"):
        send(channel("command", command=("no-such-program",)), DOCUMENT, place(tmp_path))


def test_given_a_program_that_hangs_when_its_time_is_up_then_its_children_are_gone_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_channel, "TIMEOUT_SECONDS", 2.0)
    program = (
        "import subprocess, sys; child = subprocess.Popen(['sleep', '600']); "
        "open('pid', 'w').write(str(child.pid)); child.wait()"
    )
    with pytest.raises(DeliveryError, match="had not ended after 2 s"):
        send(channel("command", command=(sys.executable, "-c", program)), DOCUMENT, place(tmp_path))
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_given_a_log_channel_when_alerts_are_sent_then_each_is_a_line_of_json(tmp_path: Path) -> None:
    for _ in range(2):
        send(channel("log"), DOCUMENT, place(tmp_path))
    lines = (tmp_path / "logs" / log_channel.FILE).read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{**DOCUMENT, "channel": "ops"}] * 2


def test_given_a_log_that_is_full_when_written_then_older_pieces_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_channel, "LARGEST_BYTES", 300)
    for _ in range(12):
        send(channel("log"), DOCUMENT, place(tmp_path))
    names = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert names == ["alerts.log", "alerts.log.1", "alerts.log.2", "alerts.log.3"]


def test_given_a_log_that_cannot_be_written_when_sending_then_it_fails_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    with pytest.raises(DeliveryError, match=r"^channel ops: alerts.log: File exists$"):
        send(channel("log"), DOCUMENT, place(tmp_path))
