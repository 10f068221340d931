"""Names of declarations, and the names that Dagster knows them by."""

from __future__ import annotations

import keyword
import re

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
# One address as a header and every SMTP server take it: ASCII (a domain beyond it is written as xn--...), and
# nothing that ends a header, a list or the address itself.
MAIL_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
PARAM_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

# What `dagster._core.definitions.utils` refuses as a name; compared in a contract test.
RESERVED = frozenset(
    [
        "context",
        "conf",
        "config",
        "meta",
        "arg_dict",
        "dict",
        "input_arg_dict",
        "output_arg_dict",
        "int",
        "str",
        "float",
        "bool",
        "input",
        "output",
        "type",
    ]
) | frozenset(keyword.kwlist)


def dagster_name(name: str) -> str:
    """The name in Dagster, which allows letters, digits and `_` only: `a-b.c` -> `a_b_c`."""
    return name.replace("-", "_").replace(".", "_")


def name_fault(name: str) -> str | None:
    """What is wrong with the name of a declaration, and what is allowed; None for a good one."""
    if NAME.fullmatch(name) is None:
        return (
            f"bad name {name[:80]!r}; allowed are 1 to 128 letters, digits, '_', '-' and '.', "
            "beginning with a letter, a digit or '_'"
        )
    if dagster_name(name) in RESERVED:
        return f"the name {name!r} is reserved by Dagster; choose another"
    return None


def sensor_name(queue: str) -> str:
    """Of the sensor that gives out a queue's tasks."""
    return f"agent_queue_{dagster_name(queue)}"
