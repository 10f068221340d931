"""What every route of the API starts from: who asks, what he may do, and a client that acts for him."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Depends, Path, Query
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from typing_extensions import override

from scheduler_defs import database, tags
from scheduler_defs.access.table import EVERYTHING, Action, NotAllowed, Principal, Subject, admin
from scheduler_defs.acting.forecast import known_of, switches_of
from scheduler_defs.acting.inbox import inbox_objects, unproven
from scheduler_defs.acting.place import Place
from scheduler_defs.agents.task_queue.opening import open_task_queue
from scheduler_defs.agents.task_queue.protocol import TaskQueue
from scheduler_defs.declarations.models.declared import Declarations, Schedule
from scheduler_defs.errors import SignalboxError
from scheduler_defs.forecasting.history import Medians, median_durations
from scheduler_defs.forecasting.planning import Known
from scheduler_defs.graphql.client import GraphQLClient
from scheduler_defs.graphql.runs import list_runs
from scheduler_defs.launching import Launch
from scheduler_defs.upkeep.review.entries import entries
from scheduler_defs.web.access.gate import PRINCIPAL, unknown_caller
from scheduler_defs.web.access.subjects import declared, of_schedule
from scheduler_defs.web.cache import TimedCache
from scheduler_defs.web.direct import runs
from scheduler_defs.web.direct.switches import switched
from scheduler_defs.web.rest.idempotency import REPEATED, REQUEST

LARGEST = 2**63 - 1
"""Number that the database counts to."""
PROVEN_SECONDS = 15.0
"""How old the inbox's word on unexplained occurrences may be."""

REVIEWED_SECONDS = 300.0
"""How old the inbox's word on what the review finds may be: it speaks of weeks."""

MEASURED_SECONDS = 60.0
"""How old a forecast's word on how long runs take may be: it is the median of thousands."""

Answering = Callable[[Request, Mapping[str, Any]], dict[str, Any]]
"""Answers a GraphQL request (`query`, `operationName`, `variables`) in this process."""


_DIRECT: Mapping[str, Callable[..., dict[str, Any]]] = {"Runs": runs.runs, "CountRuns": runs.count}

_unproven = TimedCache[list[dict[str, Any]]](PROVEN_SECONDS)


_findings = TimedCache[list[dict[str, Any]]](REVIEWED_SECONDS)


_medians = TimedCache[Medians](MEASURED_SECONDS)


def _finding(place: Place, now: dt.datetime) -> list[dict[str, Any]]:
    return _findings.get(lambda: entries(place, now))


def _proving(engine: sa.Engine, now: dt.datetime) -> list[dict[str, Any]]:
    return _unproven.get(lambda: unproven(engine, now))


class InProcessClient(GraphQLClient):
    """The operations that the command sends, answered here: the same functions act through both.

    What every page asks for comes from the database itself, with the same answer in a tenth of the time.
    """

    def __init__(self, answering: Answering, request: Request) -> None:
        super().__init__("http://in-process", headers={})
        self._answering = answering
        self._request = request

    @override
    def call(self, operation: str, **variables: Any) -> Any:
        direct = _DIRECT.get(operation)
        if direct is not None:
            return direct(database.engine(), **variables)
        return super().call(operation, **variables)

    @override
    def switches(self, names: Iterable[str]) -> Mapping[str, bool]:
        return switched(database.engine(), names)

    @override
    def answer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._answering(self._request, body)


