"""What all resources share: values from the launchpad are values, and never read the environment.

Dagster lets every text of a resource's config be `{env: NAME}`. From whoever may launch a run that would be
any variable of the worker, database addresses included; and a variable's name together with an address of
their own would send it there. So variables are named in `config/` (`resources:`) and in code, nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast

import dagster as dg
from pydantic import PrivateAttr
from typing_extensions import override

from scheduler_defs.errors import NotReachableError, SignalboxError


class YardResource(dg.ConfigurableResource[Any]):
    """A resource of this program. Cheap to make: what it opens, it opens when first used."""

    _moved: bool = PrivateAttr(default=False)

    @override
    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Refuse launches that name variables. Raises SignalboxError."""
        run = context.run
        launched = cast(
            "Mapping[str, Any]", (run.run_config if run is not None else {}).get("resources") or {}
        )
        for name, given in launched.items():
            values = cast("Mapping[str, Any]", (given or {}).get("config") or {})
            for key, value in values.items():
                if key.endswith("_env") or (isinstance(value, Mapping) and "env" in value):
                    raise SignalboxError(
                        f"resources.{name}.config.{key}: a launch takes values only; variables are named in"
                        " config/ under resources:"
                    )
            self._moved = self._moved or "base_url" in values

    def secret(self, variable: str) -> str:
        """What the variable holds. Raises NotReachableError, which names the variable only."""
        found = os.environ.get(variable, "").strip()
        if not found:
            raise NotReachableError(f"the variable {variable} is not set")
        return found

    def bearer(self, variable: str) -> dict[str, str]:
        """The header with the variable's token; none for an address that the launch has chosen."""
        return {} if self._moved or not variable else {"Authorization": f"Bearer {self.secret(variable)}"}
