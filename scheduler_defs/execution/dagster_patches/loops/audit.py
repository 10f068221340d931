"""The daemon's thread that seals the audit and signs where it stands."""

from __future__ import annotations

import datetime as dt
import logging
import threading

from scheduler_defs import database
from scheduler_defs.audit import checkpoints
from scheduler_defs.audit.sealing import seal
from scheduler_defs.audit.signing import signing_key
from scheduler_defs.settings import settings

logger = logging.getLogger(__name__)

SEAL_SECONDS = 10.0
CHECKPOINT_SECONDS = 3600.0

_started = threading.Lock()


def install() -> None:
    """Begin, once per process. The thread ends with the daemon; what it leaves is sealed by the next one."""
    if _started.acquire(blocking=False):
        threading.Thread(target=_run, name="audit-sealer", daemon=True).start()


def _run() -> None:
    pause = threading.Event()
    rounds = round(CHECKPOINT_SECONDS / SEAL_SECONDS)
    done = 0
    while not pause.wait(SEAL_SECONDS):
        try:
            engine = database.engine()
            seal(engine)
            done += 1
            if done % rounds == 1:
                folder = settings().state / "audit"
                with engine.connect() as connection:
                    made = checkpoints.make(connection, signing_key(folder), dt.datetime.now(dt.UTC))
                if made is not None:
                    checkpoints.write(folder / "checkpoints", made)
        except Exception as error:
            # The database may be away: entries wait, and are sealed when it is back.
            logger.warning("the audit is not sealed now: %s", str(error).partition("\n")[0])
