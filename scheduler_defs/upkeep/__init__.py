"""Looking after itself: the doctor's checks, the numbers for Prometheus, retention."""
