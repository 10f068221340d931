"""docs/builtin-jobs.md: the settings of the jobs that come along, and their defaults."""

from __future__ import annotations

import re

import pytest

from scheduler_defs.jobs.log_triage.asset import LogTriageConfig
from scheduler_defs.jobs.report_asset import ReportConfig
from scheduler_defs.jobs.reports import BUILT_IN
from scheduler_defs.jobs.service_map.asset import ServiceMapConfig
from scheduler_defs.settings import PROJECT_ROOT
from scheduler_defs.upkeep.review.asset import ReviewConfig

PAGE = (PROJECT_ROOT / "docs" / "builtin-jobs.md").read_text(encoding="utf-8")


def own(config: type[ReportConfig]) -> dict[str, object]:
    return {
        name: getattr(field.default, "value", field.default)
        for name, field in config.model_fields.items()
        if name not in ReportConfig.model_fields
    }


@pytest.mark.parametrize(
    ("job", "config"), [("log_triage", LogTriageConfig), ("service_map", ServiceMapConfig)]
)
def test_given_a_report_then_the_page_has_its_settings_and_their_defaults(
    job: str, config: type[ReportConfig]
) -> None:
    (section,) = re.findall(rf"^## {job}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.MULTILINE))
    assert set(rows) == set(own(config))
    plain = {
        name: str(default).removesuffix(".0")
        for name, default in own(config).items()
        if isinstance(default, int | float | str)
    }
    assert {name: rows[name].strip("`") for name in plain} == plain


def test_given_the_review_then_the_page_has_its_thresholds() -> None:
    written = {name: float(number) for name, number in re.findall(r"`(\w+)`(?:-th)? \((\d+)\)", PAGE)}
    assert written == {name: float(default) for name, default in own(ReviewConfig).items()}  # pyright: ignore[reportArgumentType]


def test_given_what_comes_along_then_the_page_names_all_of_it() -> None:
    assert {name for name in BUILT_IN if f"`{name}`" not in PAGE and f"## {name}" not in PAGE} == set()
