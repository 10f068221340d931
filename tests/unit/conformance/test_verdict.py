"""What stock passes ours passes, or it stands in the list with its reason; anything else is named."""

from tests.conformance.verdict import judge, table

STOCK = {"a": "passed", "b": "passed", "c": "failed", "d": "skipped"}


def test_what_stock_does_not_pass_is_not_asked_of_ours() -> None:
    verdict = judge("storages", STOCK, {"a": "passed", "b": "passed"}, {})
    assert (verdict.stock_passed, verdict.ours_passed, verdict.problems) == (2, 2, ())


def test_a_failure_a_skip_and_a_test_that_did_not_run_are_named() -> None:
    for outcome in ("failed", "skipped"):
        verdict = judge("storages", STOCK, {"a": "passed", "b": outcome}, {})
        assert verdict.problems == (f"storages: b: stock passes, ours {outcome}",)
    assert judge("storages", STOCK, {"a": "passed"}, {}).problems == (
        "storages: b: stock passes, ours not run",
    )


def test_a_deviation_has_its_reason_and_only_as_long_as_it_is_one() -> None:
    assert not judge("s", STOCK, {"a": "passed", "b": "failed"}, {"b": "why"}).problems
    assert judge("s", STOCK, {"a": "passed", "b": "passed"}, {"b": "why"}).problems == (
        "s: b: listed as a deviation, and ours passes",
    )
    assert judge("s", STOCK, {"a": "passed", "b": "passed"}, {"c": "why"}).problems == (
        "s: c: listed as a deviation, and stock does not pass it",
    )


def test_a_suite_that_does_not_run_is_no_success() -> None:
    assert judge("s", {}, {}, {}).problems == ("s: stock passed nothing: the suite itself does not run",)


def test_a_deviation_of_a_test_is_one_of_all_its_variants() -> None:
    stock = {"t[1]": "passed", "t[2]": "passed", "other": "passed"}
    verdict = judge("s", stock, {"t[1]": "passed", "t[2]": "failed", "other": "passed"}, {"t": "why"})
    assert (verdict.problems, verdict.deviations) == ((), 1)
    assert judge("s", stock, dict(stock), {"t": "why"}).problems == (
        "s: t: listed as a deviation, and ours passes",
    )


def test_the_table_has_a_line_for_each_suite() -> None:
    lines = table({"s": "what it is about"}, [judge("s", STOCK, {"a": "passed"}, {"b": "why"})]).splitlines()
    assert lines[-1] == "| s: what it is about | 2 | 1 | 1 |"
