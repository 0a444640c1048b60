"""Attempts that end without outputs, or that another has overtaken. Decides nothing: who raises it says why, and who
runs the attempt ends it."""

from dataclasses import dataclass

from broker.domain.jobs import FailureCode

OVERTAKEN = frozenset({"stale", "already-running"})
"""Codes of the conflicts that an attempt meets whose lease is lost: the one that took over tells what happened."""


@dataclass(eq=False)
class Failed(Exception):
    """The attempt ended without outputs: a code for staff. Not frozen: a context manager sets its traceback."""

    code: FailureCode
