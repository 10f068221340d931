"""Who somebody is, from what the provider claims. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scheduler_defs.declarations.models.access import OidcProvider
from scheduler_defs.errors import SignalboxError

_LONGEST_NAME = 200
_MOST_GROUPS = 500


class LoginFault(SignalboxError):
    """Nobody is logged in; the text says why, in one line, and holds no secret."""


@dataclass(frozen=True, slots=True)
class Person:
    """A name for grants, audit and tags; the groups that grants may name; and what the provider calls him."""

    name: str
    groups: tuple[str, ...]
    subject: str


def person_of(claims: Mapping[str, Any], provider: OidcProvider) -> Person:
    """Raises LoginFault for a name that is none, or that nobody has verified."""
    name = found(claims, provider.name_claim)
    if not isinstance(name, str) or not name.strip():
        raise LoginFault(f"the provider says no {provider.name_claim!r}, which is the name here")
    name = name.strip()
    if len(name) > _LONGEST_NAME or not name.isprintable() or ":" in name:
        raise LoginFault(
            f"{name[:50]!r} is no name here: at most {_LONGEST_NAME} printable characters, no ':'"
        )
    if provider.name_claim == "email" and claims.get("email_verified") is not True:
        raise LoginFault("the provider has not verified the e-mail address, which is the name here")
    return Person(name, _groups(found(claims, provider.groups_claim)), str(claims["sub"]))


def found(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by names joined by dots into objects; None where there is none."""
    if name in claims:  # such as https://yard.example/groups
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _groups(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        return ()
    return tuple(dict.fromkeys(each for each in value[:_MOST_GROUPS] if isinstance(each, str) and each))
