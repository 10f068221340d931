"""ruamel.yaml as edits need it: comments, order and quotes stay; what is new is written as people write."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from scheduler_defs.errors import SignalboxError

STEP = 2


def commented(value: Any) -> Any:
    """Mappings inside an entry on one line, as people write them."""
    if isinstance(value, Mapping):
        made = CommentedMap()
        for key, each in cast("Mapping[str, Any]", value).items():
            inner = commented(each)
            made[key] = on_one_line(inner) if isinstance(inner, CommentedMap) else inner
        return made
    if isinstance(value, list):
        return on_one_line(CommentedSeq([commented(each) for each in cast("list[Any]", value)]))
    return value


def _engine(text: str, step: int = STEP) -> YAML:
    engine = YAML(typ="rt")
    engine.preserve_quotes = True
    engine.width = 100_000
    engine.allow_duplicate_keys = False
    # Lists are either flush with their key or deeper, as in the text at hand.
    deeper = re.search(r"^( *)[^\s#-][^\n]*:[ ]*\n\1( +)- ", text, re.MULTILINE)
    offset = len(deeper[2]) if deeper else 0
    engine.indent(mapping=step, sequence=STEP + offset, offset=offset)
    return engine


def load(text: str) -> Any:
    """The document with its comments. Raises YAMLError."""
    return _engine(text).load(text)  # pyright: ignore[reportUnknownMemberType]


def on_one_line(collection: Any) -> Any:
    """The same mapping or list, written as `{..}` or `[..]`."""
    collection.fa.set_flow_style()
    return collection


def dump(document: Any, like: str = "", step: int = STEP) -> str:
    """The document's text. Lists are laid out as in `like`, mappings indented by `step`."""
    out = io.StringIO()
    _engine(like, step).dump(document, out)  # pyright: ignore[reportUnknownMemberType]
    return out.getvalue()


def rewritten(text: str, change: Callable[[Any], None]) -> str:
    """The whole file after `change` of its document. Raises SignalboxError when it cannot be read."""
    try:
        document = load(text)
    except YAMLError as error:
        raise SignalboxError(f"the file cannot be edited: {str(error).splitlines()[0]}") from error
    change(document)
    lead = re.match(r"(?:[ \t]*\n)*", text)
    return (lead[0] if lead else "") + dump(document, text).lstrip("\n")
