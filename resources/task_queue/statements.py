"""The named statements of `sql/*.sql`. Each begins with `-- name: NAME`; comments say what it does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa

_FOLDER = Path(__file__).parent / "sql"
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def statement(name: str) -> sa.TextClause:
    """One statement, with `:name` parameters. Raises KeyError for a name that is not there."""
    return _statements()[name]


def raw_statement(name: str) -> str:
    """The same as text: for COPY, which takes no parameters."""
    return str(_statements()[name].text)


@lru_cache(maxsize=1)
def _statements() -> Mapping[str, sa.TextClause]:
    found: dict[str, sa.TextClause] = {}
    for path in sorted(_FOLDER.glob("*.sql")):
        _, *parts = _NAME.split(path.read_text(encoding="utf-8"))
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            if name in found:
                raise ValueError(f"{path.name}: a second statement named {name}")
            found[name] = sa.text(_without_comments(body))
    return found


def _without_comments(body: str) -> str:
    # Comments would otherwise travel with every statement, and a colon in one would look like a parameter.
    lines = (re.sub(r"--.*", "", line).rstrip() for line in body.splitlines())
    return "\n".join(line for line in lines if line)
