"""One output judged by itself, without the tables of the job that are linked to it and without a release history."""

from broker.disclosure import judged_tables
from broker.disclosure.judge_job import assessment_of, has_hidden_cells, judge_tables, judging_input
from broker.domain.evidence import OutputEvidence
from broker.domain.findings import Assessment
from broker.domain.plans.plan import PlannedOutput
from broker.policy.disclosure_rules import DisclosureRules, ZeroPolicy


def judge_output(
    planned: PlannedOutput,
    evidence: OutputEvidence,
    profile: DisclosureRules,
    registers: judged_tables.Registers | None = None,
) -> Assessment:
    """Judge one output by itself: judge and protect every table's cells. The post-aggregation sees protected values
    only.

    No visible trace: zero and full cells that would need a review (ZeroPolicy.REVIEW) are hidden here under the same
    symbol as small cells, so neither the table nor its way to release distinguishes them. If the population of any
    table is under the threshold, the output is the same as that of an empty population.
    """
    judging = judging_input(planned, evidence, profile)
    tables = judge_tables(judging, registers or {})
    if profile.zeros is ZeroPolicy.PUBLISH and has_hidden_cells(tables):
        judging = judging.with_zeros_hidden()
        tables = judge_tables(judging, registers or {})
    return assessment_of(judging, tables)
