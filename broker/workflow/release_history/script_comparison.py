"""Compares the tables that a script requested with the release history while their rows exist."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from broker.disclosure.judge_job import judge_job
from broker.disclosure.judged_tables import HistoryConstraint
from broker.disclosure.rules import evidence_needs
from broker.domain.evidence import JobEvidence
from broker.domain.findings import Assessment
from broker.domain.jobs.script_requests import MicrodataSchema
from broker.domain.plans.plan import Plan
from broker.domain.ports import SubmittedMicrodata, WorkerPorts
from broker.domain.ports.history_ports import TableAddress, TableMembers
from broker.domain.projects.project import ResearchProject
from broker.evidence.member_tables import MemberTable
from broker.policy.disclosure_rules import DisclosureRules
from broker.policy.policy_set import PolicySet
from broker.workflow.release_history import history_tables
from broker.workflow.release_history.comparison_records import ComparedTable, compared_table
from broker.workflow.release_history.comparison_rounds import JobComparison
from broker.workflow.run_context import members_limits, run_to_end


@dataclass(frozen=True, slots=True)
class ScriptTableBatch:
    """Planned tables of the same submitted rows with their evidence, and the job's tables that were compared before
    them."""

    plan: Plan
    rows: MicrodataSchema
    microdata: SubmittedMicrodata
    evidence: JobEvidence
    earlier_tables: Sequence[MemberTable]


def compare_script_tables(
    ports: WorkerPorts, batch: ScriptTableBatch, project: ResearchProject, policies: PolicySet
) -> tuple[ComparedTable, ...]:
    """Return the compared tables, one for each output of the plan, in its order."""
    profile = policies.disclosure_rules(project.profile)
    registers = ports.vaults.registers(batch.microdata.vault)

    def judge(constraints: Mapping[TableAddress, HistoryConstraint]) -> Sequence[Assessment]:
        return judge_job(batch.plan, batch.evidence, profile, registers, history=constraints)

    snapshot, now, origin = batch.microdata.vault.snapshot, ports.clock.now(), _row_origin(batch)
    members = {m.address: m for m in _members(ports, batch, profile, policies)}
    request = history_tables.ComparisonRequest(
        project.ident, snapshot, profile, now, batch.plan, members, judge, policies, batch.earlier_tables, origin
    )
    comparing = JobComparison(ports, request)
    found = comparing.run(judge({}))
    return tuple(compared_table(comparing, found, n, project.ident) for n in range(len(batch.plan.outputs)))


def _row_origin(batch: ScriptTableBatch) -> history_tables.ScriptRowOrigin:
    """Return the tables whose pseudonyms the rows have, in the years that the script may read."""
    tables = {key.table for key in batch.rows.keys}
    uses = [use for use in batch.microdata.inputs if use.table in tables]
    places = frozenset((use.table, year) for use in uses for year in (use.years if use.years is not None else (None,)))
    # A plan cannot say which rows a script chose, so the recipe includes the rows themselves.
    return history_tables.ScriptRowOrigin(sha256(batch.microdata.content).hexdigest(), places)


def _members(
    ports: WorkerPorts, batch: ScriptTableBatch, profile: DisclosureRules, policies: PolicySet
) -> list[TableMembers]:
    history, limits, microdata = history_tables.history_ports(ports), members_limits(policies), batch.microdata
    numbers = history.populations.numbers(microdata.vault)
    found: list[TableMembers] = []
    # One table for each sandbox run, because a row for each person of several tables would exceed the limits.
    for where in history.engine.shown(batch.plan):
        request = history.engine.prepare_script_members(
            batch.plan, batch.rows, microdata, limits, evidence_needs(profile), [where]
        )
        result = run_to_end(ports.sandbox, request)
        found += history.engine.read_script_members(batch.plan, result.frames, numbers, [where])
    return found
