"""Heartbeats as Healthchecks.io and its likes take them: URL/start, URL, URL/fail, with the run's id."""

from __future__ import annotations

import logging
import uuid

import httpx

from scheduler_defs.alerting.channels import AddressError, DeliveryError, Document, Place, address
from scheduler_defs.declarations.models.alerts import Channel

TIMEOUT_SECONDS = 5.0
_ENDING = {"start": "/start", "success": "", "fail": "/fail"}

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


def send(channel: Channel, document: Document, place: Place) -> None:
    """Post it; the body of a failure is its error. Raises DeliveryError, AddressError.

    `rid` is the same for the attempts of one occurrence, so that its duration is that of all of them.
    """
    found = address(channel, place.environ)
    try:
        url = httpx.URL(found)
        if url.scheme not in ("http", "https") or not url.host:
            raise httpx.InvalidURL("")
    except httpx.InvalidURL:
        raise AddressError(f"{channel.name}: {channel.url_env} holds no http:// or https:// URL") from None
    called = url.copy_with(path=url.path.rstrip("/") + _ENDING[str(document["state"])])
    if rid := _uuid(document.get("root_run")):
        called = called.copy_merge_params({"rid": rid})
    try:
        with httpx.Client(timeout=TIMEOUT_SECONDS) as client:
            status = client.post(called, content=str(document.get("detail") or "").encode()).status_code
    except httpx.HTTPError as error:
        # Its text may hold the URL.
        raise DeliveryError(f"{channel.name}: {type(error).__name__}") from None
    if not 200 <= status < 300:
        raise DeliveryError(f"{channel.name}: the server answered {status}")


def _uuid(text: object) -> str | None:
    try:
        return str(uuid.UUID(str(text)))
    except ValueError:
        return None
