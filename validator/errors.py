"""The few exceptions of ours: the operator's faults and our own, never a registry's behaviour.

Each carries one sentence (what, where, what to do) and the exit code of `contract`: 2 for what the operator can
mend, 4 for what only we can. A registry's answer, however odd, is evidence and never an exception.
"""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command."""

    GOOD = 0
    BAD = 1
    USAGE = 2
    CANNOT_TELL = 3
    OURS = 4


class ValidatorError(Exception):
    """Base of all; `str(error)` is the one sentence that a person reads, and holds no secret."""

    exit_code: Exit = Exit.OURS


class ConfigError(ValidatorError):
    """A setting, option or file of the operator cannot be used."""

    exit_code = Exit.USAGE


class UsageError(ConfigError):
    """The command line asks for something that cannot be done."""


class StoreError(ValidatorError):
    """The credential store or its key cannot be opened or read."""

    exit_code = Exit.USAGE


class StoreLost(ValidatorError):
    """The store went away while we worked: the disk is full, the database is gone."""

    exit_code = Exit.OURS


class Bug(ValidatorError):
    """Something that cannot happen happened; it is ours."""
