"""Deciding by a link in an alert: signed, for one alert to one channel, once, and for a day.

The link says nothing about who decides. That is whom the channel's `approve_as` names, at the moment of
deciding; so taking that away from a channel ends all links that it was sent.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from scheduler_defs.errors import SignalboxError

LASTS_SECONDS = 86_400
_TEXT = 200


class NoLink(SignalboxError):
    """It is not of ours, or its time is over, or it has been used."""


@dataclass(frozen=True, slots=True)
class Link:
    """For one approval, sent with one alert. `until`: seconds since 1970."""

    approval: int
    alert: int
    until: int


def written(link: Link, key: str) -> str:
    """As it stands in the alert, after the `#` of the page's address, which browsers send to nobody."""
    body = f"{link.approval}.{link.alert}.{link.until}"
    return f"{body}.{_mark(body, key)}"


def read(text: str, key: str, now: float) -> Link:
    """Raises NoLink."""
    body, _, mark = text[:_TEXT].rpartition(".")
    if not hmac.compare_digest(mark.encode(), _mark(body, key).encode()):
        raise NoLink("this is no link of ours, or a part of it is missing")
    approval, alert, until = map(int, body.split("."))
    if now >= until:
        raise NoLink("this link is over: links are good for a day; decide in the inbox")
    return Link(approval, alert, until)


def _mark(body: str, key: str) -> str:
    own = hmac.new(key.encode(), b"a link to an approval", hashlib.sha256).digest()
    return hmac.new(own, body.encode(errors="replace"), hashlib.sha256).hexdigest()
