"""docs/api.md, docs/mcp.md and docs/audit.md: every route, every tool, every door and problem, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scheduler_defs.audit.entries import HASH_KEYS, Channel
from scheduler_defs.settings import PROJECT_ROOT
from scheduler_defs.web.mcp.tools import TOOLS, Effect
from scheduler_defs.web.rest.app import build

DOCS = PROJECT_ROOT / "docs"
API, MCP, AUDIT = ((DOCS / name).read_text(encoding="utf-8") for name in ("api.md", "mcp.md", "audit.md"))


VERBS = ("GET", "POST", "PATCH", "DELETE")


def written(row: str) -> Iterator[str]:
    """The routes of a row: `GET /a/{b}/c`, then `…/d` for one that ends otherwise."""
    verb = base = ""
    for code in re.findall(r"`([^`]+)`", row.split("|")[1]):
        if code.startswith("…"):
            yield f"{verb} {plain(base.rpartition('/')[0] + code.removeprefix('…'))}"
        else:
            verb, _, base = code.partition("?")[0].partition(" ")
            yield f"{verb} {plain(base)}"


def plain(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_given_the_api_then_the_page_has_each_route_and_no_other() -> None:
    ours = {
        f"{method.upper()} {plain(path)}"
        for path, methods in build(lambda *_: {}).openapi()["paths"].items()
        for method in methods
    }
    rows = [line for line in API.splitlines() if line.startswith(tuple(f"| `{verb} /" for verb in VERBS))]
    assert {route for row in rows for route in written(row)} == ours


def test_given_the_tools_then_the_page_has_each_and_says_which_end_something() -> None:
    rows = re.findall(r"^\| (?:look|act|work) \|.*$", MCP, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(TOOLS)
    (ending,) = re.findall(r"those that end something \(([^)]*)\)", MCP)
    assert set(re.findall(r"`(\w+)`", ending)) == {
        tool.name for tool in TOOLS.values() if tool.effect is Effect.END
    }


def test_given_the_audit_then_its_page_has_each_door_key_and_problem() -> None:
    (doors,) = re.findall(r"through which door \(([^)]*)\)", AUDIT)
    assert set(re.findall(r"`(\w+)`", doors)) == {each.value for each in Channel}
    (keys,) = re.findall(r"their key says that they are some \(([^)]*)\)", AUDIT)
    assert set(re.findall(r"`(\w+)`", keys)) == set(HASH_KEYS)
    sources = (path.read_text() for path in (PROJECT_ROOT / "scheduler_defs" / "audit").glob("*.py"))
    problems = set(re.findall(r'Problem\(\s*[^"]*?, "([a-z_]+)"', " ".join(sources)))
    assert len(problems) > 10
    assert {each for each in problems if f"`{each}`" not in AUDIT} == set()
