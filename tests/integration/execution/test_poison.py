"""Messages that cannot be read end no worker; a worker that no message reaches does not stay."""

from __future__ import annotations

import base64
import json
import uuid

import pytest
from kombu import Connection

from scheduler_defs.execution.worker import celery_app
from tests.integration.execution.worked_yard import Yard


def envelope(body: object) -> str:
    """A message of ours as kombu writes it to Redis, with any body."""
    encoded = base64.b64encode(json.dumps(body).encode()).decode()
    return json.dumps(
        {
            "body": encoded,
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {"task": celery_app.RUN_TASK, "id": str(uuid.uuid4()), "lang": "py"},
            "properties": {
                "correlation_id": str(uuid.uuid4()),
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": "runs"},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid.uuid4()),
            },
        }
    )


@pytest.mark.case("attack-c3-poison")
@pytest.mark.case("attack-c2-dead-worker-beats")
def test_given_messages_that_cannot_be_read_then_they_are_dropped_and_the_worker_works_on(
    worked_yard: Yard, broker_url: str
) -> None:
    worker = worked_yard.start_worker(slots=1)
    with Connection(celery_app.broker_url(broker_url)) as connection:
        if connection.transport.driver_type == "redis":
            for item in (
                "garbage",
                "[]",
                '"text"',
                "{}",
                "\xff",
                envelope("7 chars"),
                envelope([[], {}, {}]),
            ):
                connection.default_channel.client.lpush("runs", item)
        else:
            producer = connection.Producer()
            for body in ("7 chars", [[], {}, {}], [["a", "b", "c"], {}, {}]):
                producer.publish(
                    body,
                    routing_key="runs",
                    serializer="json",
                    headers={"task": celery_app.RUN_TASK, "id": str(uuid.uuid4()), "lang": "py"},
                )
            producer.publish(b"\xff", routing_key="runs", content_type="application/json")

    assert worked_yard.wait(worked_yard.launch("work_job")) == "SUCCESS"
    assert worker.process.poll() is None
    assert worked_yard.wait(worked_yard.launch("work_job")) == "SUCCESS"
