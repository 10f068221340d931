"""Adding a run with its tags, its claim and the approvals it waits for: in one statement, all or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster._core.errors import DagsterRunAlreadyExists
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from sqlalchemy import exc
from sqlalchemy.dialects.postgresql import JSONB

from scheduler_defs.approvals.holds import Hold
from scheduler_defs.database.named_sql import NamedSql
from scheduler_defs.execution.admission.claims import Claim, is_over

claims = NamedSql(Path(__file__).parent / "sql")

_HOLDS = sa.table(
    "approvals",
    *(sa.column(name) for name in ("run_id", "source", "requested_by", "needs")),
    *(sa.column(name, JSONB) for name in ("policy", "about")),
    sa.column("expires", sa.TIMESTAMP(timezone=True)),
    schema="signalbox",
)
_FINISHED = frozenset(status.value for status in FINISHED_STATUSES)


def add(
    connection: sa.Connection,
    values: Mapping[str, Any],
    run_tags: Mapping[str, str],
    claim: Claim | None,
    holds: Sequence[Hold] = (),
    requested_by: str = "",
) -> str:
    """Add a run with these column values. Returns its id, or that of the run that has the claim already.

    `holds`: the approvals without which it does not start, and for whom it is.

    Raises DagsterRunAlreadyExists when there is a run of that id, or when the run that had the claim for ever
    was deleted.
    """
    run_id: str = values["run_id"]
    parameters = {
        **{f"new_{name}": value for name, value in values.items()},
        "tag_keys": list(run_tags),
        "tag_values": list(run_tags.values()),
    }
    if holds:
        parameters |= {
            "requested_by": requested_by,
            **{f"hold_{name}": [getattr(each, name) for each in holds] for name in Hold.__slots__},
        }
    columns, held = tuple(values), bool(holds)
    if claim is None:
        _execute(connection, _insert(columns, None, held), parameters)
        return run_id
    parameters |= {"claim": claim.text, "claimant": run_id}
    if _execute(connection, _insert(columns, "claim", held), parameters):
        return run_id
    while True:
        # In a statement of its own: it sees what was committed while the first one waited.
        holder = connection.execute(claims("holder"), {"claim": claim.text}).one()
        if not is_over(claim.lasts, holder.status, finished=_FINISHED):
            if holder.status is None:
                raise DagsterRunAlreadyExists(f"{claim.text}: its run {holder.run_id} was deleted")
            if holder.run_id == run_id:
                raise DagsterRunAlreadyExists(f"run {run_id} is there already")
            return holder.run_id
        if _execute(connection, _insert(columns, "take_over", held), {**parameters, "holder": holder.run_id}):
            return run_id


def _execute(connection: sa.Connection, statement: sa.Executable, parameters: Mapping[str, Any]) -> bool:
    """Whether the run was added."""
    try:
        return connection.execute(statement, parameters).first() is not None
    except exc.IntegrityError as error:
        raise DagsterRunAlreadyExists from error


@lru_cache(maxsize=32)
def _insert(columns: tuple[str, ...], claiming: str | None, held: bool) -> sa.Select[Any]:
    """Adds a run with the values `new_<column>`, and its tags: `tag_keys` and `tag_values`.

    `claiming`: the statement whose row is the claim; without that row nothing is added.
    """
    values = [sa.bindparam(f"new_{name}", type_=RunsTable.c[name].type).label(name) for name in columns]
    wanted = sa.select(*values)
    if claiming is not None:
        claimed = claims(claiming).columns(sa.column("claim", sa.Text)).cte("claimed")
        wanted = wanted.select_from(claimed)
    run = RunsTable.insert().from_select(list(columns), wanted)
    added = run.returning(RunsTable.c.run_id).cte("added")
    texts = sa.ARRAY(sa.Text)
    pairs = sa.func.unnest(sa.bindparam("tag_keys", type_=texts), sa.bindparam("tag_values", type_=texts))
    tag = pairs.table_valued("key", "value").render_derived("tag")
    rows = sa.select(added.c.run_id, tag.c.key, tag.c.value).select_from(added.join(tag, sa.true()))
    tagged = RunTagsTable.insert().from_select(["run_id", "key", "value"], rows).cte("tagged")
    statement = sa.select(added.c.run_id).add_cte(tagged)
    return statement.add_cte(_hold(added)) if held else statement


def _hold(added: sa.CTE) -> sa.CTE:
    """The approvals of the run that is added: arrays `hold_<field>` of all that it waits for."""
    kinds = {"source": sa.Text, "needs": sa.Integer, "seconds": sa.Float, "policy": sa.Text, "about": sa.Text}
    lists = [sa.bindparam(f"hold_{name}", type_=sa.ARRAY(kind)) for name, kind in kinds.items()]
    hold = sa.func.unnest(*lists).table_valued(*kinds).render_derived("hold")
    rows = sa.select(
        added.c.run_id,
        hold.c.source,
        sa.bindparam("requested_by", type_=sa.Text),
        hold.c.needs,
        sa.cast(hold.c.policy, JSONB),
        sa.cast(hold.c.about, JSONB),
        sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, hold.c.seconds),
    ).select_from(added.join(hold, sa.true()))
    return _HOLDS.insert().from_select([column.name for column in _HOLDS.columns], rows).cte("held")
