"""Turns noisy answers into outputs: the table that may leave, with its record and notes, the same for staff and for
release.

Decides only whether policy lets an output leave without a person.
"""

from collections.abc import Iterator
from dataclasses import replace

from broker.domain.findings import Assessment
from broker.privacy.results.cell_results import results_by_set
from broker.privacy.results.output_table import AssessmentOptions, assess_private_output
from broker.privacy.results.privacy_record import plain_words, privacy_record
from broker.workflow.pipeline.draft_output import DraftOutput, draft_table
from broker.workflow.private_jobs import private_request
from broker.workflow.private_jobs.private_answers import NoisyAnswer, answer_from_bytes
from broker.workflow.private_jobs.private_blocks import block_answer_from_bytes, block_table, script_privacy_record
from broker.workflow.run_context import RunContext


def draft_private(context: RunContext, content: bytes) -> list[DraftOutput]:
    """Draft the noisy outputs of a stored answer. If policy requires votes, people review them like others."""
    private = context.checked.private
    if isinstance(private, private_request.PrivateScript):
        table = block_table(private, block_answer_from_bytes(private.aggregation, content))
        return [_draft_output(table, script_privacy_record(private), private)]
    assert private is not None
    record_of_method = query_privacy_record(private)
    tables = noisy_tables(private, answer_from_bytes(private.design, content), context.profile.max_group_steps)
    return [_draft_output(table, record_of_method, private) for table in tables]


def noisy_tables(private: private_request.PrivateQuery, answer: NoisyAnswer, steps: int) -> Iterator[Assessment]:
    """Yield each output of the job as it may leave."""
    sheet = AssessmentOptions(method_words(private), private.is_automatic, steps)
    for number, (planned, measured) in enumerate(zip(private.plan.outputs, private.measured, strict=True)):
        found = [
            results_by_set(private.design, answer.drawn, t, private.profile, answer.observed[t])
            for t in private.tables_of(number)
        ]
        yield assess_private_output(planned, measured, found, answer.public[number], sheet)


def method_words(private: private_request.PrivateQuery) -> tuple[str, ...]:
    # Stated as rules: how many rows they left out depends on the data.
    return (*plain_words(private.design, private.promise, private.profile), *private.omissions)


def query_privacy_record(private: private_request.PrivateQuery) -> dict[str, object]:
    """Return the machine-readable record of what was promised and how. It follows from text and policy, not from the
    data."""
    found = privacy_record(private.design, private.promise, private.profile)
    head = {
        "record": private_request.PRIVACY_RECORD,
        "version": private_request.PRIVACY_RECORD_VERSION,
        "profile": private.profile.name,
    }
    return {**head, **found, "left_out_as_a_rule": list(private.omissions), "data_sets": list(private.datasets)}


def _draft_output(
    assessment: Assessment, record_of_method: dict[str, object], private: private_request.PrivateText
) -> DraftOutput:
    draft = draft_table(assessment, assessment.name, private.profile.name, privacy=record_of_method)
    return replace(draft, small=False)
