"""The state of the GPUs in words: data for JSON, Markdown for people, numbers for the UI's plots."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from scheduler_defs.jobs.gpu_report.nvml import Device, GpuState
from scheduler_defs.jobs.reports import code, markdown_table


def numbers(state: GpuState) -> dict[str, float]:
    """What is worth plotting over time: totals, and the worst of all devices. Only what is known."""
    found: dict[str, float | None] = {
        "devices": len(state.devices),
        "processes": sum(len(device.processes) for device in state.devices),
        "memory_used_bytes": _total(device.memory_used_bytes for device in state.devices),
        "memory_total_bytes": _total(device.memory_total_bytes for device in state.devices),
        "utilization_percent_max": _most(device.utilization_percent for device in state.devices),
        "temperature_celsius_max": _most(device.temperature_celsius for device in state.devices),
        "power_watts": _total(device.power_watts for device in state.devices),
    }
    return {name: value for name, value in found.items() if value is not None}


def data(state: GpuState) -> dict[str, Any]:
    """The JSON report."""
    return {"summary": numbers(state), **dataclasses.asdict(state)}


def markdown(state: GpuState) -> str:
    """The report for people."""
    if not state.available:
        return f"# GPU report\n\nNo GPU: {state.reason}.\n"
    lines = [
        "# GPU report",
        "",
        f"{len(state.devices)} devices, driver {state.driver or '?'}, CUDA {state.cuda or '?'}.",
        "",
        *markdown_table(
            ("device", "name", "memory", "utilisation %", "temperature °C", "power W", "MIG"),
            [
                (
                    device.index,
                    device.name,
                    _memory(device),
                    device.utilization_percent,
                    device.temperature_celsius,
                    None if device.power_watts is None else round(device.power_watts),
                    None if device.mig is None else ("on" if device.mig else "off"),
                )
                for device in state.devices
            ],
        ),
    ]
    rows = [
        (
            device.index,
            process.pid,
            code(process.name),
            process.user,
            process.kind,
            _gigabytes(process.memory_bytes),
        )
        for device in state.devices
        for process in device.processes
    ]
    if rows:
        lines += ["", "## Processes", ""]
        lines += markdown_table(("device", "pid", "process", "user", "kind", "memory"), rows)
    if state.problems:
        lines += ["", "## Could not be asked", "", *(f"- {problem}" for problem in state.problems)]
    return "\n".join(lines) + "\n"


def _memory(device: Device) -> str | None:
    if device.memory_total_bytes is None:
        return None
    return f"{_gigabytes(device.memory_used_bytes)} of {_gigabytes(device.memory_total_bytes)}"


def _gigabytes(size: int | None) -> str | None:
    return None if size is None else f"{size / 1e9:.1f} GB"


def _total(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
