"""A client that knows of the API what its OpenAPI document says, and nothing else."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import jsonschema


class DescribedApi:
    """Sends what the document allows, and holds each answer against it. Raises AssertionError otherwise."""

    def __init__(self, http: httpx.Client, document: dict[str, Any]) -> None:
        self._http = http
        self.document = document
        self.base = document["servers"][0]["url"]

    def call(self, operation: str, body: Any = None, **parameters: Any) -> Any:
        """`operation` is method and path as the document has them. The answer's JSON."""
        method, _, path = operation.partition(" ")
        described = self.document["paths"][path][method.lower()]
        known = {each["name"]: each for each in described.get("parameters", ())}
        assert set(parameters) <= set(known), f"{operation} takes {sorted(known)}"
        query: dict[str, Any] = {}
        for name, each in known.items():
            if name not in parameters:
                assert not each.get("required"), f"{operation} needs {name}"
                continue
            self._fits(parameters[name], each["schema"])
            if each["in"] == "path":
                path = path.replace(f"{{{name}}}", quote(str(parameters[name]), safe=""))
            else:
                query[name] = parameters[name]
        if body is not None:
            self._fits(body, described["requestBody"]["content"]["application/json"]["schema"])
        answer = self._http.request(method, self.base + path, params=query, json=body)
        return self.checked(operation, answer)

    def checked(self, operation: str, answer: httpx.Response) -> Any:
        """The answer's JSON, if its status, type and content are as described."""
        method, _, path = operation.partition(" ")
        responses = self.document["paths"][path][method.lower()]["responses"]
        found = responses[str(answer.status_code)]
        if "$ref" in found:
            found = self.document["components"]["responses"][found["$ref"].rpartition("/")[2]]
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind in found["content"], f"{operation}: {answer.status_code} {kind}: {answer.text[:500]}"
        value = answer.json()
        self._fits(value, found["content"][kind]["schema"])
        return value

    def _fits(self, value: Any, schema: dict[str, Any]) -> None:
        jsonschema.validate(value, {**schema, "components": self.document["components"]})
