"""`agents:` and `task_queue:` as written."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from scheduler_defs.declarations.written.approvals import ApproveField
from scheduler_defs.declarations.written.fields import (
    ArgumentList,
    Duration,
    EnvironmentName,
    Flag,
    Name,
    Names,
    Natural,
    PositiveDuration,
    SchemaOf,
    Tags,
    Text,
    Texts,
    TimeZone,
    Written,
    one_or_many,
    wrong,
)
from scheduler_defs.declarations.written.retries import RetriesEntry


def _read_commands(value: Any) -> Any:
    """A list is the commands themselves; of them, one may stand alone."""
    if not isinstance(value, list):
        return value
    items = cast("list[Any]", value)
    return {"commands": items if items and all(isinstance(each, list) for each in items) else [items]}


class AcceptEntry(Written):
    """Commands that must succeed after the agent has said that a task is done."""

    commands: Annotated[list[ArgumentList], Field(min_length=1)]
    """Run one after the other where the agent worked, until one fails."""
    rounds: Annotated[int, Field(ge=0, le=20)] = 2
    """So often what failed goes back to the agent; then the task is set aside."""
    timeout: PositiveDuration = dt.timedelta(minutes=30)
    """For each command."""


AcceptField = Annotated[
    AcceptEntry | None,
    BeforeValidator(_read_commands),
    SchemaOf(AcceptEntry, {"type": "array", "minItems": 1}),
]


class WorkspaceEntry(Written):
    """A git worktree for each task."""

    repository: Text
    """A folder, relative to the project, or an address that git can fetch from and push to."""
    base: Text = "main"
    """The branch that tasks begin at, and land on."""
    branch: Text = "task/{task.id}"
    """The task's branch; `{task.id}` must be in it."""
    setup: Annotated[list[ArgumentList] | None, Field(min_length=1)] = None
    """Commands for a new worktree, such as the installation of what tests need."""
    setup_timeout: PositiveDuration = dt.timedelta(minutes=15)
    """For each of them."""
    between: Literal["keep", "reset"] = "keep"
    """What a further attempt finds: what the last one left, or its commits only (the rest is put aside)."""
    keep: Duration = dt.timedelta(days=7)
    """How long the worktree of an ended task stays."""
    push: Flag = True
    """off: accepted branches stay on the worker's machine."""
    landing: Literal["off", "rebase", "merge", "pull-request"] = "off"
    """How accepted work gets onto the base: not at all, rebased, merged, or as a branch and a text."""


class AgentEntry(Written):
    """A named worker identity that does the tasks of one queue or several."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {"oneOf": [{"required": ["queue"]}, {"required": ["queues"]}]},
                {"anyOf": [{"required": ["command"]}, {"required": ["recipe"]}, {"required": ["pull"]}]},
            ]
        }
    )

    queue: Name | None = None
    """The queue it serves."""
    queues: Names | None = None
    """The queues it serves."""
    limit: Natural = 1
    """Tasks at once; 0: none."""
    command: ArgumentList | None = None
    """Program and arguments; `{task.*}`, `{agent.*}`, `{run.*}` stand for values."""
    recipe: Text | None = None
    """A file in the recipes folder; its path is `{agent.recipe}`."""
    pull: Flag = False
    """on: it works elsewhere and claims its tasks itself, through REST; needs no command."""
    env: list[EnvironmentName] | None = None
    """Names of environment variables that the command gets from the worker."""
    cwd: Text | None = None
    """Working directory, relative to the project; absent: the project."""
    timeout: PositiveDuration | None = None
    """A run is ended after this time."""
    grace: Duration = dt.timedelta(seconds=10)
    """Between SIGTERM and SIGKILL."""
    idle_after: PositiveDuration | None = None
    """No output, no CPU time and no changed file for so long: it is idle; absent: nobody looks."""
    when_idle: Literal["show", "nudge", "end"] = "end"
    """show: say so; nudge: its turn ends and its session goes on; end: a failed attempt."""
    retries: RetriesEntry | None = None
    """Default: 3 attempts, then the task is set aside as failed."""
    capabilities: Names | None = None
    """What its tasks may ask for."""
    enabled: Flag = True
    """off: it gets no tasks."""
    working_hours: Texts | None = None
    """When it takes new work: mon-fri 09:00-17:00, or a list of such."""
    timezone: TimeZone = "UTC"
    """Zone of the working hours."""
    quota: Name | None = None
    """The quota pool that it draws on (quotas:); absent: one of its own."""
    price: Name | None = None
    """What its tokens cost (prices:), where its program does not say what a turn has cost."""
    resume: ArgumentList | None = None
    """Command that goes on with a session: `{session.id}`, `{answer.text}`; absent: it begins anew."""
    workspace: WorkspaceEntry | None = None
    """A git worktree for each task; absent: it works in `cwd`."""
    accept: AcceptField = None
    """Commands that must succeed before a task counts as done; absent: those of the queue."""
    accept_from_task: Flag = False
    """on: a task may bring such commands in `payload.accept`."""
    celery_queue: Name | None = None
    """Celery queue of its runs; default `agents`."""
    approve: ApproveField = None
    """People who must agree before it begins a task: on, or who, how many, how long."""
    tags: Tags | None = None
    """Tags of its runs."""
    owner: Text | None = None
    """Whom to ask."""
    description: Text | None = None
    """Shown in the UI."""


Count = Annotated[int, Field(ge=1, le=10**15)]


class QuotaEntry(Written):
    """A pool of agents that draw on one account: when its provider refuses work, all of them rest."""

    patterns: Texts | None = None
    """Regular expressions (RE2) of refusals; a group `epoch`, `seconds` or `until` says when they end."""
    reserve: Annotated[str, Field(pattern=r"^[0-9]{1,2}%$")] | None = None
    """What is left to people of each window: 20%."""
    window: PositiveDuration | None = None
    """How long a window of the account is, where its tokens are counted here: 5h."""
    tokens: Count | None = None
    """Fresh tokens that a window holds; absent: counted is what the program says of its subscription."""
    description: Text | None = None
    """Shown to people."""

    @model_validator(mode="after")
    def counts_a_window(self) -> QuotaEntry:
        if self.tokens is not None and self.window is None:
            raise wrong("tokens needs window: how long it takes until they are there again")
        return self


class PriceEntry(Written):
    """What tokens cost, in US dollars for a million of them."""

    input: Annotated[float, Field(ge=0, le=100_000)]
    """Fresh ones that go in."""
    output: Annotated[float, Field(ge=0, le=100_000)]
    """Those that come out."""
    cached: Annotated[float, Field(ge=0, le=100_000)] = 0.0
    """Those read from a cache."""


class BudgetEntry(Written):
    """What agents may use before people are asked. What is counted is what their programs say."""

    agents: Names | None = None
    """Whose use counts; absent: everybody's."""
    queues: Names | None = None
    """For the tasks of which queues; absent: of all."""
    per: Annotated[
        list[Literal["task", "agent", "queue", "day"]], BeforeValidator(one_or_many), Field(min_length=1)
    ] = Field(default_factory=lambda: ["day"])
    """What is counted apart: each task, agent, queue or day, or a list of these, such as [agent, day]."""
    timezone: TimeZone = "UTC"
    """Where its days begin at midnight."""
    tokens: Count | None = None
    """Fresh tokens, in and out."""
    cached_tokens: Count | None = None
    """Tokens read from a cache."""
    turns: Count | None = None
    """Turns of the programs, as they count them."""
    cost_usd: Annotated[float, Field(gt=0, le=10**9)] | None = None
    """US dollars: what the program says, else by the agent's price."""
    time: PositiveDuration | None = None
    """Wall clock of the agents' work; of two at once, both count."""
    when_reached: Literal["stop", "finish"] = "stop"
    """stop: turns that go on are ended, their sessions kept; finish: they may end by themselves."""
    description: Text | None = None
    """Shown to people."""

    @model_validator(mode="after")
    def limits_something(self) -> BudgetEntry:
        if all(
            each is None for each in (self.tokens, self.cached_tokens, self.turns, self.cost_usd, self.time)
        ):
            raise wrong("needs at least one of tokens, cached_tokens, turns, cost_usd, time")
        return self


