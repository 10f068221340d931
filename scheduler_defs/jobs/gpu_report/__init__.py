"""Job `gpu_report`: NVIDIA devices, their memory, utilisation, temperature and processes.

`nvml` asks the driver, `report` puts it into words, `asset` is what Dagster runs. No GPU and no driver are
results."""
