"""The Dagster code location.

Importing this reads `config/` and does no other I/O: it loads with the database and the broker down. What is
served are the files, when they have no faults and Dagster takes them; otherwise the last good set.
"""

from __future__ import annotations

import logging

import dagster as dg

from resources import declared_resources
from scheduler_defs.assembly import NotLoadableError, build, loadable
from scheduler_defs.declarations.models.declared import Declarations
from scheduler_defs.declarations.outcomes import note_loaded, note_own_code, note_refused
from scheduler_defs.declarations.reading.own_code import own_code
from scheduler_defs.declarations.serving import Serving, current
from scheduler_defs.jobs.own_code import load
from scheduler_defs.settings import settings

_log = logging.getLogger("signalbox.definitions")


_MOST_TRIES = 5
"""Of sets: the files, and what has been kept of earlier ones."""


def serve() -> dg.Definitions:
    """What can be loaded of what is declared. Never raises for what the files say.

    The files are tried anew each time, also when they have been refused before: code may have changed.
    """
    place = settings()
    own = load(own_code(place.config))
    for attempt in range(_MOST_TRIES):
        found = current(place.config, place.state, retry_refused=attempt == 0)
        fingerprint = found.declarations.fingerprint
        try:
            definitions = loadable(found.declarations, own, resources=declared_resources(found.declarations))
        except NotLoadableError as error:
            _log.error("declarations %s cannot be loaded: %s", fingerprint[:12] or "without files", error)
            note_refused(place.state, fingerprint, str(error))
            continue
        note_own_code(place.state, [str(fault) for fault in own.faults])
        if found.serving is Serving.FILES:
            note_loaded(place.state, fingerprint)
        return definitions
    return build(Declarations(), resources=declared_resources(Declarations()))


defs = serve()
