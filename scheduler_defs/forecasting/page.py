"""A forecast as one self-contained HTML file: tables, and a timeline drawn by the script inside."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from scheduler_defs.forecasting import document
from scheduler_defs.forecasting.document import Course
from scheduler_defs.forecasting.planning import Source
from scheduler_defs.forecasting.simulation.model import ExpectedRun, PileUp
from scheduler_defs.timing import format_duration, text

_FOLDER = Path(__file__).parent
_PLACE = re.compile(r"\{\{(\w+)\}\}")
MOST_LIMITS = 12
"""At so many limits waits are listed on the page, the longest first."""

_SOURCES = {
    Source.HISTORY: "its history",
    Source.JOB_HISTORY: "the job's history",
    Source.DECLARED: "declared",
    Source.ASSUMED: "assumed",
}


def page(course: Course, *, basis: str, zone: str) -> str:
    """The whole file. `basis`: one sentence about where the numbers come from; `zone`: name of the zone."""
    forecast = course.forecast
    peak, peak_at = forecast.peaks.get("", (0, None))
    rows = document.schedules(course)
    facts = {
        "schedules": len(rows),
        "runs": len(forecast.runs),
        "wait for a limit": sum(run.wait_seconds > 0 for run in forecast.runs),
        "left out by rules": sum(forecast.skipped.values()),
        "not started by the end": sum(forecast.unstarted.values()),
        f"at once, first {_short(course, peak_at)}" if peak_at else "at once": peak,
    }
    parts = {
        "window": escape(f"{_short(course, forecast.begin)} to {_short(course, forecast.end)}"),
        "zone": escape(zone),
        "basis": escape(basis),
        "facts": "".join(f"<div><b>{count:,}</b>{escape(label)}</div>" for label, count in facts.items()),
        "pile_ups": _pile_ups(course),
        "limits": _limits(course),
        "schedules": _schedules(rows),
        "left_out": _left_out(course),
        "data": _data(course),
        "script": (_FOLDER / "page.js").read_text(encoding="utf-8"),
    }
    template = (_FOLDER / "page.html").read_text(encoding="utf-8")
    return _PLACE.sub(lambda match: parts[match[1]], template)


def _data(course: Course) -> str:
    """What the script draws, as JSON that is safe inside a script element."""
    forecast, runs = course.forecast, course.runs_by_schedule()
    data = {
        "begin": forecast.begin,
        "end": forecast.end,
        "step": forecast.step_seconds,
        "running": forecast.running,
        "waiting": forecast.waiting,
        "offsets": _offsets(course),
        "rows": [
            {
                "n": planned.name,
                "j": planned.job,
                "k": text(planned.spec),
                "e": max(1, round(planned.duration.total_seconds())),
                "r": _encoded(
                    runs.get(planned.name, []),
                    forecast.begin,
                    max(1, round(planned.duration.total_seconds())),
                ),
            }
            for planned in course.plan.planned
        ],
    }
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


def _encoded(runs: list[ExpectedRun], begin: int, expected: int) -> list[int | list[int]]:
    """Each run as its distance from the previous due time; with its wait and length if they say something."""
    found: list[int | list[int]] = []
    last = begin
    for _, due, start, end in sorted(runs, key=lambda run: run.due):
        plain = start == due and end - start == expected
        found.append(due - last if plain else [due - last, start - due, end - start])
        last = due
    return found


def _offsets(course: Course) -> list[list[int]]:
    """From when on the zone has which offset, in seconds: the beginning, and each change of the clock."""
    hours = range(course.forecast.begin, course.forecast.end + 3600, 900)
    changes = groupby(hours, key=lambda at: _offset(course, at))
    return [[next(group), offset] for offset, group in changes]


def _offset(course: Course, seconds: int) -> int:
    offset = course.moment(seconds).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def _pile_ups(course: Course) -> str:
    found = document.waits(course)
    if not found:
        return '<p class="soft">Nowhere: every run starts when it is due.</p>'
    rows = [
        (
            escape(each.limit),
            f"{each.pile_ups:,}",
            f"{each.runs:,}",
            _length(each.worst.longest_wait_seconds),
            str(each.worst.most_waiting),
            _nowrap(_span(course, each.worst)),
            escape(_names(each.schedules)),
        )
        for each in found[:MOST_LIMITS]
    ]
    more = len(found) - MOST_LIMITS
    rest = f'<p class="soft">and at {more} more limits, with shorter waits</p>' if more > 0 else ""
    columns = ("limit", "#times", "#runs that wait", "#longest wait", "#most waiting", "then", "schedules")
    return _table(columns, rows) + rest


def _span(course: Course, pileup: PileUp) -> str:
    if pileup.end is None:
        return f'{_short(course, pileup.begin)} to <span class="full">beyond the end</span>'
    same_day = _short(course, pileup.begin)[:10] == _short(course, pileup.end)[:10]
    return f"{_short(course, pileup.begin)} to {_short(course, pileup.end)[11 if same_day else 0 :]}"


def _nowrap(markup: str) -> str:
    return f'<span style="white-space:nowrap">{markup}</span>'


def _limits(course: Course) -> str:
    waited = {each.limit for each in course.forecast.pileups}
    ordered = sorted(document.limits(course), key=lambda each: -each["peak"] / max(1, each["most"]))
    rows = [
        (
            escape(each["limit"]),
            f'<span class="full">{each["peak"]}</span>' if each["limit"] in waited else str(each["peak"]),
            str(each["most"]),
            _nowrap(_short(course, course.forecast.peaks[each["limit"]][1])) if each["peak_at"] else "",
        )
        for each in ordered
    ]
    if not rows:
        return '<p class="soft">No limit concerns these schedules.</p>'
    return _table(("limit", "#most at once", "#allowed", "first"), rows)


def _schedules(rows: Iterable[Mapping[str, Any]]) -> str:
    cells = [
        (
            escape(row["schedule"]),
            escape(row["job"]),
            f"{row['runs']:,}",
            f"{row['skipped']:,}" if row["skipped"] else "",
            f"{row['unstarted']:,}" if row["unstarted"] else "",
            _length(row["longest_wait_seconds"]) if row["longest_wait_seconds"] else "",
            _length(row["expected_seconds"]),
            _SOURCES[Source(row["expected_from"])],
        )
        for row in rows
    ]
    columns = (
        "schedule",
        "job",
        "#runs",
        "#left out",
        "#unstarted",
        "#longest wait",
        "#expected",
        "known from",
    )
    return _table(columns, cells)


def _left_out(course: Course) -> str:
    if not course.plan.left_out:
        return ""
    rows = [(escape(name), escape(why)) for name, why in course.plan.left_out.items()]
    return f"<details><summary>Not in the forecast</summary>{_table(('schedule', 'why'), rows)}</details>"


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """`#` before a column's name: numbers."""
    names = list(columns)
    numeric = [name.startswith("#") for name in names]
    head = "".join(
        f'<th class="n">{name[1:]}</th>' if number else f"<th>{name}</th>"
        for name, number in zip(names, numeric, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="n">{cell}</td>' if number else f"<td>{cell}</td>"
            for cell, number in zip(row, numeric, strict=True)
        )
        + "</tr>\n"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"


def _names(counts: Mapping[str, int], most: int = 3) -> str:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    named = [name if count == 1 else f"{name} ×{count}" for name, count in ordered[:most]]
    return ", ".join([*named, *([f"{len(ordered) - most} more"] if len(ordered) > most else [])])


def _length(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} s"
    return format_duration(timedelta(seconds=round(seconds)))


def _short(course: Course, seconds: int) -> str:
    return course.moment(seconds).strftime("%a %d %b %H:%M")
