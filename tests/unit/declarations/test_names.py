"""Names in Dagster: what it allows, asked of Dagster itself."""

from __future__ import annotations

import pytest
from dagster._core.definitions.utils import DISALLOWED_NAMES, is_valid_name

from scheduler_defs.declarations.names import RESERVED, dagster_name, name_fault


def test_given_dagsters_reserved_names_when_compared_then_ours_are_the_same() -> None:
    assert RESERVED == DISALLOWED_NAMES


@pytest.mark.parametrize("name", ["triage-every-10", "a.b", "_x", "0", "A" * 128, "v1.2-rc_3"])
def test_given_a_good_name_when_mapped_then_dagster_takes_it(name: str) -> None:
    assert name_fault(name) is None
    assert is_valid_name(dagster_name(name))


@pytest.mark.parametrize("name", ["", "a b", "-a", ".a", "a/b", "a\n", "é", "A" * 129, "type", "in"])
def test_given_a_bad_name_when_looked_at_then_it_is_refused(name: str) -> None:
    assert name_fault(name) is not None
