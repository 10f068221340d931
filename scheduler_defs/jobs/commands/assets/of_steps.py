"""The assets that the steps of a declared job make: its graph of steps as one graph-backed definition.

Dagster gives a graph's outputs to assets and checks. So each step has an output for each of them beside the
one that says that it has succeeded, and what it is made from outside of the job is an input of the graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg

from scheduler_defs import tags
from scheduler_defs.declarations.models.declared import Job, Step
from scheduler_defs.declarations.names import dagster_name
from scheduler_defs.jobs.commands.assets.outcome import GROUP, asset_metadata, check_specs, key_of, make
from scheduler_defs.jobs.commands.job import DONE
from scheduler_defs.jobs.commands.params import config_fields
from scheduler_defs.jobs.commands.retries import step_retries
from scheduler_defs.jobs.commands.spec import of_step, op_name
from scheduler_defs.jobs.commands.steps_job import dependencies, input_of, queue_of


def step_assets(job: Job) -> dg.AssetsDefinition:
    """The assets of all steps of the job. They are made together, as the steps need each other."""
    steps = tuple((job.steps or {}).values())
    made = job.all_assets
    inputs = _inputs(job)
    outputs = {name: output for step in steps for name, output in _outputs(step).items()}
    graph = dg.GraphDefinition(
        name=op_name(job, ""),
        node_defs=[_op(job, step) for step in steps],
        dependencies=dependencies(job),
        input_mappings=[
            dg.InputMapping(
                graph_input_name=inputs[name],
                mapped_node_name=dagster_name(step.name),
                mapped_node_input_name=inputs[name],
            )
            for step in steps
            for name in _outside(job, step)
        ],
        output_mappings=[
            dg.OutputMapping(
                graph_output_name=output,
                mapped_node_name=dagster_name(step.name),
                mapped_node_output_name=output,
            )
            for step in steps
            for output in (*_outputs(step).values(), *_checks(step))
        ],
        description=job.description,
        config=dg.ConfigMapping(
            config_fn=lambda values: {dagster_name(step.name): {"config": values} for step in steps},
            config_schema=config_fields(dagster_name(job.name), job.params),
        ),
    )
    return dg.AssetsDefinition.from_graph(
        graph,
        keys_by_input_name={own: key_of(name) for name, own in inputs.items()},
        keys_by_output_name={output: key_of(name) for name, output in outputs.items()},
        internal_asset_deps={outputs[name]: set(map(key_of, asset.deps)) for name, asset in made.items()},
        group_names_by_output_name={outputs[name]: asset.group or GROUP for name, asset in made.items()},
        descriptions_by_output_name={
            outputs[name]: said
            for name, asset in made.items()
            if (said := asset.description or job.description)
        },
        metadata_by_output_name={output: asset_metadata(job) for output in outputs.values()},
        check_specs=check_specs(made.values()),
    )


def _op(job: Job, step: Step) -> dg.OpDefinition:
    spec = of_step(job, step)
    own = tuple(step.assets.values())
    inputs = _inputs(job)
    outputs = (*_outputs(step).values(), *_checks(step))
    after = (*map(input_of, step.needs), *(inputs[name] for name in _outside(job, step)))

    # Dagster wants no output of which no asset comes.
    is_needed = any(step.name in other.needs for other in (job.steps or {}).values())

    # Dagster reads the annotation of `context`, and not as a string.
    def compute(context, _inputs) -> Iterator[Any]:
        metadata: dict[str, Any] = {}
        yield from make(context, spec, own, metadata)
        if is_needed:
            yield dg.Output(None, output_name=DONE, metadata=metadata)

    return dg.OpDefinition(
        name=op_name(job, step.name),
        compute_fn=compute,
        ins={name: dg.In(dg.Nothing) for name in after},
        outs={
            **({DONE: dg.Out(dg.Nothing)} if is_needed else {}),
            # What a command that fails says of its checks, it says without having made anything.
            **{name: dg.Out(dg.Nothing, is_required=False) for name in outputs},
        },
        config_schema=config_fields(dagster_name(job.name), job.params),
        # Materialised by themselves, the assets count as a run of their job.
        tags={tags.JOB: job.name, **queue_of(job, step)},
        retry_policy=step_retries(step.retries),
    )


def _inputs(job: Job) -> dict[str, str]:
    """What the job's assets are made from that it does not make itself, and the graph's inputs for it."""
    found = dict.fromkeys(name for step in (job.steps or {}).values() for name in _outside(job, step))
    return {name: f"from_{number}" for number, name in enumerate(found)}


def _outside(job: Job, step: Step) -> list[str]:
    made = job.all_assets
    return list(dict.fromkeys(dep for asset in step.assets.values() for dep in asset.deps if dep not in made))


def _outputs(step: Step) -> dict[str, str]:
    """The outputs for the assets, under names that no two keys share."""
    name = dagster_name(step.name)
    return {asset: f"asset_{number}_of_{name}" for number, asset in enumerate(step.assets)}


def _checks(step: Step) -> list[str]:
    """The outputs for the checks, under the names that Dagster looks for."""
    return [spec.get_python_identifier() for spec in check_specs(step.assets.values())]
