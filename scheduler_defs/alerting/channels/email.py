"""Alerts as e-mail, through the SMTP server that a URL from the environment names.

    smtp://user:password@host:587?from=signalbox@example.org     STARTTLS where the server offers it
    smtps://user:password@host                                   TLS from the beginning

A password is never sent without TLS, unless the server is this machine's or the URL says `?starttls=no`.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from dataclasses import dataclass
from email.header import Header
from email.message import Message
from email.mime.text import MIMEText
from email.utils import formatdate, make_msgid
from urllib.parse import parse_qs, unquote, urlsplit

from scheduler_defs.alerting.channels import AddressError, DeliveryError, Document, Place, address
from scheduler_defs.declarations.models.alerts import Channel
from scheduler_defs.declarations.names import MAIL_ADDRESS

TIMEOUT_SECONDS = 8.0
_PORTS = {"smtp": 25, "smtps": 465}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_LONGEST_SUBJECT = 160


@dataclass(frozen=True)
class Server:
    """An SMTP server, and how to speak with it."""

    host: str
    port: int
    tls: bool
    starttls: bool
    user: str | None
    password: str | None
    sender: str


def send(channel: Channel, document: Document, place: Place) -> None:
    """Send one message to all of the channel's addresses. Raises DeliveryError, AddressError."""
    try:
        server = parse(address(channel, place.environ))
    except ValueError:
        what = "no smtp:// or smtps:// URL, or one with a from= that is no address"
        raise AddressError(f"channel {channel.name}: {channel.url_env} holds {what}") from None
    try:
        _hand_over(server, message(channel, document, server.sender), channel)
    except smtplib.SMTPRecipientsRefused:
        raise DeliveryError(f"channel {channel.name}: the server refused every recipient") from None
    except smtplib.SMTPResponseException as error:
        raise DeliveryError(f"channel {channel.name}: the server answered {error.smtp_code}") from None
    except (OSError, smtplib.SMTPException) as error:
        raise DeliveryError(f"channel {channel.name}: {type(error).__name__}") from None


def _hand_over(server: Server, mail: Message, channel: Channel) -> None:
    trusted = ssl.create_default_context()
    connected = (
        smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_SECONDS, context=trusted)
        if server.tls
        else smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_SECONDS)
    )
    with connected as connection:
        connection.ehlo()
        secure = server.tls
        if not secure and server.starttls and connection.has_extn("starttls"):
            connection.starttls(context=trusted)
            connection.ehlo()
            secure = True
        if server.user is not None:
            if not secure and server.starttls and server.host not in _LOOPBACK:
                raise DeliveryError(
                    f"channel {channel.name}: no STARTTLS is offered, and without it no password is sent"
                )
            connection.login(server.user, server.password or "")
        connection.send_message(mail)


def message(channel: Channel, document: Document, sender: str) -> Message:
    """The alert for people: its line as the subject, its facts below."""
    line = " ".join(str(document["text"]).split())
    facts = [
        f"{key}: {value}"
        for key, value in document.items()
        if key not in ("text", "detail", "alerts") and value not in (None, "")
    ]
    facts += [f"- {each['text']}" for each in document.get("alerts", ())]
    mail = MIMEText("\n".join([line, "", *facts, ""]), "plain", "utf-8")
    # Not EmailMessage: folding between two words that are not ASCII, it loses the space (CPython 3.11).
    subject = f"[signalbox] {line}"[:_LONGEST_SUBJECT].rstrip()
    charset = "us-ascii" if subject.isascii() else "utf-8"
    mail["Subject"] = Header(subject, charset, header_name="Subject").encode()
    mail["From"] = sender
    mail["To"] = ", ".join(channel.to)
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain="signalbox.invalid")
    return mail


def parse(url: str) -> Server:
    """The server that a URL names. Raises ValueError, without the URL in its text."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("not smtp:// or smtps://")
    options = parse_qs(parts.query)
    sender = options.get("from", [f"signalbox@{socket.gethostname()}"])[0]
    if not MAIL_ADDRESS.fullmatch(sender):
        raise ValueError("from= is no address")
    return Server(
        host=parts.hostname,
        port=parts.port or _PORTS[parts.scheme],
        tls=parts.scheme == "smtps",
        starttls=options.get("starttls", ["yes"])[0] != "no",
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        sender=sender,
    )
