"""`signalbox tasks`: add, read and steer the tasks of the agent queues."""

import typer

from scheduler_defs.cli import tasks_adding, tasks_files, tasks_reading, tasks_steering
from scheduler_defs.cli.queues_opened import announced

app = typer.Typer(help="The agent queues' tasks.")

for _command in (
    announced(tasks_adding.add_command),
    tasks_reading.list_command,
    tasks_reading.show_command,
    tasks_steering.comment_command,
    announced(tasks_steering.block_command),
    announced(tasks_steering.unblock_command),
    announced(tasks_steering.assign_command),
    announced(tasks_steering.move_command),
    announced(tasks_steering.requeue_command),
    announced(tasks_steering.complete_command),
    announced(tasks_steering.fail_command),
    announced(tasks_steering.cancel_command),
    announced(tasks_files.import_command),
    tasks_files.export_command,
):
    app.command(_command.__name__.removesuffix("_command"))(_command)
