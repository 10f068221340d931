"""What became of a set of declarations when the code location tried to load it, noted for every process."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

from scheduler_defs.atomic import write_atomically

_log = logging.getLogger("signalbox.declarations")

LOADED = "loaded"
"""The file in the copy of a set that says that it has been served."""
_KEPT_REFUSALS = 20
_OWN_CODE = "own-code-faults"
_refused: dict[str, str] = {}
"""By fingerprint, for this process only: where nothing can be written."""


def note_loaded(state_dir: Path, fingerprint: str) -> None:
    """The code location serves this set."""
    _refused.pop(fingerprint, None)
    home = state_dir / "declarations"
    with contextlib.suppress(OSError):
        _refusal_file(home, fingerprint).unlink(missing_ok=True)
        if (copy := home / f"good-{fingerprint[:24]}").is_dir():
            (copy / LOADED).touch()


def note_refused(state_dir: Path, fingerprint: str, reason: str) -> None:
    """The code location cannot load this set: for every process it is now as one with a fault."""
    home = state_dir / "declarations"
    try:
        if not state_dir.is_dir():  # nothing has been started with this state: leave no traces
            _refused[fingerprint] = reason
            return
        home.mkdir(mode=0o700, exist_ok=True)
        write_atomically(_refusal_file(home, fingerprint), reason)
        oldest_first = sorted(home.glob("refused-*"), key=lambda each: each.stat().st_mtime_ns)
        for old in oldest_first[:-_KEPT_REFUSALS]:
            old.unlink(missing_ok=True)
    except OSError as error:
        _refused[fingerprint] = reason
        _log.warning("what was refused cannot be noted in %s: %s", home, error)


def refused(state_dir: Path, fingerprint: str) -> str | None:
    """Why the code location could not load this set; None: it could, or has not tried."""
    if fingerprint in _refused:
        return _refused[fingerprint]
    try:
        return _refusal_file(state_dir / "declarations", fingerprint).read_text(errors="replace")
    except OSError:
        return None


def note_own_code(state_dir: Path, faults: list[str]) -> None:
    """What is wrong with the user's Python that the code location has left out; nothing: all is loaded."""
    home = state_dir / "declarations"
    try:
        if faults and state_dir.is_dir():
            home.mkdir(mode=0o700, exist_ok=True)
            write_atomically(home / _OWN_CODE, "\n".join(faults))
        else:
            (home / _OWN_CODE).unlink(missing_ok=True)
    except OSError as error:
        _log.warning("what is wrong with the Python beside the declarations cannot be noted: %s", error)


def own_code_faults(state_dir: Path) -> list[str]:
    """The same, for every process."""
    try:
        return (state_dir / "declarations" / _OWN_CODE).read_text(errors="replace").splitlines()
    except OSError:
        return []


def _refusal_file(home: Path, fingerprint: str) -> Path:
    return home / f"refused-{fingerprint[:24]}"
