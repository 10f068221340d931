"""The review of the schedules: which of them nobody may be looking after. It changes nothing."""
