"""Airflow DAGs as declarations, read from their text: a file is parsed, and never run."""

from __future__ import annotations

import ast
import datetime as dt
from collections.abc import Mapping
from typing import Any

from scheduler_defs.cli.init.translation import Translation
from scheduler_defs.timing import format_duration

_OPERATORS = {"BashOperator": "bash_command"}
_PRESETS = frozenset({"@hourly", "@daily", "@weekly", "@monthly", "@yearly"})
_UNITS = frozenset({"weeks", "days", "hours", "minutes", "seconds"})


def read(text: str, name: str, carried: Translation) -> None:
    """Every `with DAG(..)` of a file whose tasks are BashOperators with commands that are written out."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        carried.note(f"{name}:{error.lineno}", f"not Python: {error.msg}")
        return
    found = False
    for node in ast.walk(tree):
        if isinstance(node, ast.With):
            for item in node.items:
                if isinstance(item.context_expr, ast.Call) and _called(item.context_expr) == "DAG":
                    found = True
                    _dag(carried, f"{name}:{node.lineno}", item.context_expr, node.body)
        elif isinstance(node, ast.FunctionDef) and any(
            _called(each) == "dag" for each in node.decorator_list
        ):
            found = True
            carried.note(
                f"{name}:{node.lineno}", "@dag: its tasks are Python; write them as Dagster ops in jobs/*.py"
            )
    if not found:
        carried.note(name, "no `with DAG(...)` in it")


def _dag(carried: Translation, place: str, call: ast.Call, body: list[ast.stmt]) -> None:
    given = _arguments(call)
    dag_id = call.args[0] if call.args else given.get("dag_id")
    name = _constant(dag_id) or "dag"
    timing = _timing(given.get("schedule") or given.get("schedule_interval"))
    if isinstance(timing, str):
        carried.note(place, timing)
        return
    tasks: dict[str, tuple[str, str]] = {}
    edges: list[tuple[str, str]] = []
    for statement in body:
        value = getattr(statement, "value", None)
        if isinstance(statement, ast.Assign) and isinstance(value, ast.Call):
            target = statement.targets[0]
            task = _task(carried, f"{place.partition(':')[0]}:{statement.lineno}", value)
            if task is None:
                return
            tasks[target.id if isinstance(target, ast.Name) else task[0]] = task
        elif isinstance(value, ast.Call):
            task = _task(carried, f"{place.partition(':')[0]}:{statement.lineno}", value)
            if task is None:
                return
            tasks[task[0]] = task
        elif isinstance(value, ast.BinOp):
            edges += _edges(value)
        elif not isinstance(value, ast.Constant):
            carried.note(
                f"{place.partition(':')[0]}:{statement.lineno}", "not understood; the DAG is left out"
            )
            return
    schedule = {**timing, "catch_up": "all" if _constant(given.get("catchup")) is True else "none"}
    if len(tasks) == 1:
        ((_, command),) = tasks.values()
        carried.add(place, name, ["bash", "-c", command], schedule)
    elif tasks:
        _with_steps(carried, place, name, tasks, edges, schedule)
    else:
        carried.note(place, f"DAG {name} has no task that could be carried over")


def _with_steps(
    carried: Translation,
    place: str,
    name: str,
    tasks: Mapping[str, tuple[str, str]],
    edges: list[tuple[str, str]],
    schedule: Mapping[str, Any],
) -> None:
    """A DAG of several tasks is a job with steps."""
    unknown = {each for edge in edges for each in edge} - tasks.keys()
    if unknown:
        carried.note(place, f"its order names {', '.join(sorted(unknown))}, which is no task here")
        return
    steps: dict[str, dict[str, Any]] = {}
    for variable, (task_id, command) in tasks.items():
        needs = [tasks[before][0] for before, after in edges if after == variable]
        steps[task_id] = {"command": ["bash", "-c", command], **({"needs": needs} if needs else {})}
    carried.add_steps(place, name, steps, schedule)


def _task(carried: Translation, place: str, call: ast.Call) -> tuple[str, str] | None:
    """Id and command of an operator; None, and a note, for one that is not a command."""
    kind = _called(call)
    given = _arguments(call)
    command = _constant(given.get(_OPERATORS.get(kind, "")))
    if not isinstance(command, str):
        carried.note(
            place, f"{kind or 'a task'}: only BashOperators with a command that is written out; DAG left out"
        )
        return None
    if "{{" in command:
        carried.note(place, "its command has a template; DAG left out")
        return None
    return str(_constant(given.get("task_id")) or "task"), command


def _timing(node: ast.expr | None) -> dict[str, Any] | str:
    value = _constant(node)
    if isinstance(value, str):
        if value in _PRESETS or not value.startswith("@"):
            return {"cron": value}
        return f"schedule {value}: no equivalent"
    if isinstance(node, ast.Call) and _called(node) == "timedelta":
        parts = {each.arg: _constant(each.value) for each in node.keywords}
        if parts and parts.keys() <= _UNITS and all(isinstance(part, int) for part in parts.values()):
            return {
                "every": format_duration(
                    dt.timedelta(**{str(key): float(part) for key, part in parts.items()})
                )
            }  # type: ignore[arg-type]
    return "its schedule is none, or no text, preset or timedelta that is written out"


def _edges(node: ast.expr) -> list[tuple[str, str]]:
    """`a >> b >> [c, d]` and `b << a` as pairs of before and after."""

    def walk(each: ast.expr) -> tuple[list[str], list[tuple[str, str]]]:
        if isinstance(each, ast.BinOp) and isinstance(each.op, ast.RShift | ast.LShift):
            left, earlier = walk(each.left)
            right, _ = walk(each.right)
            pairs = [(a, b) for a in left for b in right]
            pairs = pairs if isinstance(each.op, ast.RShift) else [(b, a) for a, b in pairs]
            return right, earlier + pairs
        if isinstance(each, ast.List | ast.Tuple):
            return [name for item in each.elts for name in walk(item)[0]], []
        return [each.id if isinstance(each, ast.Name) else ast.unparse(each)], []

    return walk(node)[1]


def _arguments(call: ast.Call) -> dict[str, ast.expr]:
    return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}


def _called(node: ast.expr) -> str:
    function = node.func if isinstance(node, ast.Call) else node
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _constant(node: ast.expr | None) -> Any:
    return node.value if isinstance(node, ast.Constant) else None
