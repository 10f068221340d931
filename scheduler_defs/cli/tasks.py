"""`signalbox tasks`: add, read and steer the tasks of the agent queues."""

import typer

from scheduler_defs.cli import tasks_adding, tasks_files, tasks_reading, tasks_steering

app = typer.Typer(help="The agent queues' tasks.")

for _command in (
    tasks_adding.add_command,
    tasks_reading.list_command,
    tasks_reading.show_command,
    tasks_steering.comment_command,
    tasks_steering.block_command,
    tasks_steering.unblock_command,
    tasks_steering.assign_command,
    tasks_steering.move_command,
    tasks_steering.requeue_command,
    tasks_steering.complete_command,
    tasks_steering.fail_command,
    tasks_steering.cancel_command,
    tasks_files.import_command,
    tasks_files.export_command,
):
    app.command(_command.__name__.removesuffix("_command"))(_command)
