"""The rows of the UI's page of runs: a few pills each, without the tags that only programs read.

Dagster's UI shows every tag that does not begin with `dagster/` as a pill, and a run of ours has a dozen.
The run's own page shows them all, and so does GraphQL to everybody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scheduler_defs import tags

ASKED_BY_THE_PAGE = "RunsFeedRootQuery"
"""The UI's name for its query of these rows."""

SHOWN = (tags.ATTEMPT, tags.FAILURE, tags.SCHEDULE, tags.AGENT, tags.TASK, tags.REASON, tags.DIRECTIVE)
"""Of our tags, what says most first. The rest has a column of its own, or matters to who opens the run."""

MOST = 4
"""Pills of a row; each makes it higher."""

_OURS = "signalbox/"
_DAGSTERS = ("dagster/", ".dagster/")
_BY_SCHEDULE = "dagster/schedule_name"


def one_line_each(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer with the tags of its rows cut down; one that holds no rows stays as it is."""
    for row in ((answer.get("data") or {}).get("runsFeedOrError") or {}).get("results") or ():
        if isinstance(row.get("tags"), list):
            row["tags"] = _shown(row["tags"])
    return answer


def _shown(found: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Dagster's own, which are no pills and of which the columns are made, and the pills that say most."""
    quiet = [tag for tag in found if tag["key"].startswith(_DAGSTERS)]
    by_schedule = any(tag["key"] == _BY_SCHEDULE for tag in quiet)
    said = {tag["key"]: tag for tag in found if not tag["key"].startswith((*_DAGSTERS, _OURS))}
    ours = {tag["key"]: tag for tag in found if tag["key"] in SHOWN}
    if ours.get(tags.ATTEMPT, {}).get("value") == "1":
        del ours[tags.ATTEMPT]
    if by_schedule:  # a column says it
        ours.pop(tags.SCHEDULE, None)
    pills = [*(ours[key] for key in SHOWN if key in ours), *said.values()]
    return [*pills[:MOST], *quiet]
