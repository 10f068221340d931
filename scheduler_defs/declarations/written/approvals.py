"""`approve:` as written, wherever it may stand."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from scheduler_defs.declarations.written.fields import (
    Flag,
    PositiveDuration,
    SchemaOf,
    Texts,
    Written,
    one_or_many,
    wrong,
)

_ROLES = ["operator", "editor", "admin"]


class ApproveEntry(Written):
    """People must agree before a run starts."""

    who: Texts | None = None
    """Globs over names of people, such as ann or *@ops.example; absent: everybody who may approve."""
    roles: Annotated[list[Literal["operator", "editor", "admin"]], BeforeValidator(one_or_many)] | None = None
    """Roles that may decide; with who, either will do."""
    needs: Annotated[int, Field(ge=1, le=20)] = 1
    """So many different people must agree."""
    within: PositiveDuration | None = None
    """How long it waits; absent: until somebody decides."""
    otherwise: Literal["reject", "run"] = "reject"
    """What becomes of it when that time is over."""
    not_requester: Flag = False
    """yes: whoever asked for the run may not agree to it."""

    @model_validator(mode="after")
    def ends_somehow(self) -> ApproveEntry:
        if self.otherwise == "run" and self.within is None:
            raise wrong("otherwise: run needs within: HOW_LONG, or nothing ever runs otherwise")
        if self.roles is not None and not self.roles:
            raise wrong(f"roles is empty; allowed are {', '.join(_ROLES)}")
        return self


def _read(value: Any) -> Any:
    if value is True or value in ("on", "yes"):
        return {}
    if value is False or value in ("off", "no"):
        return None
    return value


ApproveField = Annotated[
    ApproveEntry | None,
    BeforeValidator(_read),
    SchemaOf(ApproveEntry, {"enum": [True, False, "on", "off", "yes", "no"]}),
]
