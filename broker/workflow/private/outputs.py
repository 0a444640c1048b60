"""Noisy answers as outputs: the table that may leave, and its record and words, kept for staff as for release. Decides
nothing but whether policy lets it go without a person."""

import json
from collections.abc import Iterator, Sequence

from broker.disclosure.records.renderings import released_csv
from broker.disclosure.records.stored_form import assessment_to_json
from broker.domain.findings import Assessment
from broker.domain.outputs import OutputKind
from broker.domain.ports import Lease, WorkerPorts
from broker.policy.models import Policies
from broker.privacy.results.cells import told
from broker.privacy.results.record import record
from broker.privacy.results.table import Sheet, assessed
from broker.privacy.results.words import plain_words
from broker.workflow.assess import Concluded, conclude
from broker.workflow.prepared import CSV, Prepared
from broker.workflow.private.answers import NoisyAnswer, from_bytes
from broker.workflow.private.asking import PrivateJob
from broker.workflow.private.attempt import Answered
from broker.workflow.private.by_blocks.asking import PrivateScript
from broker.workflow.private.by_blocks.outputs import record_of_script, table_of
from broker.workflow.private.by_blocks.running import from_bytes as from_script
from broker.workflow.private.record_head import RECORD, VERSION
from broker.workflow.private.texts import PrivateText
from broker.workflow.relations import project_or_unknown


def assess_private(
    ports: WorkerPorts,
    lease: Lease,
    policies: Policies,
    private: PrivateText,
    found: Answered,
    snapshot: str,
    declared: Sequence[tuple[str, str]] = (),
) -> None:
    """Move the job to `assessing` with its noisy outputs. Where policy asks for votes, people look as at others."""
    concluded = Concluded(snapshot, found.image, found.runtime)
    if isinstance(private, PrivateScript):
        made = table_of(private, from_script(private.made, found.content))
        prepared = [_prepared(made, record_of_script(private), private)]
        conclude(ports, lease, policies, prepared, concluded, declared)
        return
    project = project_or_unknown(policies, lease.job.submission.project)
    steps = policies.profile(project.profile).max_group_steps
    how = record_of(private)
    answer = from_bytes(private.made, found.content)
    conclude(ports, lease, policies, [_prepared(a, how, private) for a in tables_of(private, answer, steps)], concluded)


def tables_of(private: PrivateJob, answer: NoisyAnswer, steps: int) -> Iterator[Assessment]:
    """Each output of the job as it may leave."""
    sheet = Sheet(words_of(private), private.is_automatic, steps)
    for number, (planned, measured) in enumerate(zip(private.plan.outputs, private.measured, strict=True)):
        found = [
            told(private.made, answer.drawn, t, private.profile, answer.observed[t]) for t in private.tables_of(number)
        ]
        yield assessed(planned, measured, found, answer.public[number], sheet)


def words_of(private: PrivateJob) -> tuple[str, ...]:
    rules = dict.fromkeys(line for m in private.measured for line in m.kept)
    return (*plain_words(private.made, private.promise, private.profile), *rules)


def record_of(private: PrivateJob) -> dict[str, object]:
    """For machines: what was promised and how. It follows from text and policy, so it is the same whatever the data
    are."""
    found = record(private.made, private.promise, private.profile)
    head = {"record": RECORD, "version": VERSION, "profile": private.profile.name}
    rules = list(dict.fromkeys(line for m in private.measured for line in m.kept))
    return {**head, **found, "left_out_as_a_rule": rules, "data_sets": list(private.datasets)}


def _prepared(assessment: Assessment, how: dict[str, object], private: PrivateText) -> Prepared:
    staff = json.dumps(assessment_to_json(assessment) | {"privacy": how})
    findings = json.dumps([[f.rule, f.verdict.value, f.column] for f in assessment.findings])
    return Prepared(
        name=assessment.name,
        kind=OutputKind.TABLE,
        media_type=CSV,
        staff=staff.encode(),
        candidate=released_csv(assessment),
        findings=findings + private.profile.name,
        verdict=assessment.verdict,
        small=False,
    )
