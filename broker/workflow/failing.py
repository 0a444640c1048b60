"""An attempt that ends without outputs. Decides nothing: who raises it says why, and `run` ends the attempt."""

from dataclasses import dataclass

from broker.domain.jobs import FailureCode


@dataclass(frozen=True, slots=True)
class Failed(Exception):
    """The attempt ended without outputs: a code for staff."""

    code: FailureCode
