"""SQL in files: each statement begins with `-- name: NAME`, and comments say what it does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


class NamedSql:
    """The statements of a folder's `*.sql`, read once. Calling it gives one, with `:name` parameters."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, name: str) -> sa.TextClause:
        """Raises KeyError for a name that is not there."""
        return self._statements[name]

    def raw(self, name: str) -> str:
        """The same as text: for COPY, which takes no parameters."""
        return str(self._statements[name].text)

    @cached_property
    def _statements(self) -> Mapping[str, sa.TextClause]:
        found: dict[str, sa.TextClause] = {}
        for path in sorted(self._folder.glob("*.sql")):
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
