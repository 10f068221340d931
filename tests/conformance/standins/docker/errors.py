"""For dagster-celery's conftest: its images are for tests that are not run here."""
