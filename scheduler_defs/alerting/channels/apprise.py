"""Alerts through Apprise: one URL for each of a hundred services (Slack, Telegram, ntfy, PagerDuty ...)."""

from __future__ import annotations

import logging

from scheduler_defs.alerting.channels import AddressError, DeliveryError, Document, Place, address
from scheduler_defs.declarations.models.alerts import Channel

# It writes what it sends, and where, into the log.
logging.getLogger("apprise").setLevel(logging.CRITICAL)


def send(channel: Channel, document: Document, place: Place) -> None:
    """Notify every URL in the channel's variable; spaces separate them. Raises DeliveryError, AddressError.

    Apprise says only whether all of them took it, and neither which one did not nor why.
    """
    urls = address(channel, place.environ).split()
    try:
        import apprise
    except ImportError:
        raise AddressError(
            f"channel {channel.name}: type apprise needs a package: pip install 'signalbox[apprise]'"
        ) from None
    services = apprise.Apprise()
    if not all(services.add(url) for url in urls):
        raise AddressError(f"channel {channel.name}: {channel.url_env} holds no URL that Apprise knows")
    line = " ".join(str(document["text"]).split())
    state = apprise.NotifyType.SUCCESS if document.get("state") == "recovered" else apprise.NotifyType.FAILURE
    shown = ("owner", "url", "decide", "count", "since")
    facts = [f"{key}: {document[key]}" for key in shown if document.get(key)]
    facts += [f"- {each['text']}" for each in document.get("alerts", ())]
    try:
        body = "\n".join([line, *facts])
        told = services.notify(title=f"[signalbox] {line}"[:200], body=body, notify_type=state)
    except Exception as error:
        # Its text may hold the URL.
        raise DeliveryError(f"channel {channel.name}: {type(error).__name__}") from None
    if not told:
        raise DeliveryError(f"channel {channel.name}: Apprise could not deliver it")
