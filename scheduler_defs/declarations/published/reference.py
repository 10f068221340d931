"""The tables of docs/reference/declarations.md, made from the JSON Schemas."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, cast

from scheduler_defs.declarations.published.schemas import schemas
from scheduler_defs.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "reference" / "declarations.md"
# <!-- keys: schedules ScheduleEntry, without ScheduleDefaults --> table <!-- end -->
_BLOCK = re.compile(
    r"(<!-- keys: (?P<file>\w+) (?P<entry>\w+)(?:, without (?P<without>\w+))? -->\n).*?(<!-- end -->)",
    re.DOTALL,
)
_DURATION = "a duration"


def filled(page: str) -> str:
    """The page with each table made anew."""
    made = schemas()

    def table(block: re.Match[str]) -> str:
        definitions = made[f"{block['file']}.json"]["definitions"]
        without: Collection[str] = ()
        if block["without"]:
            without = cast("dict[str, Any]", definitions[block["without"]]["properties"])
        return f"{block[1]}{_table(definitions[block['entry']], without)}{block[5]}"

    return _BLOCK.sub(table, page)


def write(path: Path = PAGE) -> None:
    """Make the page's tables anew."""
    path.write_text(filled(path.read_text()))


def _table(entry: Mapping[str, Any], without: Collection[str]) -> str:
    required = set(cast("list[str]", entry.get("required", [])))
    rows = ["| key | takes | default | meaning |", "|---|---|---|---|"]
    for key, schema in cast("dict[str, dict[str, Any]]", entry["properties"]).items():
        if key in without:
            continue
        default = "**needed**" if key in required else _default(schema)
        text = str(schema.get("description", "")).replace("|", "\\|").replace("\n", " ")
        rows.append(f"| `{key}` | {_takes(schema)} | {default} | {text} |")
    return "\n".join(rows) + "\n"


def _default(schema: Mapping[str, Any]) -> str:
    default = schema.get("default")
    if default is None or default == {}:
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _takes(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        words = cast("list[Any]", schema["enum"])
        if True in words and False in words:
            return (
                "true, false"
                if all(word in (True, False, "yes", "no", "on", "off") for word in words)
                else "…"
            )
        return ", ".join(f"`{word}`" for word in words)
    if "$ref" in schema:
        return _named(str(schema["$ref"]))
    if "anyOf" in schema:
        parts = [each for each in cast("list[dict[str, Any]]", schema["anyOf"]) if each.get("type") != "null"]
        if any(each.get("const") == 0 for each in parts):
            return _DURATION
        if len(parts) == 2 and parts[1].get("type") == "array":
            return f"{_takes(parts[0])}, or a list"
        return ", or ".join(dict.fromkeys(_takes(each) for each in parts))
    match schema.get("type"):
        case "array":
            return f"a list of {_plural(_takes(schema.get('items', {})))}"
        case "object":
            inner = schema.get("additionalProperties")
            if isinstance(inner, dict) and "$ref" in inner:
                return f"a mapping of names to {_takes(cast('dict[str, Any]', inner))}"
            return "a mapping"
        case "integer":
            return "a whole number" + _bounds(schema)
        case "number":
            return "a number"
        case "boolean":
            return "true, false"
        case "string":
            examples = cast("list[str]", schema.get("examples", []))
            return f"text such as `{examples[0]}`" if examples else "text"
        case list():
            return "a value" if len(cast("list[str]", schema["type"])) > 2 else "a mapping"
        case _:
            return "a value"


def _named(reference: str) -> str:
    name = reference.rsplit("/", 1)[-1].removesuffix("Entry")
    return f"[{name.lower()}](#{name.lower()})"


def _bounds(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None and high < 100_000:
        return f", {low} to {high}"
    return f", at least {low}" if low is not None and low > -100_000 else ""


def _plural(text: str) -> str:
    return {"text": "texts", "a value": "values", "a mapping": "mappings"}.get(text, text)


if __name__ == "__main__":
    write()
