"""What all answers are made of."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

_Item = TypeVar("_Item")


class Answer(BaseModel):
    """An object, which may have more fields."""

    model_config = ConfigDict(extra="allow")


class Problem(Answer):
    """What went wrong, as RFC 9457 says it."""

    type: str
    title: str
    status: int
    detail: str


class Page(Answer, Generic[_Item]):
    """A part of a list; `next` is the cursor of the part after it."""

    items: list[_Item]
    next: str | None