@dataclass(frozen=True, slots=True)
class Asking:
    """One request of somebody known."""

    principal: Principal
    request: Request

    def require(self, action: Action, subject: Subject = EVERYTHING) -> GraphQLClient:
        """A client that may do it, in his name. Raises NotAllowed.

        Looked at here, where it is known what it is about: a run of a schedule is more than its job's name.
        """
        self.principal.require(action, subject)
        scope = {**self.request.scope, PRINCIPAL: admin(self.principal.name)}
        return InProcessClient(self.request.app.state.answering, Request(scope))

    def place(self) -> Place:
        """The agent queues as they are declared now."""
        found = declared()
        return Place(found, database.engine(), open_task_queue(found.task_queue))

    def launched(
        self, client: GraphQLClient, order: Launch, launch: Callable[[Launch], Mapping[str, str]]
    ) -> dict[str, str]:
        """What `launch` answers for the order; or the run that this request has had before it was cut off."""
        return self._of_request(
            client, None, lambda mark: launch(replace(order, tags={**order.tags, **mark}))
        )

    def relaunched(
        self, client: GraphQLClient, run_id: str, launch: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> dict[str, str]:
        """The same for a run that is launched once more: `launch` is given the tags to be added."""
        return self._of_request(client, run_id, launch)

    def _of_request(
        self,
        client: GraphQLClient,
        again: str | None,
        launch: Callable[[Mapping[str, str]], Mapping[str, str]],
    ) -> dict[str, str]:
        key = self.request.scope.get(REQUEST)
        if key is None:
            return dict(launch({}))
        mark = {tags.REQUEST: key if again is None else tags.for_again(key, again)}
        if self.request.scope[REPEATED]:
            found = list_runs(client, with_tags=mark, limit=100)
            if found:  # the oldest: later ones copied its tags
                return {"run_id": found[-1]["run_id"], "status": found[-1]["status"]}
        return dict(launch(mark))

    def request_to(self, task_queue: TaskQueue) -> str | None:
        """By what a task queue does this request once; None: it came without a key.

        Raises 409 for one that a crash may have cut off after it was done, where the task queue cannot tell.
        """
        if self.request.scope.get(REPEATED) and not task_queue.knows_requests:
            raise HTTPException(
                HTTPStatus.CONFLICT,
                "the first request with this Idempotency-Key was cut off, and the task queue at "
                f"{task_queue.address} does not say whether it was done: look first",
            )
        return self.request.scope.get(REQUEST)

    def inbox(self) -> list[dict[str, Any]]:
        """What waits for a person; what nobody can explain is looked for every few seconds."""
        client = self.require(Action.LOOK)
        now = dt.datetime.now(dt.UTC)
        return inbox_objects(self.place(), lambda: client, now, proving=_proving, findings=_finding)

    def known(self, found: Declarations) -> tuple[Known, str]:
        """What the running instance adds to the files for a forecast, and a sentence that says so."""
        try:
            engine = database.engine()
            known = known_of(engine, found, _medians.get(lambda: median_durations(engine)))
            switches = switches_of(self.require(Action.LOOK), found)
        except (SQLAlchemyError, SignalboxError):
            return Known(), "From the files alone: the instance does not answer."
        said = "Durations are medians of the history, where there is one; switches and pauses as they are."
        return replace(known, switched_on=switches), said

    def schedule(self, name: str) -> tuple[Declarations, Schedule, Subject]:
        """A declared schedule. Raises 404."""
        found = declared()
        if name not in found.schedules:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"no schedule {name!r} is declared")
        return found, found.schedules[name], of_schedule(name)


class Needs:
    """A dependency of a route: somebody known who may do the action, at least to something."""

    def __init__(self, action: Action) -> None:
        self.action = action

    def __call__(self, request: Request) -> Asking:
        """Raises 401 for the unknown, NotAllowed for others."""
        principal: Principal | None = request.scope.get(PRINCIPAL)
        if principal is None:
            raise unknown_caller()
        if not principal.may_somewhere(self.action):
            raise NotAllowed(principal.refusal(self.action))
        return Asking(principal, request)


Looking = Annotated[Asking, Depends(Needs(Action.LOOK))]
Running = Annotated[Asking, Depends(Needs(Action.RUN))]
Cancelling = Annotated[Asking, Depends(Needs(Action.CANCEL))]
Switching = Annotated[Asking, Depends(Needs(Action.SWITCH))]
Steering = Annotated[Asking, Depends(Needs(Action.STEER))]
Editing = Annotated[Asking, Depends(Needs(Action.EDIT))]

Limit = Annotated[int, Query(ge=1, le=1000, description="At most this many.")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before.")]
Id = Annotated[int, Path(ge=1, le=LARGEST)]
DryRun = Annotated[bool, Query(description="Only say what would be.")]


def page(items: list[dict[str, Any]], limit: int, key: str) -> dict[str, Any]:
    """A page of a list of which one more than `limit` was asked for."""
    more = len(items) > limit
    return {"items": items[:limit], "next": items[limit - 1][key] if more else None}
