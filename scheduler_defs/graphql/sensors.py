"""The switches of Dagster's sensors, as the UI sets them."""

from __future__ import annotations

from scheduler_defs.graphql.client import LOCATION, REPOSITORY, GraphQLClient


def stopped_sensors(client: GraphQLClient) -> frozenset[str]:
    """Those that are off although they are declared to be on."""
    answer = client.call("Sensors", location=LOCATION, repository=REPOSITORY)
    return frozenset(
        found["name"]
        for found in answer["results"]
        if found["defaultStatus"] == "RUNNING" and found["sensorState"]["status"] == "STOPPED"
    )


def start_sensor(client: GraphQLClient, name: str) -> None:
    """Switch it on."""
    client.call(
        "StartSensor",
        selector={"repositoryName": REPOSITORY, "repositoryLocationName": LOCATION, "sensorName": name},
    )
