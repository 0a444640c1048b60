"""Turns noisy answers into outputs: the table that may leave, with its record and notes, the same for staff and for
release.

Decides only whether policy lets an output leave without a person.
"""

from collections.abc import Iterator

from broker.domain.findings import Assessment
from broker.privacy.results.cell_results import results_by_set
from broker.privacy.results.output_table import assess_private_output
from broker.privacy.results.privacy_record import plain_words, privacy_record
from broker.privacy.sample_and_aggregate import aggregation_record
from broker.workflow.pipeline.draft_output import DraftOutput, draft_table
from broker.workflow.private_jobs import private_request
from broker.workflow.private_jobs.private_answers import NoisyAnswer, answer_from_bytes
from broker.workflow.private_jobs.private_blocks import block_answer_from_bytes, block_table
from broker.workflow.run_context import RunContext

PRIVACY_RECORD, PRIVACY_RECORD_VERSION = "npd-broker privacy record", 1


def draft_private(context: RunContext, content: bytes) -> list[DraftOutput]:
    """Draft the noisy outputs of a stored answer. If policy requires votes, people review them like others."""
    private = context.checked.private
    assert private is not None
    record_of_method = method_record(private)
    if isinstance(private, private_request.PrivateScript):
        tables = iter([block_table(private, block_answer_from_bytes(private.design, content))])
    else:
        answer = answer_from_bytes(private.design, content)
        tables = noisy_tables(private, answer, context.profile.max_group_steps)
    return [draft_table(table, table.name, private.profile.name, privacy=record_of_method) for table in tables]


def noisy_tables(private: private_request.PrivateQuery, answer: NoisyAnswer, steps: int) -> Iterator[Assessment]:
    """Yield each output of the job as it may leave."""
    # Stated as rules: how many rows they left out depends on the data.
    notes = (*plain_words(private.design, private.promise, private.profile), *private.omissions)
    for number, (planned, measured) in enumerate(zip(private.plan.outputs, private.measured, strict=True)):
        found = [
            results_by_set(private.design, answer.drawn, t, private.profile, answer.observed[t])
            for t in private.tables_of(number)
        ]
        yield assess_private_output(
            planned, measured, found, answer.public[number],
            notes=notes, is_automatic=private.is_automatic, max_steps=steps,
        )  # fmt: skip


def method_record(private: private_request.PrivateText) -> dict[str, object]:
    """Return the machine-readable record of what was promised and how. It follows from text and policy, not from the
    data."""
    if isinstance(private, private_request.PrivateScript):
        found = aggregation_record(private.design, private.promise, private.profile)
    else:
        found = privacy_record(private.design, private.promise, private.profile)
    head = {"record": PRIVACY_RECORD, "version": PRIVACY_RECORD_VERSION, "profile": private.profile.name}
    return {**head, **found, "left_out_as_a_rule": list(private.omissions), "data_sets": list(private.datasets)}
