"""What a command may say about its run: its own facts, and nothing that is Signalbox's to say. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import dagster as dg

MOST_METADATA = 100

RESERVED = frozenset(
    {
        "artifacts",
        "artifacts_bytes",
        "artifacts_count",
        "artifacts_folder",
        "command",
        "directive",
        "directive_text",
        "duration_seconds",
        "exit_code",
        "peak_memory_bytes",
        "stderr",
        "stdout",
    }
)
"""Keys of a run's metadata that only Signalbox sets."""

_SCHEMES = ("", "http", "https", "ftp", "ftps", "mailto", "s3", "gs", "file")


def of_messages(messages: Iterable[Any]) -> tuple[dict[str, Any], list[str]]:
    """The metadata of custom messages, and the reserved keys that were among them.

    Mappings are metadata by their keys, anything else is listed under `messages`.
    """
    found: dict[str, Any] = {}
    others: list[Any] = []
    for message in messages:
        if isinstance(message, dict):
            found.update(message)
        else:
            others.append(message)
    refused = sorted(RESERVED.intersection(found))
    kept = {key: value for key, value in found.items() if key not in RESERVED}
    kept = dict(list(kept.items())[:MOST_METADATA])
    return ({"messages": others[:MOST_METADATA], **kept} if others else kept), refused


def harmless(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """The metadata of a materialization or a check; links that would run something are shown as text."""
    return {key: _harmless(value) for key, value in list((metadata or {}).items())[:MOST_METADATA]}


def _harmless(value: Any) -> Any:
    if isinstance(value, dg.UrlMetadataValue) and _scheme(value.url or "") not in _SCHEMES:
        return dg.MetadataValue.text(value.url or "")
    return value


def _scheme(url: str) -> str:
    """As a browser reads it, which passes over white space and control characters."""
    try:
        return urlsplit("".join(character for character in url if character > " ")).scheme
    except ValueError:
        return "unreadable"
