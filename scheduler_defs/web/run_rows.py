"""The rows of the UI's page of runs: one line each, without the tags that only programs read.

Dagster's UI shows every tag that does not begin with `dagster/` as a pill, and a run of ours has a dozen.
The run's own page shows them all, and so does GraphQL to everybody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scheduler_defs import tags

ASKED_BY_THE_PAGE = "RunsFeedRootQuery"
"""The UI's name for its query of these rows."""

SHOWN = frozenset({tags.SCHEDULE, tags.AGENT, tags.TASK, tags.FAILURE, tags.DIRECTIVE, tags.REASON})
"""Of our tags. What else a row says has a column of its own, or matters to those who open the run."""

_OURS = "signalbox/"


def one_line_each(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer with the tags of its rows cut down; one that holds no rows stays as it is."""
    for row in ((answer.get("data") or {}).get("runsFeedOrError") or {}).get("results") or ():
        if isinstance(row.get("tags"), list):
            row["tags"] = [tag for tag in row["tags"] if _is_shown(tag)]
    return answer


def _is_shown(tag: Mapping[str, str]) -> bool:
    """Also the number of an attempt, from the second on."""
    key = tag.get("key", "")
    if key == tags.ATTEMPT:
        return tag.get("value") != "1"
    return not key.startswith(_OURS) or key in SHOWN
