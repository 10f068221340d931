"""`resources:` as written."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from scheduler_defs.declarations.written.fields import (
    EnvironmentName,
    HttpUrl,
    Names,
    PositiveDuration,
    Text,
    Written,
)


class ArtifactResourceEntry(Written):
    """Where `artifacts` keeps files."""

    folder: Text | None = None
    """Absent: artifacts/ in the state folder, where the UI looks for them."""


class NotifierResourceEntry(Written):
    """Whom `notifier` tells when a job names nobody."""

    channels: Names | None = None
    """Alert channels; absent: all that are declared."""


class HttpResourceEntry(Written):
    """Where `http` sends requests."""

    base_url: HttpUrl | None = None
    """What relative paths are relative to."""
    token_env: EnvironmentName | None = None
    """The variable that holds a bearer token; it is sent to base_url only."""
    timeout: PositiveDuration | None = None
    """Of one request; absent: 10s."""
    attempts: Annotated[int, Field(ge=1, le=10)] | None = None
    """How often a request that may be repeated is tried, the first time included; absent: 3."""


class LlmResourceEntry(Written):
    """The language model that `llm` asks, over the chat completions of OpenAI's API."""

    base_url: HttpUrl | None = None
    """Absent: http://127.0.0.1:11434/v1, where Ollama listens."""
    model: Text | None = None
    """The model to ask when a job names none."""
    api_key_env: EnvironmentName | None = None
    """The variable that holds the key; it is sent to base_url only."""
    timeout: PositiveDuration | None = None
    """Of one answer; absent: 2m."""


class ResourcesEntry(Written):
    """What jobs, assets and sensors written in Python are given, by name."""

    artifacts: ArtifactResourceEntry | None = None
    """Files that runs keep."""
    notifier: NotifierResourceEntry | None = None
    """The alert channels."""
    http: HttpResourceEntry | None = None
    """An HTTP client."""
    llm: LlmResourceEntry | None = None
    """A language model."""
