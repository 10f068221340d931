"""Rows come in the order of their numbers, and none is passed over."""

from hypothesis import given
from hypothesis import strategies as st

from scheduler_defs.web.events.streams import number, numbers
from scheduler_defs.web.events.watermark import GAP_SECONDS, Watermark


def test_given_rows_in_order_then_the_mark_follows_at_once() -> None:
    mark = Watermark(10)
    assert mark.advance([11, 12], 0.0) == 12
    assert mark.advance([], 1.0) == 12


def test_given_a_number_that_is_late_then_what_is_behind_it_waits() -> None:
    mark = Watermark(0)
    assert mark.advance([1, 3], 0.0) == 1
    assert mark.advance([3], 0.5) == 1
    assert mark.advance([2, 3], 0.6) == 3


def test_given_a_number_that_never_comes_then_the_mark_goes_on() -> None:
    mark = Watermark(0)
    assert mark.advance([2, 4], 0.0) == 0
    assert mark.advance([2, 4], GAP_SECONDS) == 2
    assert mark.advance([4], GAP_SECONDS + 0.1) == 2
    assert mark.advance([4], 2 * GAP_SECONDS + 0.2) == 4


@given(st.permutations(list(range(1, 12))))
def test_given_rows_in_any_order_within_the_gap_then_none_is_passed_over(order: list[int]) -> None:
    mark, visible = Watermark(0), set[int]()
    for step, row in enumerate(order):
        visible.add(row)
        at = mark.advance(visible, step * 0.1)
        assert set(range(1, at + 1)) <= visible
    assert mark.at == 11


def test_what_a_browser_sends_as_its_last_id_is_read_or_ignored() -> None:
    assert (number("12"), number("x"), number(""), number(None), number("9" * 30)) == (12, *[None] * 4)
    assert numbers("12.7") == (12, 7)
    assert [numbers(text) for text in ("12", "12.", ".7", "a.b", None)] == [None] * 5
