"""Settings of the resources that jobs, assets and sensors are given. Secrets are named, never held."""

from __future__ import annotations

import datetime as dt

from scheduler_defs.declarations.models.base import Model


class ArtifactSettings(Model):
    """`folder` None: the state folder's."""

    folder: str | None = None


class NotifierSettings(Model):
    """`channels` are told when nobody else is named; empty: all that are declared."""

    channels: tuple[str, ...] = ()


class HttpSettings(Model):
    """Where requests go, and how patient they are. `attempts` is the total."""

    base_url: str = ""
    token_env: str = ""
    timeout: dt.timedelta = dt.timedelta(seconds=10)
    attempts: int = 3


class LlmSettings(Model):
    """A server that speaks the chat completions of OpenAI's API, and its default model."""

    base_url: str = "http://127.0.0.1:11434/v1"
    model: str = ""
    api_key_env: str = ""
    timeout: dt.timedelta = dt.timedelta(minutes=2)


class Resources(Model):
    """The settings of all resources."""

    artifacts: ArtifactSettings = ArtifactSettings()
    notifier: NotifierSettings = NotifierSettings()
    http: HttpSettings = HttpSettings()
    llm: LlmSettings = LlmSettings()
