"""Working hours by the wall clock of a zone."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler_defs.timing import Window, any_open
from tests.unit.timing.strategies import ZONES, instants


def open_at(text: str, instant: str, place: str = "UTC") -> bool:
    return Window.parse(text, place).contains(datetime.fromisoformat(instant))


@pytest.mark.parametrize(
    ("text", "instant", "is_open"),
    [
        ("mon-fri 09:00-17:00", "2026-01-05T09:00+00:00", True),
        ("mon-fri 09:00-17:00", "2026-01-05T16:59+00:00", True),
        ("mon-fri 09:00-17:00", "2026-01-05T17:00+00:00", False),
        ("mon-fri 09:00-17:00", "2026-01-04T12:00+00:00", False),
        ("fri-mon 09:00-17:00", "2026-01-04T12:00+00:00", True),
        ("sat,sun 00:00-24:00", "2026-01-04T23:59+00:00", True),
        ("09:00-17:00", "2026-01-04T12:00+00:00", True),
        ("fri 22:00-06:00", "2026-01-02T23:00+00:00", True),
        ("fri 22:00-06:00", "2026-01-03T05:59+00:00", True),
        ("fri 22:00-06:00", "2026-01-03T23:00+00:00", False),
        ("fri 22:00-06:00", "2026-01-02T05:00+00:00", False),
    ],
)
def test_given_working_hours_then_they_are_open_from_and_until(
    text: str, instant: str, is_open: bool
) -> None:
    assert open_at(text, instant) is is_open


def test_given_a_zone_then_its_clock_counts() -> None:
    assert open_at("mon-fri 09:00-17:00", "2026-01-05T22:30+00:00", "America/Chicago")
    assert not open_at("mon-fri 09:00-17:00", "2026-01-05T09:00+00:00", "America/Chicago")


@settings(max_examples=100, deadline=None)
@given(
    st.data(),
    st.sampled_from(ZONES),
    st.sampled_from(
        ["mon-fri 09:00-17:00", "sun 02:30-03:30", "22:00-06:00", "sat 01:15-01:45", "wed 00:00-24:00"]
    ),
)
def test_given_a_closed_window_then_it_opens_next_at_the_first_open_instant(
    data: st.DataObject, place: str, text: str
) -> None:
    window = Window.parse(text, place)
    asked = data.draw(instants(place))
    opens = window.next_open(asked)
    assert opens >= asked
    if window.contains(asked):
        assert opens == asked
    elif window.contains(opens):
        assert not window.contains(opens - timedelta(minutes=1)) or opens == asked
    # a window inside a gap opens when the gap ends, and may be over by then
    assert opens - asked <= timedelta(days=8)


def test_given_windows_then_any_open_one_counts_and_none_given_means_always() -> None:
    noon = datetime.fromisoformat("2026-01-05T12:00+00:00")
    windows = (Window.parse("sat 09:00-17:00"), Window.parse("mon 09:00-17:00"))
    assert any_open((), noon)
    assert any_open(windows, noon)
    assert not any_open(windows[:1], noon)


@pytest.mark.parametrize("text", ["mon-fri 09:00-17:00", "22:00-06:00", "sat,sun 10:00-00:00"])
def test_given_a_window_then_its_text_reads_back(text: str) -> None:
    assert Window.parse(str(Window.parse(text))) == Window.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("always", "write it as mon-fri 09:00-17:00"),
        ("mon-fry 09:00-17:00", "'mon-fry' is not a day"),
        ("mon 09:00-25:00", "25:00 is not a time of day"),
        ("mon 9-17", "is not understood"),
    ],
)
def test_given_no_window_then_the_error_says_how_to_write_one(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Window.parse(text)
