"""This stack against stock Dagster, on one machine, with the same work.

Stock is Dagster as its documentation sets it up for Celery: Postgres storage, `celery_executor`, Redis
protocol as broker and result backend, one worker with as many processes as ours has slots.
"""
