"""Asking NVIDIA's management library what the devices do.

A value that a device does not offer (virtual GPUs, MIG, old drivers) is None; everything else is still
reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True)
class GpuProcess:
    """A process on a device. `memory_bytes` is None where the driver does not tell (containers, Windows)."""

    pid: int
    name: str
    user: str | None
    kind: str
    """compute or graphics."""
    memory_bytes: int | None


@dataclass(frozen=True)
class Device:
    """One GPU at one moment. Percentages are 0 to 100, temperature is in degrees Celsius, power in watts."""

    index: int
    name: str | None
    uuid: str | None
    memory_total_bytes: int | None
    memory_used_bytes: int | None
    utilization_percent: int | None
    memory_utilization_percent: int | None
    temperature_celsius: int | None
    power_watts: float | None
    power_limit_watts: float | None
    mig: bool | None
    processes: tuple[GpuProcess, ...] = ()


@dataclass(frozen=True)
class GpuState:
    """What was found. Without devices `reason` says why there are none."""

    available: bool
    reason: str | None
    driver: str | None = None
    cuda: str | None = None
    devices: tuple[Device, ...] = ()
    problems: tuple[str, ...] = field(default=())


def gpu_state(library: ModuleType | Any) -> GpuState:
    """Ask through `library`: the module `pynvml`. Raises nothing of NVML's."""
    try:
        library.nvmlInit()
    except library.NVMLError as error:
        return GpuState(available=False, reason=_why_not(library, error))
    try:
        return _devices(library)
    finally:
        _maybe(library, library.nvmlShutdown)


def _devices(library: Any) -> GpuState:
    driver = _text(_maybe(library, library.nvmlSystemGetDriverVersion))
    cuda_number = _maybe(library, library.nvmlSystemGetCudaDriverVersion)
    cuda = f"{cuda_number // 1000}.{cuda_number % 1000 // 10}" if cuda_number else None
    count = _maybe(library, library.nvmlDeviceGetCount) or 0
    if not count:
        return GpuState(available=False, reason="driver found, but no device", driver=driver, cuda=cuda)
    devices: list[Device] = []
    problems: list[str] = []
    for index in range(count):
        try:
            devices.append(_device(library, index, library.nvmlDeviceGetHandleByIndex(index)))
        except library.NVMLError as error:
            problems.append(f"device {index}: {error}")
    return GpuState(
        available=bool(devices),
        reason=None if devices else "no device could be asked",
        driver=driver,
        cuda=cuda,
        devices=tuple(devices),
        problems=tuple(problems),
    )


def _device(library: Any, index: int, handle: Any) -> Device:
    def ask(function: Callable[..., Value], *arguments: Any) -> Value | None:
        return _maybe(library, function, handle, *arguments)

    memory = ask(library.nvmlDeviceGetMemoryInfo)
    use = ask(library.nvmlDeviceGetUtilizationRates)
    power = ask(library.nvmlDeviceGetPowerUsage)
    limit = ask(library.nvmlDeviceGetEnforcedPowerLimit)
    mig = ask(library.nvmlDeviceGetMigMode)
    return Device(
        index=index,
        name=_text(ask(library.nvmlDeviceGetName)),
        uuid=_text(ask(library.nvmlDeviceGetUUID)),
        memory_total_bytes=memory.total if memory else None,
        memory_used_bytes=memory.used if memory else None,
        utilization_percent=use.gpu if use else None,
        memory_utilization_percent=use.memory if use else None,
        temperature_celsius=ask(library.nvmlDeviceGetTemperature, library.NVML_TEMPERATURE_GPU),
        power_watts=power / 1000 if power is not None else None,
        power_limit_watts=limit / 1000 if limit is not None else None,
        mig=bool(mig[0]) if mig else None,
        processes=(
            *_processes(ask(library.nvmlDeviceGetComputeRunningProcesses), "compute"),
            *_processes(ask(library.nvmlDeviceGetGraphicsRunningProcesses), "graphics"),
        ),
    )


def _processes(listed: Any, kind: str) -> list[GpuProcess]:
    found: list[GpuProcess] = []
    for item in listed or ():
        name, user = _owner(item.pid)
        found.append(GpuProcess(item.pid, name, user, kind, item.usedGpuMemory))
    return found


def _owner(pid: int) -> tuple[str, str | None]:
    """What the process is called, and whose it is; NVML's own name would show its arguments."""
    import psutil

    from scheduler_defs.jobs.service_map.snapshot import service_name

    try:
        process = psutil.Process(pid)
        return service_name(process.name(), process.cmdline()), process.username()
    except (psutil.Error, OSError, KeyError):
        return "?", None


def _maybe(library: Any, function: Callable[..., Value], *arguments: Any) -> Value | None:
    """The answer, or None when this device or driver does not give it."""
    try:
        return function(*arguments)
    except library.NVMLError:
        return None


def _text(value: bytes | str | None) -> str | None:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _why_not(library: Any, error: Exception) -> str:
    code = getattr(error, "value", None)
    if code == library.NVML_ERROR_LIBRARY_NOT_FOUND:
        return "no NVIDIA driver (its library libnvidia-ml is not installed)"
    if code == library.NVML_ERROR_DRIVER_NOT_LOADED:
        return "the NVIDIA driver is installed but not loaded"
    if code == library.NVML_ERROR_NO_PERMISSION:
        return "no permission to ask the NVIDIA driver"
    return f"the NVIDIA driver does not answer: {error}"
