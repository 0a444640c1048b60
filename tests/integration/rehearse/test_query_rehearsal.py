"""A rehearsal judges like a job, and shows the destination of each output, the reason, and the meaning of a failure."""

from dataclasses import replace
from datetime import date

import pytest

from broker.disclosure.judge_job import judge_job
from broker.disclosure.rules import evidence_needs
from broker.domain.errors import Invalid
from broker.domain.findings import Verdict
from broker.domain.jobs.job import JobKind, OutputState
from broker.domain.ports import SandboxEnd, SandboxRequest, SandboxResult
from broker.domain.projects.project import ResearchProject
from broker.workflow.checking.submission_check import CheckedSubmission, check_submission
from broker.workflow.rehearsal.query_rehearsal import rehearse_query
from broker.workflow.run_context import limits_for

TODAY = date(2026, 11, 24)
BY_LA = "SELECT la_code, COUNT(*) AS n FROM npd_pupil GROUP BY la_code"
NOBODY = "SELECT la_code, COUNT(*) AS n FROM npd_pupil WHERE ks2_score = 80 AND sen = 'E' AND fsm = 1 GROUP BY la_code"
CONTEXT = """SELECT p.la_code, COUNT(*) AS n FROM npd_pupil p
JOIN (SELECT school_urn, AVG(ks2_score) AS usual FROM npd_pupil GROUP BY school_urn) AS s
  ON s.school_urn = p.school_urn WHERE p.ks2_score > s.usual GROUP BY p.la_code"""


@pytest.fixture
def project(policies) -> ResearchProject:
    found = policies.project("FIXTURE")
    return found


def accepted(text: str, project: ResearchProject, policies) -> CheckedSubmission:
    checked = check_submission(text, JobKind.SQL, "duckdb", project, policies, TODAY)
    assert checked.accepted, checked.refusals
    return checked


def test_every_output_is_judged_by_its_evidence_and_the_projects_profile(policies, project, stage_of):
    stage, checked = stage_of("FIXTURE"), accepted(f"{BY_LA};\n{NOBODY}", project, policies)
    plan = checked.plan
    profile, vault = policies.disclosure_rules(project.profile), stage.vaults.ensure(project.ident, stage.snapshot)
    needs = evidence_needs(profile)
    asked = stage.ports.engine.prepare(plan, vault, "j", 1, limits_for(JobKind.SQL, policies), needs)
    evidence = stage.ports.engine.read(plan, stage.ports.sandbox.run(asked).frames, needs)
    expected = judge_job(plan, evidence, profile, stage.vaults.registers(vault))
    found = rehearse_query(stage.context(checked, project, policies))
    assert tuple(r.assessment for r in found) == expected
    assert [r.assessment.small for r in found] == [False, True]


def test_the_parts_of_a_rehearsal_are_reported_when_they_begin(policies, project, stage_of):
    steps: list[tuple[str, int, int]] = []
    checked = accepted(BY_LA, project, policies)
    rehearse_query(stage_of("FIXTURE").context(checked, project, policies, lambda *step: steps.append(step)))
    assert [step for step in steps if step[0] in {"run", "assess"}] == [("run", 1, 3), ("assess", 2, 3)]


@pytest.mark.parametrize(
    ("votes", "text", "way", "why"),
    [
        (0, BY_LA, OutputState.APPROVED, []),
        (1, BY_LA, OutputState.IN_REVIEW, ["requires votes"]),
        (0, NOBODY, OutputState.IN_REVIEW, ["A4: "]),
        (0, CONTEXT, OutputState.IN_REVIEW, ["A3: "]),
        (2, CONTEXT, OutputState.IN_REVIEW, ["A3: ", "requires votes"]),
    ],
)
def test_where_it_would_go_and_why(votes, text, way, why, policies, project, stage_of):
    asker = replace(project, votes=votes)
    (found,) = rehearse_query(stage_of("FIXTURE").context(accepted(text, project, policies), asker, policies))
    assert found.route is way
    assert all(any(part in sentence for sentence in found.why) for part in why)
    assert bool(found.why) == bool(why)
    assert any("requires votes" in sentence for sentence in found.why) == (votes > 0)
    assert (Verdict.REVIEW is found.assessment.verdict) == (text in {CONTEXT, NOBODY})


class Ends:
    """A runner whose engine ends badly."""

    def __init__(self, end: SandboxEnd) -> None:
        self.end = end

    def run(self, request: SandboxRequest) -> SandboxResult:
        return SandboxResult(self.end, (), "", "here", 0.1, b"The engine's own words.")


@pytest.mark.parametrize("end", [e for e in SandboxEnd if e is not SandboxEnd.ENDED])
def test_a_bad_end_is_an_error_with_the_engines_words(end, policies, project, stage_of):
    whole = stage_of("FIXTURE")
    stage = replace(whole, ports=replace(whole.ports, sandbox=Ends(end)))
    with pytest.raises(Invalid) as caught:
        rehearse_query(stage.context(accepted(BY_LA, project, policies), project, policies))
    assert caught.value.code == end.value.replace("_", "-")
    assert caught.value.message.endswith("The engine's own words.")
    assert ("limit" in caught.value.message) == ("limit" in end.value)
