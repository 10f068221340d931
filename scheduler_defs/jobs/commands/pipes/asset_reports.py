"""What a command has said through Pipes of the assets that it makes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import dagster as dg


@dataclass
class AssetReports:
    """`own`: the assets that the command makes. Filled in by its Pipes session."""

    own: frozenset[dg.AssetKey] = frozenset()
    materialized: dict[dg.AssetKey, dict[str, Any]] = field(default_factory=dict[dg.AssetKey, dict[str, Any]])
    checks: dict[tuple[dg.AssetKey, str], dg.AssetCheckResult] = field(
        default_factory=dict[tuple[dg.AssetKey, str], dg.AssetCheckResult]
    )

    def take(self, result: dg.MaterializeResult | dg.AssetCheckResult, metadata: dict[str, Any]) -> bool:
        """Keep what was said of an asset of its own; False for any other."""
        key = result.asset_key
        if key is None or key not in self.own:
            return False
        if isinstance(result, dg.MaterializeResult):
            self.materialized[key] = metadata
        else:
            self.checks[key, str(result.check_name)] = dg.AssetCheckResult(
                passed=result.passed,
                asset_key=key,
                check_name=result.check_name,
                severity=result.severity,
                metadata=metadata,
                description=result.description,
            )
        return True
