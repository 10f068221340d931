"""`signalbox tasks`: add, read and steer the tasks of the agent queues."""

import typer

from scheduler_defs.cli.agents.opening import announcing
from scheduler_defs.cli.tasks import adding as tasks_adding
from scheduler_defs.cli.tasks import editing as tasks_editing
from scheduler_defs.cli.tasks import files as tasks_files
from scheduler_defs.cli.tasks import output as tasks_output
from scheduler_defs.cli.tasks import reading as tasks_reading
from scheduler_defs.cli.tasks import steering as tasks_steering
from scheduler_defs.cli.tasks import syncing as tasks_syncing
from scheduler_defs.cli.tasks import upcoming as tasks_upcoming
from scheduler_defs.cli.tasks import work as tasks_work

app = typer.Typer(help="The agent queues' tasks.")

for _command in (
    announcing(tasks_adding.add_command),
    tasks_reading.list_command,
    tasks_reading.show_command,
    tasks_upcoming.next_command,
    announcing(tasks_editing.set_command),
    tasks_editing.link_command,
    announcing(tasks_editing.stop_command),
    announcing(tasks_editing.delete_command),
    tasks_work.diff_command,
    tasks_output.follow_command,
    tasks_output.logs_command,
    tasks_steering.comment_command,
    announcing(tasks_steering.block_command),
    announcing(tasks_steering.unblock_command),
    announcing(tasks_steering.assign_command),
    announcing(tasks_steering.move_command),
    announcing(tasks_steering.requeue_command),
    announcing(tasks_steering.answer_command),
    announcing(tasks_steering.complete_command),
    announcing(tasks_steering.fail_command),
    announcing(tasks_steering.cancel_command),
    announcing(tasks_files.import_command),
    tasks_files.export_command,
    announcing(tasks_syncing.sync_command),
):
    app.command(_command.__name__.removesuffix("_command"))(_command)
