"""The statements of `access.sql`."""

from __future__ import annotations

import hashlib
from pathlib import Path

from scheduler_defs.database.named_sql import NamedSql

sql = NamedSql(Path(__file__).parent)


def digest(secret: str) -> str:
    """How a random secret is stored. It has 256 bits, so that a plain hash cannot be guessed backwards."""
    return hashlib.sha256(secret.encode()).hexdigest()
