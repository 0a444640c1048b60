"""Pictures of the transition tables as Mermaid text: generated for the documents, so they cannot differ."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from broker.domain.jobs.job import JOB_TRANSITIONS, OUTPUT_TRANSITIONS
from broker.domain.ledger.spends import SPEND_TRANSITIONS

State = TypeVar("State", bound=StrEnum)


def mermaid(table: Mapping[State, frozenset[State]]) -> str:
    """A Mermaid state diagram; the first state of the table is the start, states without an arrow out are ends."""
    states = list(table)
    lines = ["stateDiagram-v2", f"    [*] --> {states[0]}"]
    for before in states:
        lines += [f"    {before} --> {after}" for after in states if after in table[before]]
        if not table[before]:
            lines.append(f"    {before} --> [*]")
    return "\n".join(lines)


def states_page() -> str:
    """The text of docs/reference/states.md."""
    return (
        "# States of jobs, outputs and spends\n\n"
        "Generated from the transition tables in `broker/domain`; a test keeps it equal. A job is not an output: it\n"
        "is decided when each of its outputs is, and has at most one release. A job under differential privacy has\n"
        "one spend, which is charged just before the first read of person data and never refunded after it.\n\n"
        f"## Jobs\n\n```mermaid\n{mermaid(JOB_TRANSITIONS)}\n```\n\n"
        f"## Outputs\n\n```mermaid\n{mermaid(OUTPUT_TRANSITIONS)}\n```\n\n"
        f"## Spends\n\n```mermaid\n{mermaid(SPEND_TRANSITIONS)}\n```\n"
    )
