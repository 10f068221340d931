"""What each of GraphQL's mutations needs. One that is not named here is refused, whoever asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)

from scheduler_defs.access.table import Action, Principal

MUTATIONS: Mapping[str, Action] = {
    "launchRun": Action.RUN,
    "launchMultipleRuns": Action.RUN,
    "launchPipelineExecution": Action.RUN,
    "launchPipelineReexecution": Action.RUN,
    "launchRunReexecution": Action.RUN,
    "launchPartitionBackfill": Action.RUN,
    "resumePartitionBackfill": Action.RUN,
    "reexecutePartitionBackfill": Action.RUN,
    "scheduleDryRun": Action.RUN,
    "sensorDryRun": Action.RUN,
    "terminateRun": Action.CANCEL,
    "terminateRuns": Action.CANCEL,
    "terminatePipelineExecution": Action.CANCEL,
    "cancelPartitionBackfill": Action.CANCEL,
    "startSchedule": Action.SWITCH,
    "stopRunningSchedule": Action.SWITCH,
    "resetSchedule": Action.SWITCH,
    "startSensor": Action.SWITCH,
    "stopSensor": Action.SWITCH,
    "resetSensor": Action.SWITCH,
    "setAutoMaterializePaused": Action.SWITCH,
    "reloadRepositoryLocation": Action.EDIT,
    "reloadWorkspace": Action.EDIT,
    "refreshComponentState": Action.EDIT,
    "addDynamicPartition": Action.EDIT,
    "deleteDynamicPartitions": Action.EDIT,
    "reportRunlessAssetEvents": Action.REPORT,
    "reportAssetCheckEvaluations": Action.REPORT,
    "deleteRun": Action.ADMINISTER,
    "deletePipelineRun": Action.ADMINISTER,
    "wipeAssets": Action.ADMINISTER,
    "setSensorCursor": Action.ADMINISTER,
    "setConcurrencyLimit": Action.ADMINISTER,
    "deleteConcurrencyLimit": Action.ADMINISTER,
    "freeConcurrencySlots": Action.ADMINISTER,
    "freeConcurrencySlotsForRun": Action.ADMINISTER,
    "shutdownRepositoryLocation": Action.ADMINISTER,
    "setAppManagedComponent": Action.ADMINISTER,
    "deleteAppManagedComponent": Action.ADMINISTER,
    # They change nothing but what the UI shows of itself.
    "logTelemetry": Action.LOOK,
    "setNuxSeen": Action.LOOK,
    # Our own: each is a route of the API, and what it is about is looked at there.
    "signalboxPauseSchedule": Action.SWITCH,
    "signalboxResumeSchedule": Action.SWITCH,
    "signalboxAddTask": Action.STEER,
    "signalboxChangeTask": Action.STEER,
    "signalboxAddSubtask": Action.STEER,
    "signalboxCommentTask": Action.STEER,
    "signalboxBlockTask": Action.STEER,
    "signalboxUnblockTask": Action.STEER,
    "signalboxAnswerTask": Action.STEER,
    "signalboxCompleteTask": Action.STEER,
    "signalboxFailTask": Action.STEER,
    "signalboxRequeueTask": Action.STEER,
    "signalboxCancelTask": Action.STEER,
    "signalboxPauseAgent": Action.STEER,
    "signalboxResumeAgent": Action.STEER,
    "signalboxDrainAgent": Action.STEER,
    "signalboxApprove": Action.APPROVE,
    "signalboxDeny": Action.APPROVE,
    "signalboxPutOff": Action.STEER,
}


def refusal(document: DocumentNode, who: Principal) -> str | None:
    """Why he may not do what the document asks for; None where he may, as far as one can tell beforehand.

    What an action is about is known only while it is resolved: there Dagster asks for its permissions.
    """
    for name in mutations_of(document):
        action = MUTATIONS.get(name)
        if action is None:
            return f"{name} is a mutation that no role may call"
        if not who.may_somewhere(action):
            return f"{name}: {who.refusal(action)}"
    return None


def mutations_of(document: DocumentNode) -> Iterator[str]:
    """The fields at the top of all mutations of the document, through fragments."""
    fragments = {
        item.name.value: item for item in document.definitions if isinstance(item, FragmentDefinitionNode)
    }
    for item in document.definitions:
        if isinstance(item, OperationDefinitionNode) and item.operation is OperationType.MUTATION:
            yield from _fields(item.selection_set, fragments, set())


def _fields(
    selected: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], seen: set[str]
) -> Iterator[str]:
    for item in selected.selections:
        match item:
            case FieldNode():
                yield item.name.value
            case InlineFragmentNode():
                yield from _fields(item.selection_set, fragments, seen)
            case FragmentSpreadNode() if item.name.value in fragments and item.name.value not in seen:
                seen.add(item.name.value)
                yield from _fields(fragments[item.name.value].selection_set, fragments, seen)
            case _:
                pass
