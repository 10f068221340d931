"""The Dagster side of `gpu_report`: its config, its asset, its metadata."""

import dagster as dg

from scheduler_defs.jobs.report_asset import ReportConfig, builtin_report, report_result


class GpuReportConfig(ReportConfig):
    """There is nothing to choose: all devices are reported."""


@builtin_report(
    "gpu_report", GpuReportConfig, description="NVIDIA devices: memory, utilisation, temperature, processes."
)
def gpu_report(context: dg.AssetExecutionContext, config: GpuReportConfig) -> dg.MaterializeResult:
    """Ask the driver and report. A machine without GPU or driver has a report that says so."""
    import pynvml

    from scheduler_defs.jobs.gpu_report import report
    from scheduler_defs.jobs.gpu_report.nvml import gpu_state

    state = gpu_state(pynvml)
    context.log.info("%d devices%s", len(state.devices), f": {state.reason}" if state.reason else "")
    return report_result(
        context, config, "gpu_report", report.data(state), report.markdown(state), report.numbers(state)
    )
