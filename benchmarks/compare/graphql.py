"""The few GraphQL calls that both stacks answer alike."""

from __future__ import annotations

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

LAUNCH = """
mutation Launch($location: String!, $job: String!) {
  launchRun(executionParams: {
    selector: {repositoryLocationName: $location, repositoryName: "__repository__", jobName: $job}
    runConfigData: {}
  }) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
SCHEDULES = """
query Schedules($location: String!) {
  schedulesOrError(repositorySelector: {
    repositoryLocationName: $location, repositoryName: "__repository__"
  }) {
    ... on Schedules { results { cronSchedule scheduleState { status } } }
  }
}
"""
LOCATIONS = """
{ workspaceOrError { ... on Workspace {
  locationEntries { name loadStatus locationOrLoadError { __typename } }
} } }
"""
RELOAD = """
mutation Reload($location: String!) {
  reloadRepositoryLocation(repositoryLocationName: $location) { __typename }
}
"""


class Client:
    """One connection to a webserver. Not for several threads."""

    def __init__(self, url: str, location: str) -> None:
        self._place = urlsplit(url)
        self._location = location
        self._connection = http.client.HTTPConnection(self._place.netloc, timeout=120)

    def ask(self, query: str, **variables: object) -> Any:
        """The `data` of the answer. Raises RuntimeError when it has errors."""
        body = json.dumps({"query": query, "variables": variables})
        self._connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
        answer = json.loads(self._connection.getresponse().read())
        if answer.get("errors"):
            raise RuntimeError(answer["errors"])
        return answer["data"]

    def launch(self, job: str) -> str:
        """Launch a run; returns its id."""
        answer = self.ask(LAUNCH, location=self._location, job=job)["launchRun"]
        if answer["__typename"] != "LaunchRunSuccess":
            raise RuntimeError(answer)
        return answer["run"]["runId"]

    def location_is_loaded(self) -> bool:
        """Whether this client's location can be launched from."""
        entries = self.ask(LOCATIONS)["workspaceOrError"]["locationEntries"]
        return any(
            entry["name"] == self._location
            and entry["loadStatus"] == "LOADED"
            and (entry["locationOrLoadError"] or {}).get("__typename") == "RepositoryLocation"
            for entry in entries
        )

    def schedules_with(self, cron: str) -> int:
        """How many schedules with this cron string are switched on."""
        found = self.ask(SCHEDULES, location=self._location)["schedulesOrError"]
        return sum(
            item["cronSchedule"] == cron and item["scheduleState"]["status"] == "RUNNING"
            for item in found.get("results", ())
        )

    def reload_location(self) -> None:
        self.ask(RELOAD, location=self._location)


def launch_at_once(url: str, location: str, job: str, number: int, threads: int = 8) -> list[str]:
    """Launch so many runs from several threads, as fast as the webserver takes them."""

    def some(count: int) -> list[str]:
        client = Client(url, location)
        return [client.launch(job) for _ in range(count)]

    share = [number // threads + (n < number % threads) for n in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        return [run_id for ids in pool.map(some, share) for run_id in ids]
