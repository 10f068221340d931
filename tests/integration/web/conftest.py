"""A browser, and a yard with a past for it to look at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import fresh_database
from tests.integration.web.browser import CHROMIUM, Browser, browsing
from tests.standins.filled_yard import FilledYard, filled_yard


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Skips where there is no Chromium."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with browsing(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def yard(
    postgres_server: str, dagster_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FilledYard]:
    """One for the tests of a file."""
    with (
        pytest.MonkeyPatch.context() as patch,
        fresh_database(postgres_server, dagster_template) as url,
        filled_yard(tmp_path_factory.mktemp("yard"), url, patch) as started,
    ):
        yield started
