"""A UI that others reach and that asks nobody who he is has to be meant."""

from __future__ import annotations

import pytest

from scheduler_defs.errors import SignalboxError
from scheduler_defs.stack.machine.exposure import refuse_without_login

pytestmark = pytest.mark.attack


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "no-such-host.invalid"])
def test_beyond_loopback_without_a_login_is_refused_with_what_to_do(host: str) -> None:
    with pytest.raises(SignalboxError, match=rf"^--host {host}: .* --without-login "):
        refuse_without_login(host, login=lambda: False)
    refuse_without_login(host, login=lambda: True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_on_this_machine_alone_nothing_is_asked(host: str) -> None:
    refuse_without_login(host, login=lambda: False)
