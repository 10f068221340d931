"""Where Dagster keeps what it keeps on disk: under the state folder, unless told otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import dagster as dg
from dagster._core.storage.root import LocalArtifactStorage
from dagster._serdes import ConfigurableClassData
from typing_extensions import override

from scheduler_defs.settings import settings


class SignalboxArtifactStorage(LocalArtifactStorage):
    """Dagster's own folder for outputs passed between steps: `<state>/dagster`."""

    def __init__(self, base_dir: str | None = None, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir or str(settings().state / "dagster"), inst_data)

    @classmethod
    @override
    def config_type(cls) -> dict[str, Any]:
        return {"base_dir": dg.Field(dg.StringSource, is_required=False)}

    @classmethod
    @override
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        return cls(inst_data=inst_data, **config_value)
