"""GPUs, and that there are none."""

import ctypes
import ctypes.util
import os
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pynvml
import pytest

from scheduler_defs.jobs.builtin import BUILTIN_ASSETS
from scheduler_defs.jobs.gpu_report import report
from scheduler_defs.jobs.gpu_report.nvml import gpu_state
from scheduler_defs.jobs.reports import op_name

HAS_DRIVER = ctypes.util.find_library("nvidia-ml") is not None


class Library:
    """NVIDIA's library on a machine with two devices, the second one being a poor thing."""

    NVMLError = pynvml.NVMLError
    NVML_TEMPERATURE_GPU = pynvml.NVML_TEMPERATURE_GPU
    NVML_ERROR_LIBRARY_NOT_FOUND = pynvml.NVML_ERROR_LIBRARY_NOT_FOUND
    NVML_ERROR_DRIVER_NOT_LOADED = pynvml.NVML_ERROR_DRIVER_NOT_LOADED
    NVML_ERROR_NO_PERMISSION = pynvml.NVML_ERROR_NO_PERMISSION

    def __init__(self, *, count: int = 2, init: int | None = None, lost: int | None = None) -> None:
        self.count, self.init, self.lost = count, init, lost
        self.shut_down = False

    def __getattr__(self, name: str) -> object:
        """Everything that is not defined here is not supported by the device."""

        def unsupported(*arguments: object) -> None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

        if name.startswith("nvml"):
            return unsupported
        raise AttributeError(name)

    def nvmlInit(self) -> None:
        if self.init is not None:
            raise pynvml.NVMLError(self.init)

    def nvmlShutdown(self) -> None:
        self.shut_down = True

    def nvmlSystemGetDriverVersion(self) -> str:
        return "570.1"

    def nvmlSystemGetCudaDriverVersion(self) -> int:
        return 12080

    def nvmlDeviceGetCount(self) -> int:
        return self.count

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if index == self.lost:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return index

    def nvmlDeviceGetName(self, handle: int) -> bytes:
        return b"NVIDIA H200"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> object:
        return SimpleNamespace(total=140_000_000_000, used=35_000_000_000, free=0)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> object:
        if handle == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return SimpleNamespace(gpu=87, memory=40)

    def nvmlDeviceGetTemperature(self, handle: int, sensor: int) -> int:
        return 61 + handle

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        return 312_500

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[object]:
        return [SimpleNamespace(pid=os.getpid(), usedGpuMemory=5_000_000_000)] if handle == 0 else []


def test_devices_are_reported_with_what_they_offer() -> None:
    library = Library()
    state = gpu_state(library)
    assert (state.available, state.driver, state.cuda, len(state.devices)) == (True, "570.1", "12.8", 2)
    first, second = state.devices
    assert (first.name, first.utilization_percent, first.temperature_celsius, first.power_watts) == (
        "NVIDIA H200",
        87,
        61,
        312.5,
    )
    assert (second.utilization_percent, second.mig, second.processes) == (None, None, ())
    (process,) = first.processes
    assert (process.pid, process.kind, process.memory_bytes) == (os.getpid(), "compute", 5_000_000_000)
    assert process.name != "?"
    assert library.shut_down
    assert report.numbers(state) == {
        "devices": 2,
        "processes": 1,
        "memory_used_bytes": 70_000_000_000,
        "memory_total_bytes": 280_000_000_000,
        "utilization_percent_max": 87,
        "temperature_celsius_max": 62,
        "power_watts": 625.0,
    }
    assert "NVIDIA H200" in report.markdown(state)


def test_device_that_fell_off_the_bus_does_not_hide_the_others() -> None:
    state = gpu_state(Library(lost=1))
    assert (len(state.devices), len(state.problems)) == (1, 1)
    assert "device 1" in report.markdown(state)


@pytest.mark.parametrize(
    ("library", "reason"),
    [
        (Library(init=pynvml.NVML_ERROR_LIBRARY_NOT_FOUND), "no NVIDIA driver"),
        (Library(init=pynvml.NVML_ERROR_DRIVER_NOT_LOADED), "not loaded"),
        (Library(init=pynvml.NVML_ERROR_NO_PERMISSION), "no permission"),
        (Library(init=pynvml.NVML_ERROR_UNKNOWN), "does not answer"),
        (Library(count=0), "no device"),
        (Library(count=1, lost=0), "no device could be asked"),
    ],
)
def test_no_gpu_is_a_clear_result(library: Library, reason: str) -> None:
    state = gpu_state(library)
    assert not state.available
    assert state.reason is not None and reason in state.reason
    assert report.markdown(state).startswith("# GPU report\n\nNo GPU: ")
    assert report.numbers(state)["devices"] == 0


@pytest.mark.skipif(HAS_DRIVER, reason="this machine has an NVIDIA driver")
def test_machine_without_driver_has_a_report_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_STATE", str(tmp_path))
    asset = next(asset for asset in BUILTIN_ASSETS if asset.key.to_user_string() == "gpu_report")
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([asset], instance=instance)
    assert result.success
    assert result.asset_materializations_for_node(op_name("gpu_report"))[0].metadata["devices"].value == 0
    assert "no NVIDIA driver" in (tmp_path / "artifacts" / result.run_id / "gpu_report.md").read_text()


@pytest.mark.skipif(not HAS_DRIVER, reason="needs an NVIDIA driver")
def test_machine_with_driver_is_asked() -> None:
    state = gpu_state(pynvml)
    assert state.driver
    for device in state.devices:
        assert device.memory_total_bytes is None or device.memory_total_bytes > 0
