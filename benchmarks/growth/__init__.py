"""What each part costs against how much of it there is: measured by `benchmarks.scale`."""
