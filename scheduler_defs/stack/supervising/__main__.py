"""`python -m scheduler_defs.stack.supervising OPTIONS`: the supervisor of `up --detach`; its options as JSON.

Not the command itself, which has imported Typer, and with it pydantic: this lives as long as the stack.
"""

from __future__ import annotations

import json
import sys

from scheduler_defs.errors import SignalboxError
from scheduler_defs.settings import settings
from scheduler_defs.stack.components.plan import Options
from scheduler_defs.stack.supervising import running


def main() -> None:
    """Run the stack until told to stop; say to the starter why it does not start."""
    given = json.loads(sys.argv[1])
    queues = given.pop("queues")
    options = Options(**given, queues=None if queues is None else tuple(queues))
    announcement = running.Announcement.from_environment()
    try:
        running.run(settings(), options, announcement)
    except SignalboxError as error:
        announcement.say(str(error))
        sys.exit(f"signalbox: {error}")


if __name__ == "__main__":
    main()
