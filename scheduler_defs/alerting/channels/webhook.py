"""Alerts as JSON, posted to a URL from the environment."""

from __future__ import annotations

import logging

import httpx

from scheduler_defs.alerting.channels import AddressError, DeliveryError, Document, Place, address
from scheduler_defs.declarations.models.alerts import Channel

TIMEOUT_SECONDS = 5.0
CONNECTION_RETRIES = 1

# They write the URLs of requests into the log, and whoever has the URL of a webhook can use it.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


def send(channel: Channel, document: Document, place: Place) -> None:
    """Post it; only an answer of 200 to 299 is a success, and redirections are not followed.

    `Idempotency-Key` is the alert's id. Raises DeliveryError, AddressError.
    """
    found = address(channel, place.environ)
    try:
        url = httpx.URL(found)
        if url.scheme not in ("http", "https") or not url.host:
            raise httpx.InvalidURL("")
    except httpx.InvalidURL:
        raise AddressError(
            f"channel {channel.name}: {channel.url_env} holds no http:// or https:// URL"
        ) from None
    headers = {"Idempotency-Key": f"signalbox-alert-{document['id']}"} if "id" in document else {}
    transport = httpx.HTTPTransport(retries=CONNECTION_RETRIES)
    try:
        with (
            httpx.Client(transport=transport, timeout=TIMEOUT_SECONDS) as client,
            client.stream("POST", url, json=dict(document), headers=headers) as answer,
        ):
            status = answer.status_code
    except httpx.HTTPError as error:
        # Its text may hold the URL.
        raise DeliveryError(f"channel {channel.name}: {type(error).__name__}") from None
    if not 200 <= status < 300:
        raise DeliveryError(f"channel {channel.name}: the webhook answered {status}")
