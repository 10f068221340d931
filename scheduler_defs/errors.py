"""Errors that end a command with one clear line and a defined exit code (docs: cli reference)."""


class SignalboxError(Exception):
    """The answer is no, or something is wrong with the input. Exit code 1."""

    exit_code = 1


class NotThereError(SignalboxError):
    """What was named is not there."""


class UsageError(SignalboxError):
    """The command was called wrongly. Exit code 2."""

    exit_code = 2


class NotReachableError(SignalboxError):
    """The stack, or the thing asked for, cannot be reached. Exit code 3."""

    exit_code = 3
