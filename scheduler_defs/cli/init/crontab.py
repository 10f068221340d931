"""A crontab as declarations."""

from __future__ import annotations

import re
import shlex

from scheduler_defs.cli.init.translation import Translation, named_after, with_environment, without_secrets

_VARIABLE = re.compile(r"""^\s*([A-Za-z_]\w*)\s*=\s*(?:"(.*)"|'(.*)'|(.*?))\s*$""")
_MACROS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_SHELL_TEXT = re.compile(r"[|&;<>()$`\\*?\[\]#~!{}\n]")
_LEFT_OUT = {
    "MAILTO": "who is told of failures is `notify:` and alerts (docs/alerts.md)",
    "MAILFROM": "mail is sent by alerts (docs/alerts.md)",
    "PATH": "commands are found on the PATH of `signalbox up`",
    "SHELL": "lines for a shell run in sh",
    "HOME": "commands start in a folder of their own",
    "LOGNAME": "jobs run as the user of the workers",
}


def read(text: str, name: str, *, with_users: bool = False) -> Translation:
    """`with_users`: a sixth field names a user, as in /etc/crontab and /etc/cron.d."""
    carried = Translation()
    variables: dict[str, str] = {}
    zone: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        place = f"{name}:{number}"
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if (found := _VARIABLE.match(line)) and not line.lstrip().startswith(("@", "*")):
            key, value = found[1], next((each for each in found.groups()[1:] if each is not None), "")
            if key == "CRON_TZ":
                zone = value
            elif key in _LEFT_OUT:
                carried.note(place, f"{key}: {_LEFT_OUT[key]}")
            else:
                variables |= without_secrets(carried, place, {key: value})
            continue
        _line(carried, place, line.strip(), zone, variables, with_users)
    if carried.jobs:
        carried.note(name, "cron starts commands in the home folder; here each run has a folder of its own")
    return carried


def _line(
    carried: Translation, place: str, line: str, zone: str | None, variables: dict[str, str], with_users: bool
) -> None:
    fields = 1 if line.startswith("@") else 5
    words = line.split(None, fields + with_users)
    if len(words) <= fields + with_users:
        carried.note(place, f"not understood: {line[:60]!r}")
        return
    cron, command = " ".join(words[:fields]), words[-1]
    if fields == 1 and cron not in _MACROS:
        carried.note(place, f"{cron}: a schedule is a time, and this is none")
        return
    if with_users and words[fields] != "root":
        carried.note(place, f"user {words[fields]}: jobs run as the user of the workers")
    if re.search(r"(?<!\\)%", command):
        carried.note(place, "an unescaped % gives the command an input; put both into a script")
        return
    argv = _argv(command.replace(r"\%", "%"))
    argv = with_environment(variables, argv)
    # Cron starts the next one whatever the last one does.
    schedule = {"cron": cron, "timezone": zone, "overlap": "allow", "catch_up": "none"}
    carried.add(place, named_after(_words(command)), argv, schedule)


def _argv(command: str) -> list[str]:
    """The words of a plain command; a text for a shell stays one."""
    words = _words(command)
    plain = words and not _SHELL_TEXT.search(command) and "=" not in words[0]
    return words if plain else ["sh", "-c", command]


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []
