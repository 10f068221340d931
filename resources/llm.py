"""A language model behind the chat completions of OpenAI's API (OpenAI, Azure, vLLM, Ollama, llama.cpp)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from resources.base import YardResource
from scheduler_defs.errors import NotReachableError, SignalboxError


class LlmEndpoint(YardResource):
    """Where the model is asked, and which."""

    base_url: str = Field(default="http://127.0.0.1:11434/v1", description="The API's address.")
    model: str = Field(default="", description="The model, where a job names none.")
    api_key_env: str = Field(default="", description="The variable that holds the key.")
    timeout_seconds: float = Field(default=120.0, gt=0, description="Of one answer.")

    def chat(self, messages: Sequence[dict[str, str]], *, model: str | None = None, **options: Any) -> str:
        """The text that the model answers to `[{"role": …, "content": …}]`.

        `options` go along in the request (temperature, max_tokens). Raises NotReachableError when nobody
        answers, SignalboxError for a refusal or an answer without text.
        """
        import httpx

        chosen = model or self.model
        if not chosen:
            raise SignalboxError("llm: no model is named; set resources: {llm: {model: NAME}} or pass model=")
        url = f"{self.base_url.rstrip('/')}/chat/completions"
        body = {**options, "model": chosen, "messages": list(messages)}
        try:
            answer = httpx.post(
                url, json=body, headers=self.bearer(self.api_key_env), timeout=self.timeout_seconds
            )
        except httpx.HTTPError as error:
            raise NotReachableError(f"llm: no answer ({type(error).__name__})") from None
        if answer.is_error:
            raise SignalboxError(f"llm: the server answered {answer.status_code}")
        try:
            text = answer.json()["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError):
            text = None
        if not isinstance(text, str):
            raise SignalboxError("llm: the answer holds no text")
        return text