class AgeingEntry(Written):
    """What waiting is worth."""

    every: PositiveDuration = dt.timedelta(minutes=10)
    """One point of priority for each such time waited."""
    limit: Annotated[int, Field(ge=0, le=1_000_000)] = 10
    """At most so many points."""
    first_after: PositiveDuration = dt.timedelta(days=1)
    """A task older than this goes before all younger ones."""


def _read_ageing(value: Any) -> Any:
    if value is False or value in ("off", "no"):
        return None
    if value is True or value in ("on", "yes"):
        return {}
    return value


AgeingField = Annotated[
    AgeingEntry | None,
    BeforeValidator(_read_ageing),
    SchemaOf(AgeingEntry, {"enum": [True, False, "on", "off", "yes", "no"]}),
]


class QueueEntry(Written):
    """What differs for one queue."""

    blocking: Flag | None = None
    """off: blockers are ignored, priority alone orders."""
    ageing: AgeingField = Field(default_factory=AgeingEntry)
    """What waiting is worth: on, off, or its terms."""
    accept: AcceptField = None
    """Commands that must succeed before a task of the queue counts as done."""
    weight: Annotated[int, Field(ge=1, le=1000)] | None = None
    """How many turns it has for each one of a queue with weight 1, at agents that serve both."""
    description: Text | None = None
    """Shown in the UI."""


class TaskQueueEntry(Written):
    """Where the agents' tasks are, and how they are ordered."""

    backend: Literal["postgres", "tinytask"] = "postgres"
    """Our own tables, or a TinyTask server."""
    url: Text | None = None
    """Address of a TinyTask server."""
    timeout: PositiveDuration = dt.timedelta(seconds=5)
    """For one request to a TinyTask server, all tries together."""
    blocking: Flag = True
    """off: blockers are ignored, priority alone orders."""
    ageing: AgeingField = Field(default_factory=AgeingEntry)
    """What waiting is worth: on, off, or its terms."""
    first_tasks: Text | None = None
    """A file of JSON lines in the recipes folder: added once, when there has never been a task."""
    queues: dict[str, QueueEntry] = Field(default_factory=dict)
    """What differs for single queues, by name."""

    @model_validator(mode="after")
    def has_address(self) -> TaskQueueEntry:
        if self.backend == "tinytask":
            if self.url is None:
                raise wrong("backend tinytask needs url: http://HOST:PORT")
            if not self.url.startswith(("http://", "https://")):
                raise wrong(f"url {self.url!r} must begin with http:// or https://")
            if self.first_tasks is not None:
                raise wrong("first_tasks belongs to backend: postgres; a TinyTask server has its own")
        elif self.url is not None:
            raise wrong("url belongs to backend: tinytask; the postgres backend uses the stack's database")
        return self
